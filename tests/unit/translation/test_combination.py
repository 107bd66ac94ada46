"""What one tagger is sure of stays; the other fills in what is free."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from salin.corpus import Entity, Sentence
from salin.translation.combination import CombinedTagger, sure_threshold

TEXT = Sentence.from_tokens(["Ana", "Ruiz", "vino", "a", "Lima"])


class Says:
    """A tagger that knows one sentence: `(first word, word behind the last, label, score)`."""

    labels = ("LOC", "PER")

    def __init__(self, *entities: tuple[int, int, str, float]):
        self._entities = entities

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        return (replace(s, entities=tuple(self._entity(s, *e) for e in self._entities)) for s in sentences)

    def _entity(self, sentence: Sentence, first: int, behind: int, label: str, score: float) -> Entity:
        start, end = sentence.words[first][0], sentence.words[behind - 1][1]
        return Entity(start, end, sentence.text[start:end], label, score)


def combined(direct: Says, translated: Says, threshold: float) -> list[tuple[str, str]]:
    (sentence,) = CombinedTagger(direct, translated, threshold).tag_sentences([TEXT])
    return [(entity.text, entity.label) for entity in sentence.entities]


def test_what_direct_transfer_is_sure_of_stays_and_the_rest_comes_from_the_translation() -> None:
    direct = Says((0, 1, "PER", 0.95), (4, 5, "PER", 0.6))
    translated = Says((0, 2, "PER", 0.8), (4, 5, "LOC", 0.7))
    assert combined(direct, translated, 0.9) == [("Ana", "PER"), ("Lima", "LOC")]
    assert combined(direct, translated, 0.5) == [("Ana", "PER"), ("Lima", "PER")]
    assert combined(direct, translated, math.inf) == [("Ana Ruiz", "PER"), ("Lima", "LOC")]


def test_the_threshold_is_the_least_score_that_is_right_often_enough() -> None:
    scores = [(0.9, True), (0.8, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False), (0.4, False)]
    gold, predicted = [], []
    for score, right in scores:
        (guess,) = Says((4, 5, "LOC", score)).tag_sentences([TEXT])
        predicted.append(guess)
        gold.append(replace(guess, entities=guess.entities if right else ()))
    assert sure_threshold(gold, predicted, 0.95) == 0.9
    assert sure_threshold(gold, predicted, 0.75) == 0.6  # 4 of 5, though fewer among those above 0.7
    assert sure_threshold(gold[-1:], predicted[-1:], 0.5) == math.inf
    assert sure_threshold([], []) == math.inf
