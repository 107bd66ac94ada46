"""`salin rank-sources`: which labelled languages to train on for a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salin.analysis.source_defaults import ENCODER, VECTORS
from salin.cli import options
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.analysis.source_choice import TextProfile
    from salin.corpus import Corpus

RankingEncoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="What compares representations: a bundled model, a folder, or a Hugging Face id.",
    ),
]
RankingVectors = Annotated[
    str,
    typer.Option("--vectors", metavar="NAME", help="Which of its representations: mean-last, or mean-2 of a layer."),
]


def rank_sources(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Text of the target language, labelled or not.")],
    source: Annotated[
        list[str],
        typer.Option(
            "--source", metavar="[CODE=]FILE", help="Labelled sentences that could be trained on; give it for each."
        ),
    ],
    encoder: RankingEncoder = ENCODER,
    vectors: RankingVectors = VECTORS,
    language: options.Language = "en",
    as_json: options.AsJson = False,
) -> None:
    """Rank labelled corpora by how near they are to a text, for which a tagger is wanted.

    Distances are 0 for what is alike: the share of the text's words that do not occur in the source; character n-grams;
    scripts; and the mean representations of an encoder, off which that of all corpora together is taken. The order is
    that of the mean rank; of sources that share one the largest comes first. How often such rankings are right: salin
    analyse sources.
    """
    from salin.analysis.source_choice import MEASURES, TOGETHER, largest_first
    from salin.analysis.source_choice import rank_sources as rank
    from salin.cli.console import output, print_json
    from salin.cli.corpora import data_file, read_named
    from salin.corpus import Corpus, iter_sentences
    from salin.evaluation import ReportTable

    if len(source) < 2:
        raise SettingError("there is nothing to rank in one source: give --source again")
    known = read_named("--source", source)
    path, reading = data_file(target)
    sentences = iter_sentences(path, labelled=False, language=language, **reading.arguments())
    text = Corpus(tuple(sentences), name=path.name)
    profile = profiler(encoder, vectors)
    ranked = rank(profile(text), {name: profile(corpus) for name, corpus in known.items()})
    found = largest_first(ranked, {name: corpus.entity_count for name, corpus in known.items()})
    if as_json:
        print_json([
            {**asdict(one), "language": known[one.name].language, "sentences": len(known[one.name]),
             "entities": known[one.name].entity_count}
            for one in found
        ])  # fmt: skip
        return
    rows = tuple(
        (
            one.name,
            f"{len(known[one.name]):,}",
            f"{known[one.name].entity_count:,}",
            *(f"{one.distances[measure]:.3f}" for measure in MEASURES),
            f"{one.ranks[TOGETHER]:.1f}",
        )
        for one in found
    )
    footer = (
        "Distances from 0, which is alike; rank: the mean of a source's ranks by each. A near source with few labels "
        "may be worth less than a far one with many.",
    )
    columns = ("source", "sentences", "entities", *MEASURES, "rank")
    output.print(ReportTable(f"Sources for {target}", columns, rows, footer))


def profiler(encoder: str, vectors: str) -> Callable[[Corpus], TextProfile]:
    """What makes profiles of corpora.

    Args:
        encoder: A model.
        vectors: Which of its representations.
    """
    from salin.analysis.source_choice import TextProfile
    from salin.models import Tagger
    from salin.retrieval import SentenceVectors, VectorSettings

    # The labels are never used: sentence vectors come with a tagger around their encoder.
    made = SentenceVectors(VectorSettings.parse(vectors), Tagger.on_encoder(encoder, ["PER"]))
    return lambda corpus: TextProfile.of(corpus.sentences, made)
