"""`salin analyse prototypes`: what models think of words, and how many directions their matrices use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salin.cli import options

if TYPE_CHECKING:
    from salin.analysis.prototypes import ModelRanks, Prototypes
    from salin.evaluation import ReportTable

# More words than this fill a screen; the means of each class stand in their place.
_SHOWN = 30


def prototypes(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Bundled models, folders or Hugging Face ids: two to compare, or checkpoints in their order.",
            metavar="MODEL...",
        ),
    ],
    corpus: Annotated[
        Path | None,
        typer.Option("--corpus", metavar="FILE", help="Labelled sentences. Default: two sentences of Tagalog."),
    ] = None,
    plot: options.Plot = None,
    as_json: options.AsJson = False,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Compare what taggers think of each word, class by class, and the effective rank of their matrices.

    Of models without tags (encoders, decoders, checkpoints of `salin pretrain`) the ranks alone are shown.
    """
    from salin.analysis.prototype_figure import plot_prototypes
    from salin.analysis.prototypes import compare_prototypes, example_cases, is_tagger, model_ranks
    from salin.cli.console import note, output, print_json
    from salin.cli.corpora import ReadOptions, read_corpus
    from salin.evaluation.figures import check_figure

    if plot is not None:
        check_figure(plot)
    untagged = [name for name in models if not is_tagger(name)]
    found = None
    if corpus is not None:
        reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
        found = compare_prototypes(models, read_corpus(corpus, label_map, reading))
    elif untagged:
        note(f"{', '.join(untagged)}: no tagger, so there are ranks alone")
    else:
        found = compare_prototypes(models, example_cases())
    ranks = model_ranks(models)
    if plot is not None:
        plot_prototypes(found, ranks, plot)
        note(f"{plot}: what is shown here")
    if as_json:
        print_json({"models": models, **_json(found), "ranks": [asdict(model) for model in ranks]})
        return
    if found is not None:
        if len(models) > 1:
            output.print(_words(found) if len(found.words) <= _SHOWN else _means(found), soft_wrap=True)
        output.print(_frequent(found, models), soft_wrap=True)
    output.print(_ranks(ranks), soft_wrap=True)


def _json(found: Prototypes | None) -> dict[str, object]:
    if found is None:
        return {}
    return {
        "classes": found.classes,
        "words": [{**asdict(word), "difference": word.difference} for word in found.words],
        "mean_differences": found.mean_differences(),
        "frequent": [asdict(word) for word in found.frequent],
    }


def _words(found: Prototypes) -> ReportTable:
    from salin.evaluation import ReportTable

    rows = tuple(
        (word.word, word.gold, *(f"{word.difference[name]:+.3f}" for name in found.classes)) for word in found.words
    )
    return ReportTable(_TITLE, ("word", "gold", *found.classes), rows, prose=(0, 1))


def _means(found: Prototypes) -> ReportTable:
    from salin.evaluation import ReportTable

    counts = {gold: sum(word.gold == gold for word in found.words) for gold in found.classes}
    rows = tuple(
        (gold, f"{counts[gold]:,}", *(f"{means[name]:+.3f}" for name in found.classes))
        for gold, means in found.mean_differences().items()
    )
    return ReportTable(_TITLE, ("gold", "words", *found.classes), rows, ("Means over words.",))


_TITLE = "log-probability of each class: last model minus first, in nats"


def _frequent(found: Prototypes, models: Sequence[str]) -> ReportTable:
    from salin.evaluation import ReportTable

    rows = tuple(
        (word.word, "entity" if word.entity else "other", f"{word.count:,}", *(f"{p:.3f}" for p in word.correct))
        for word in found.frequent
    )
    return ReportTable("p(correct tag) of frequent words", ("word", "of", "times", *models), rows, prose=(0, 1))


def _ranks(ranks: Sequence[ModelRanks]) -> ReportTable:
    from salin.analysis.effective_rank import KINDS
    from salin.evaluation import ReportTable

    places = sorted({(KINDS.index(m.kind), m.block) for model in ranks for m in model.matrices})
    shown = [{(KINDS.index(m.kind), m.block): f"{m.proportion:.3f}" for m in model.matrices} for model in ranks]
    rows = tuple(
        (KINDS[kind], str(block), *(found.get((kind, block), "") for found in shown)) for kind, block in places
    )
    headings = ("matrix", "block", *(model.model for model in ranks))
    return ReportTable("effective rank as a share of full rank", headings, rows)
