"""F1 and loss on the sentences that choose a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from salin.corpus import Corpus, Sentence, TagsText
from salin.models import Tagger
from salin.training.development import Development
from salin.training.direct import DirectBatches
from salin.training.loop import LoopSettings
from salin.training.methods import MethodSettings
from salin.training.objectives import DirectObjective
from salin.training.processes import Processes
from tiny_corpora import DEV, TRAIN, corpus

PEOPLE = corpus(("Jan/B-PER sprak/O in/O Lisbon/O", "Maria/B-PER met/O Jan/B-PER"), name="people")


def tagger_of(folder: Path, **options: object) -> Tagger:
    torch.manual_seed(3)
    return Tagger.on_encoder(folder, ["LOC", "ORG", "PER"], **options)


def training_loss(tagger: Tagger, corpora: list[Corpus]) -> float:
    """The loss of training on one batch that holds everything."""
    whole = MethodSettings(loop=LoopSettings(steps=1, learning_rate=1), batch=sum(map(len, corpora)))
    with torch.no_grad():
        return float(DirectObjective()(tagger.network, DirectBatches.of(tagger, corpora, whole)(0))["loss"])


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_the_loss_is_that_of_training(model_folder: Callable[[str], Path], head: str) -> None:
    """With corpora of which one annotates people alone, so that other types take no part in its loss."""
    tagger = tagger_of(model_folder("bert"), head=head)
    corpora = [corpus(TRAIN), PEOPLE]
    found = Development.of(corpora).figures(tagger, Processes.here(), loss=True)
    assert found["loss"] == pytest.approx(training_loss(tagger, corpora), rel=1e-5)
    assert found["loss"] != pytest.approx(training_loss(tagger, [corpus(TRAIN)]), rel=1e-3)


def test_only_what_is_asked_for_is_computed(model_folder: Callable[[str], Path]) -> None:
    found = Development.of(corpus(DEV)).figures(tagger_of(model_folder("bert")), Processes.here(), loss=False)
    assert set(found) == {"f1", "f1_by_type"}


class Knowing(TagsText):
    """A tagger that gives every sentence the entities which another corpus has for it."""

    def __init__(self, *corpora: Corpus):
        self._known = {sentence.text: sentence for corpus in corpora for sentence in corpus}

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        return (replace(s, entities=self._known[s.text].entities) for s in sentences)


def test_entities_of_all_corpora_count_together_and_none_that_a_corpus_does_not_annotate() -> None:
    one = corpus(("Jan/B-PER met/O Ajax/B-ORG in/O Lisbon/B-LOC",))
    guess = Knowing(
        corpus(("Jan/B-PER met/O Ajax/B-LOC in/O Lisbon/B-LOC",)),
        corpus(("Jan/B-PER sprak/O in/O Lisbon/B-LOC", "Maria/B-PER met/O Jan/O")),
    )
    # In the first two of three are right and one is not; in the second two of three, and Lisbon counts for nothing.
    assert Development.of([one, PEOPLE]).f1(guess) == pytest.approx(2 * 4 / (5 + 6))


def test_one_corpus_has_one_checksum_as_before() -> None:
    first, second = corpus(TRAIN), corpus(DEV)
    assert Development.of(first).checksum == Development.of([first]).checksum == first.checksum[:16]
    assert Development.of([first, second]).checksum == [first.checksum[:16], second.checksum[:16]]
