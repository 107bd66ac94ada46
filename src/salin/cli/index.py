"""`salin index`: keep what adapting needs of a source corpus, so that it need not be made anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from salin.cli import options
from salin.errors import DataError, SettingError

if TYPE_CHECKING:
    from salin.corpus import Corpus
    from salin.models import Tagger
    from salin.retrieval import SourceIndex


def index(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the index.")],
    model: options.Model = "salin-tiny",
    source: options.Source = None,
    source_map: options.SourceMap = None,
    vectors: options.Vectors = None,
    target: options.Target = None,
    factors: Annotated[
        Literal["all", "reached"] | None,
        typer.Option(
            "--factors",
            help="Keep the gradients of source sentences too, so that none is computed while tagging: of all, or of "
            "those that the sentences of --target would learn from.",
            rich_help_panel="Adaptation",
        ),
    ] = None,
    k: options.K = None,
    rule: options.UpdateRule = None,
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Make an index of labelled source sentences, for the option --index of other commands.

    It holds the checksums of the source and the model, and serves with no others. Gradients (--factors) take much room:
    how much is said before they are computed, and refused where the disk has less. They serve one rule, with one step.
    """
    from salin.baselines import is_rules
    from salin.cli.console import note
    from salin.cli.corpora import ReadOptions, read_source
    from salin.cli.run_folder import check_replaceable
    from salin.corpus import iter_sentences

    if is_rules(model):
        raise SettingError(f"{model} has no weights that could adapt, so it needs no index")
    if factors is None and (k is not None or rule is not None):
        raise SettingError(f"{'--k' if k is not None else '--rule'} is about gradients: give --factors too")
    if k is not None and factors == "all":
        raise SettingError("--k decides what is reached: give --factors reached")
    if factors == "reached" and target is None:
        raise SettingError("--factors reached is about a text: give --target")
    check_replaceable(out, "index.json")

    from salin.adaptation.adapter import DEFAULT_VECTORS
    from salin.models import Tagger
    from salin.retrieval import SourceIndex, VectorSettings, as_pairs

    tagger = Tagger.from_pretrained(model)
    reading = ReadOptions(on_error=on_error, token_column=token_column, tag_column=tag_column, offsets=offsets)
    corpus = read_source(source, source_map, tagger.labels, reading)
    plain = () if target is None else list(iter_sentences(target, labelled=False))
    made = SourceIndex.build(tagger, corpus.sentences, VectorSettings.parse(vectors or DEFAULT_VECTORS), plain)
    if factors is None:
        made.save(out, corpus)
    else:
        chosen: Iterable[int] = range(len(corpus))
        if factors == "reached":
            near = as_pairs(*made.nearest([sentence for sentence in plain if sentence.words], k or 2))
            chosen = sorted({index for row in near for index, _ in row})
            if not chosen:
                raise DataError("there are no words in it", path=target, remedy="Give sentences of the target language")
        _save_with_gradients(made, out, corpus, tagger, rule or "sgd", chosen)
    note(f"{out}: {len(corpus):,} sentences, {made.source.shape[1]} numbers each, {made.vectors.settings}")


def _save_with_gradients(
    made: SourceIndex, out: Path, corpus: Corpus, tagger: Tagger, rule: str, sentences: Iterable[int]
) -> None:
    from salin.adaptation.adapter import Adapter
    from salin.adaptation.store import check_room, made_with, write_store
    from salin.cli.console import counted, counting, note
    from salin.cli.sizes import in_words

    adapter = Adapter(tagger, corpus, index=made, rule=rule, keep=0)
    kept = adapter.kept
    assert kept is not None
    chosen = [index for index in sentences if corpus[index].words]
    size = kept.size(chosen)
    note(f"the gradients of {len(chosen):,} of {len(corpus):,} sentences take {in_words(size)} of disk")
    check_room(out, size)
    with made.saving(out, corpus) as folder, counting("sentences") as bar:
        computed = counted(kept.computed(chosen), bar, "computing gradients")
        write_store(folder, computed, kept.packing, size, kept.dtype, made_with(corpus, tagger, adapter.rule))
