"""Silver data: a sentence is kept whole or left out, and what was left out is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from salin.corpus import Entity, Sentence
from salin.translation import SilverTagger, Translation, TranslationTagger, Usage

ENGLISH = {
    "Llueve .": "It rains .",
    "Ana vive en Lisboa .": "Ana lives in Lisbon .",
    "Ana canta .": "Ana sings .",
    "Eva y Ana .": "Eva and Ana .",
}
SCORES = {"Ana": 0.9, "Eva": 0.6, "Lisbon": 1.0}


class Translator:
    """Knows the sentences above, and no phrase."""

    asks_for_all = False

    def __init__(self) -> None:
        self.usage = Usage()

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        return [Translation(ENGLISH[text]) if text in ENGLISH else None for text in sentences]

    def bring_back(self, questions: Sequence) -> list[tuple[str | None, ...]]:
        return [(None,) * len(question.phrases) for question in questions]


class English:
    """Knows three names."""

    labels = ("LOC", "PER")

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence in sentences:
            named = [place for place in sentence.words if sentence.text[slice(*place)] in SCORES]
            yield replace(sentence, entities=tuple(self._entity(sentence.text, *place) for place in named))

    def _entity(self, text: str, start: int, end: int) -> Entity:
        return Entity(start, end, text[start:end], "PER", SCORES[text[start:end]])


def silver(least: float, *texts: str) -> tuple[list[str], SilverTagger]:
    tagger = SilverTagger(TranslationTagger(Translator(), English()), least)
    return [one.text for one in tagger.tag_sentences(Sentence.from_tokens(text.split()) for text in texts)], tagger


def test_sentences_are_kept_in_which_nothing_is_missing() -> None:
    kept, tagger = silver(0, "No sé .", *ENGLISH)
    assert kept == ["Llueve .", "Ana canta .", "Eva y Ana ."], "Lisbon is not found again, and one has no translation"
    assert (tagger.kept, tagger.left_out) == (3, {"not translated, or an entity of it lost": 2})


def test_every_entity_has_the_score() -> None:
    kept, tagger = silver(0.7, *ENGLISH)
    assert kept == ["Llueve .", "Ana canta ."], "Ana is sure in the last sentence, Eva is not"
    assert tagger.describe() == (
        "2 of 4 sentences kept; 1 left out: not translated, or an entity of it lost; "
        "1 left out: an entity of a lower score"
    )


def test_what_is_kept_is_what_translation_gives() -> None:
    given = [Sentence.from_tokens(text.split()) for text in ENGLISH]
    plain = {one.text: one for one in TranslationTagger(Translator(), English()).tag_sentences(given)}
    for one in SilverTagger(TranslationTagger(Translator(), English()), 0).tag_sentences(given):
        assert one == plain[one.text]
    assert len(plain) == 4


def test_order_is_kept_over_batches() -> None:
    texts = [text for number in range(200) for text in ("Ana canta .", "No sé .", "Llueve .")]
    assert silver(0, *texts)[0] == ["Ana canta .", "Llueve ."] * 200
