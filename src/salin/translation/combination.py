"""Both roads at once: what direct transfer is sure of, and elsewhere what came by way of English."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from salin.corpus import Sentence, SentenceTagger, TagsText
from salin.evaluation import entity_confidences

_BATCH = 256
#: Share of right ones that makes entities of a score, and of all higher ones, sure.
SURE = 0.9


class CombinedTagger(TagsText):
    """Keeps the entities of one tagger that have a high score, and takes from the other what does not touch them.

    Args:
        direct: Tags the sentence itself.
        translated: Tags it by way of English.
        threshold: The least score of an entity of `direct` that is kept.
    """

    def __init__(self, direct: SentenceTagger, translated: SentenceTagger, threshold: float):
        self.labels = tuple(sorted({*direct.labels, *translated.labels}))
        self.threshold = threshold
        self._direct, self._translated = direct, translated

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order."""
        iterator = iter(sentences)
        while batch := list(itertools.islice(iterator, _BATCH)):
            both = zip(self._direct.tag_sentences(batch), self._translated.tag_sentences(batch), strict=True)
            yield from (self._combined(direct, translated) for direct, translated in both)

    def _combined(self, direct: Sentence, translated: Sentence) -> Sentence:
        sure = [entity for entity in direct.entities if entity.score is None or entity.score >= self.threshold]
        free = [e for e in translated.entities if all(e.end <= kept.start or kept.end <= e.start for kept in sure)]
        return replace(direct, entities=tuple(sorted([*sure, *free], key=lambda entity: entity.start)))


def sure_threshold(gold: Sequence[Sentence], predicted: Sequence[Sentence], share: float = SURE) -> float:
    """The least score from which on entities are right often enough, on labelled sentences of the source.

    Args:
        gold: With the right entities. Copies in which most words are dictionary translations are nearer to a target
            language, where scores promise too much, than the source itself.
        predicted: The same sentences as the tagger tags them.
        share: How many of the entities with that score or a higher one must be right, in 0..1.

    Returns:
        The threshold; infinity where no score is good enough.
    """
    scores, correct = entity_confidences(gold, predicted)
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    # Of equal scores all are in or none is.
    last = np.append(scores[order][1:] != scores[order][:-1], True) if len(order) else np.zeros(0, dtype=bool)
    enough = np.flatnonzero((right >= share) & last)
    return float(scores[order[enough[-1]]]) if len(enough) else float("inf")
