"""Alignment alone: gold entities go to English and come back, and only those that stand where they stood are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from apertium_here import require_apertium
from salin.corpus import Corpus, Sentence
from salin.corpus.open_corpus import load_open_corpus
from salin.translation import Link, Phrases, Translation, Usage
from salin.translation.apertium import Apertium
from salin.translation.round_trip import round_trips


class WordByWord:
    """Turns every word around, and answers with what it is told to."""

    asks_for_all = False
    usage = Usage()

    def __init__(self, answers: dict[str, str], *, links: bool = True):
        self._answers, self._links = answers, links

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        return [self._translated(sentence) for sentence in sentences]

    def _translated(self, text: str) -> Translation:
        words = text.split()
        starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
        links = tuple(Link(s, s + len(w), s, s + len(w)) for s, w in zip(starts, words, strict=True))
        return Translation(" ".join(word[::-1] for word in words), links=links if self._links else ())

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        return [tuple(self._answers.get(phrase) for phrase in question.phrases) for question in questions]


def gold() -> list[Sentence]:
    tokens = ["Ana", "Ruiz", "vino", "con", "Eva", "a", "Lima"]
    tags = ["B-PER", "I-PER", "O", "O", "B-PER", "O", "B-LOC"]
    return [Sentence.from_tokens(tokens, tags), Sentence.from_tokens(["nada"])]


def test_every_road_is_counted_by_itself() -> None:
    answers = {"anA ziuR": "Ana Ruiz", "avE": "vino", "amiL": "Quito"}
    found = round_trips(WordByWord(answers), gold())
    assert found is not None and found.entities == 3
    # Eva came back as another word, and Lima as what does not stand there at all.
    assert found.roads == {"linked": (3, 3), "copied": (0, 0), "brought back": (2, 1)}


def test_without_links_nothing_is_known_of_an_entity_in_english() -> None:
    assert round_trips(WordByWord({}, links=False), gold()) is None


@pytest.mark.parametrize(("pair", "language"), [("spa-eng", "es")])
def test_with_apertium_nearly_every_entity_comes_back(
    pair: str, language: str, require: Callable[[str, bool], None]
) -> None:
    require_apertium(require)
    corpus: Corpus = load_open_corpus(language, "test")
    found = round_trips(Apertium(pair), corpus)
    assert found is not None and found.entities > 50
    back, right = found.roads["linked"]
    assert right > 0.95 * found.entities
    back, right = found.roads["brought back"]
    assert back > 0.8 * found.entities and right > 0.9 * back
