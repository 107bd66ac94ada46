"""`salin evaluate`: score a tagger on labelled sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from salin.cli import options
from salin.corpus import Corpus, Sentence, SentenceTagger
from salin.corpus.labels import dropping
from salin.errors import DataError


def evaluate(
    data: Annotated[Path, typer.Argument(help="Labelled sentences.", metavar="DATA")],
    model: options.Model = "salin-tiny",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Where the result goes as JSON, for `salin compare`; - is --json."
        ),
    ] = None,
    as_json: options.AsJson = False,
    label_map: options.LabelMap = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="A,B,...", help="Count only these, in data and predictions alike.")
    ] = None,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient",
            help="Beside it the lenient token F1 that translation systems are published with; it is no substitute.",
        ),
    ] = False,
    system: Annotated[str | None, typer.Option("--system", help="What to call the tagger in the result.")] = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    adapt: options.Adapt = False,
    source: options.Source = None,
    source_map: options.SourceMap = None,
    source_lexicon: options.SourceLexicon = None,
    k: options.K = None,
    rule: options.UpdateRule = None,
    rate: options.Rate = None,
    steps: options.InnerSteps = None,
    vectors: options.Vectors = None,
    target: options.Target = None,
    index: options.IndexFolder = None,
    keep: options.Keep = None,
    frozen_blocks: options.FrozenBlocks = None,
    min_similarity: options.MinSimilarity = None,
) -> None:
    """Score a tagger on labelled sentences: F1 with its interval, by label, and a signature that says how it was made.

    With a source (--source, or --adapt) entities that occur in it are scored apart from the others.
    """
    from salin.cli.console import counting, note, output, print_json
    from salin.cli.corpora import ReadOptions, read_corpus
    from salin.cli.inputs import STANDARD
    from salin.cli.taggers import AdaptOptions, kept_in_words, open_tagger
    from salin.errors import SettingError
    from salin.evaluation import entity_texts, result_table
    from salin.evaluation import evaluate as score

    if out == STANDARD:
        out, as_json = None, True
    chosen = AdaptOptions(
        adapt, source, source_map, source_lexicon, k, rule, rate, steps, vectors, target, index, keep, frozen_blocks,
        min_similarity,
    )  # fmt: skip
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    corpus = read_corpus(data, label_map, reading)
    opened = open_tagger(model, chosen, reading.of_source())
    wanted = None if labels is None else [label.strip() for label in labels.split(",")]
    known = {*corpus.labels, *opened.tagger.labels}
    if wanted is not None and (unknown := sorted(set(wanted) - known)):
        raise SettingError(f"--labels: there is no label {', '.join(unknown)}. There are: {', '.join(sorted(known))}")
    _check_labels(corpus, opened.tagger.labels, wanted)
    extra = sorted(set(opened.tagger.labels) - set(corpus.labels)) if wanted is None else []
    if extra:
        note(f"{data} has no {', '.join(extra)}, which the model can predict: each is counted as wrong (see --labels)")
    seen = entity_texts(sentence for source in opened.sources for sentence in source)
    with counting("sentences") as bar:
        result = score(
            _Counted(opened.tagger, bar),
            corpus,
            system=system or opened.name,
            labels=wanted,
            source_entities=seen if opened.sources else None,
            seeds=opened.seeds,
            windows=opened.windows,
            adaptation=opened.adaptation,
            lenient=lenient,
        )
    if kept := kept_in_words(opened.kept):
        note(kept)
    if out is not None:
        result.save(out)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        output.print(result_table(result), soft_wrap=True)


class _Counted:
    """A tagger whose sentences are counted as they come out."""

    def __init__(self, tagger: SentenceTagger, bar: Progress):
        self.labels, self._tagger, self._bar = tagger.labels, tagger, bar

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        from salin.cli.console import counted

        return counted(self._tagger.tag_sentences(sentences), self._bar, "tagging")


def _check_labels(corpus: Corpus, known: Collection[str], wanted: Collection[str] | None) -> None:
    """Refuses gold labels that the tagger could never give, unless the user says that they do not count."""
    unknown = sorted((set(corpus.labels) if wanted is None else set(wanted) & set(corpus.labels)) - set(known))
    if unknown:
        first = next((s.origin for s in corpus if any(e.label in unknown for e in s.entities)), corpus.name)
        raise DataError(
            f"the tagger does not know the label {', '.join(unknown)} (it knows {', '.join(known)})",
            path=first,
            remedy=f"Drop or rename it (--map {dropping(unknown)}), or count others only (--labels)",
        )
