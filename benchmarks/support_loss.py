"""How much a tagger has left to learn from the sentences that it adapts to: its loss on them.

    python benchmarks/support_loss.py            # writes results/benchmarks/support_loss.json; a few minutes
    python benchmarks/support_loss.py --quick    # the bundled tagger on a few sentences, for trying it

The queries are the Spanish and Dutch CoNLL-2002 test sets, of which no label is read; the taggers are two of table 3,
seed 95: `direct`, and `direct+lexicon`, whose training text was switched by dictionaries. Where runs/ has none, they
are trained first, which takes twenty minutes each. Their supports are the two training sentences nearest to each query,
as they are or with most of their words translated by a dictionary. The reference is the loss on sentences that the
tagger never saw: the two nearest of English dev. Losses are means over words, and then over all supports.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import torch
from measuring import Row, arguments, save, tell
from subjects import lexicon, make_tagger, source, target
from torch.nn import functional

from salin.corpus import Corpus, load_open_corpus
from salin.corpus.lexicon import switch_corpus
from salin.experiments.cell import Cell
from salin.experiments.corpora import Corpora
from salin.experiments.experiment import Experiment
from salin.experiments.taggers import tagger_of
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from salin.retrieval import SourceIndex, VectorSettings

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = ("direct", "direct+lexicon")
LANGUAGES = ("es", "nl")
NEAREST = 2


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    for name, tagger, known, unseen in _taggers(chosen.quick):
        for language in LANGUAGES:
            queries = target(language)[: 20 if chosen.quick else None]
            expected = statistics.mean(_losses(tagger, unseen, queries))
            reference = f"the nearest sentences of {unseen.name}, never seen"
            subject = f"{name}, {len(queries):,} sentences of {language} {queries.name}"
            for supports, corpus in _supports(known, language):
                losses = _losses(tagger, corpus, queries)
                figures = {"mean": statistics.mean(losses), "median": statistics.median(losses), "reference": expected}
                rows.append(
                    Row(
                        subject, supports, "loss", reference, figures["mean"] / expected,
                        note=", ".join(f"{name} {value:.3f}" for name, value in figures.items()), more=figures,
                    )
                )  # fmt: skip
                tell(rows[-1])
    save(chosen, "support_loss", rows)


def _taggers(quick: bool) -> Iterator[tuple[str, Tagger, Corpus, Corpus]]:
    """Taggers with the sentences that they were trained on, and with others of the same kind."""
    if quick:
        tagger = make_tagger("salin-tiny")
        yield "salin-tiny", tagger, load_open_corpus("en", "train"), source(tagger.labels)[:500]
        return
    experiment = Experiment(ROOT / "recipes" / "meta-cross-table3.toml", runs=ROOT / "runs")
    for system in SYSTEMS:
        cell = Cell(system, "full", 95)
        corpora = Corpora(experiment.recipe.label_sets[cell.label_set])
        tagger, _ = tagger_of(experiment, cell, corpora)
        assert isinstance(tagger, Tagger)
        yield system, tagger, corpora.source[0], corpora.dev[0]


def _supports(known: Corpus, language: str) -> Iterator[tuple[str, Corpus]]:
    yield "supports as they are", known
    if (translations := lexicon(language)) is not None:
        yield "supports with translated words", switch_corpus(known, translations)


def _losses(tagger: Tagger, corpus: Corpus, queries: Corpus) -> list[float]:
    """The mean loss over the words of each query's nearest sentences of a corpus, one sentence after another."""
    index = SourceIndex.build(tagger, corpus.sentences, VectorSettings.parse("mean-0-centred"))
    near: list[int] = index.nearest(queries.sentences, NEAREST)[1].flatten().tolist()
    places = {index: place for place, index in enumerate(sorted(set(near)))}
    chosen = LabelledSentences.from_corpora([corpus], tagger.settings)
    emissions = tagger.emissions([chosen.sentences[index] for index in places])
    pairs = zip(emissions, (chosen.tags[index] for index in places), strict=True)
    losses = [float(functional.cross_entropy(scores, torch.tensor(tags))) for scores, tags in pairs]
    return [losses[places[index]] for index in near]


if __name__ == "__main__":
    main()
