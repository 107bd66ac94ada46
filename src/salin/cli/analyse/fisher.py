"""`salin analyse fisher`: which parameters matter in which language."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from salin.cli import options
from salin.errors import SettingError


def fisher(
    model: Annotated[
        str, typer.Argument(help="A bundled model, a folder or a Hugging Face id.", metavar="MODEL")
    ] = "salin-tiny",
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            "--corpus",
            metavar="[CODE=]FILE",
            help="Labelled sentences of a language, best such that no tagger was trained on; give it for each.",
        ),
    ] = None,
    finetuned: Annotated[
        list[str] | None,
        typer.Option(
            "--finetuned",
            metavar="CODE=MODEL",
            help="What MODEL has become by fine-tuning on that language; give it again for more.",
        ),
    ] = None,
    top: Annotated[
        float, typer.Option("--top", help="The share of a layer's parameters that are called the most important.")
    ] = 0.1,
    sentences: Annotated[
        int,
        typer.Option("--sentences", min=2, help="Of each language; all have as many as the smallest, if that is less."),
    ] = 500,
    plot: options.Plot = None,
    as_json: options.AsJson = False,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Compare which parameters of a tagger matter in which language, by their Fisher information on gold tags.

    Two languages are compared by halves of their sentences, and so are two halves of one: what these have in common is
    what sentences alone make of it. Types that not all of them annotate take no part. With --finetuned, how far each
    parameter moved is compared with how important it was before and is afterwards.
    """
    from salin.analysis.fisher_figure import plot_fisher
    from salin.analysis.fisher_report import fisher_report
    from salin.analysis.fisher_table import movement_table, overlap_table
    from salin.cli.console import advancing, note, output, print_json
    from salin.cli.corpora import ReadOptions, read_named
    from salin.evaluation.figures import check_figure
    from salin.models import Tagger

    if not corpus:
        raise SettingError("there is no language to look at: give --corpus CODE=FILE")
    if plot is not None:
        check_figure(plot)
    tuned = dict(map(_named, finetuned or ()))
    corpora = read_named(
        "--corpus", corpus, label_map, ReadOptions(format, on_error, token_column, tag_column, offsets)
    )
    with advancing("sentences", model) as advance:
        report = fisher_report(
            Tagger.from_pretrained(model),
            corpora,
            {code: partial(Tagger.from_pretrained, name) for code, name in tuned.items()},
            top=top,
            sentences=sentences,
            advance=advance,
        )
    if plot is not None:
        plot_fisher([report], plot)
        note(f"{plot}: overlaps" + (", and how far parameters moved" if tuned else ""))
    if as_json:
        print_json({"model": model, "finetuned": tuned, **asdict(report)})
        return
    output.print(overlap_table([report], f"{model}: what languages share"), soft_wrap=True)
    if tuned:
        output.print(movement_table([report], f"{model}: what fine-tuning moved"), soft_wrap=True)


def _named(text: str) -> tuple[str, str]:
    code, equals, model = text.partition("=")
    if not (code and equals and model):
        raise SettingError(f"--finetuned {text}: write CODE=MODEL, such as es=runs/spanish")
    return code, model
