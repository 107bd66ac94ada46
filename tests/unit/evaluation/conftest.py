"""A tiny labelled corpus and taggers on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from salin.corpus import Corpus, Sentence

LINES = (
    ("Ana lives in Cebu", "B-PER O O B-LOC"),
    ("nobody came", "O O"),
    ("Bank of Cebu fell", "B-ORG I-ORG I-ORG O"),
    ("Ana met Eva", "B-PER O B-PER"),
)


@dataclass
class FixedTagger:
    """Gives ready-made tags, sentence by sentence, and remembers what it was shown."""

    tags: list[str]
    scores: float | None = None
    name: str = "fixed"
    labels: tuple[str, ...] = ("LOC", "ORG", "PER")
    shown: list[Sentence] = field(default_factory=list)

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence, tags in zip(sentences, self.tags, strict=True):
            self.shown.append(sentence)
            tagged = Sentence.from_tokens(sentence.tokens, tags.split())
            yield replace(tagged, entities=tuple(replace(e, score=self.scores) for e in tagged.entities))


@pytest.fixture
def corpus() -> Corpus:
    sentences = tuple(Sentence.from_tokens(text.split(), tags.split()) for text, tags in LINES)
    return Corpus(sentences, name="tiny", scheme="IOB2", notes=("a note of the reader",))


@pytest.fixture
def perfect() -> FixedTagger:
    return FixedTagger([tags for _, tags in LINES], name="perfect")


@pytest.fixture
def middling() -> FixedTagger:
    """Finds "Ana" twice, calls "Eva" a place, "came" a person, and cuts the bank short."""
    return FixedTagger(["B-PER O O O", "O B-PER", "B-ORG O O O", "B-PER O B-LOC"], scores=0.5, name="middling")
