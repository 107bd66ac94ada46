"""`salin export`: a tagger for other engines, written only when it tags as the tagger does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from salin.errors import SettingError

if TYPE_CHECKING:
    from rich.table import Table

    from salin.models.export import ExportReport


def export(
    model: Annotated[
        str,
        typer.Argument(help="A bundled model, a folder, or a Hugging Face id.", metavar="MODEL", show_default=False),
    ],
    onnx: Annotated[
        Path, typer.Option("--onnx", metavar="DIR", help="The folder to write: ONNX, tokenizer and settings.")
    ],
    dtype: Annotated[
        Literal["fp32", "int8"],
        typer.Option("--dtype", help="Of the weights. int8 is a quarter of the size, quicker, and not quite the same."),
    ] = "fp32",
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="FILE",
            help="Sentences on which both have to agree; labels are not read. Default: the test sentences of the "
            "bundled open corpus, in eight languages.",
        ),
    ] = None,
    min_agreement: Annotated[
        float,
        typer.Option("--min-agreement", min=0, max=1, help="Share of the words that must get the same tag."),
    ] = 0.99,
) -> None:
    """Export a tagger to ONNX, as a folder that `salin tag --model DIR` runs with onnxruntime.

    The export tags the sentences of --check beside the tagger; where the two do not agree, nothing is written. It can
    tag, and nothing else: keep the tagger. Needs the extra onnx.
    """
    from salin.baselines import is_rules
    from salin.cli.console import note, output
    from salin.cli.run_folder import check_replaceable
    from salin.corpus import iter_sentences, load_open_corpus
    from salin.corpus.open_corpus import open_corpus_parts

    if is_rules(model):
        raise SettingError(f"{model} has no network that could be exported")
    check_replaceable(onnx, "model.onnx")
    if check is not None:
        sentences = list(iter_sentences(check, labelled=False))
    else:
        tests = [language for language, split in open_corpus_parts() if split == "test"]
        sentences = [sentence for language in tests for sentence in load_open_corpus(language, "test")]

    from salin.models import Tagger
    from salin.models.export import export_onnx

    tagger = Tagger.from_pretrained(model)
    report = export_onnx(tagger, onnx, sentences, dtype=dtype, min_agreement=min_agreement)
    output.print(_table(report))
    note(f"{onnx}: tag with it by `salin tag --model {onnx}`")


def _table(report: ExportReport) -> Table:
    from rich.table import Table

    found = report.agreement
    before, after = found.seconds
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "words with the same tag": f"{found.by_word:.2%} of {found.words:,}",
        "sentences with the same entities": f"{found.by_sentence:.2%} of {found.sentences:,}",
        "entities that the tagger finds": f"{found.entities:,}",
        "largest difference of scores": f"{found.largest_difference:.2g}",
        "size of the weights": f"{report.bytes_after / 1e6:,.1f} MB, of {report.bytes_before / 1e6:,.1f} in fp32",
        "sentences a second": f"{found.sentences / after:,.0f}, the tagger {found.sentences / before:,.0f}: "
        f"{before / after:.2f} times",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
