"""A sentence, its words and its entities, all in character offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from salin.corpus.schemes import Span, spans_to_tags, tags_to_spans


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity.

    Attributes:
        start: Offset of its first character.
        end: Offset behind its last character.
        text: What stands there: always `source[start:end]`.
        label: Its type, such as `"PER"`.
        score: The tagger's probability for it in 0..1, or None where nothing gives one (gold, rules).
    """

    start: int
    end: int
    text: str
    label: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled source sentence that a tagger adapted to, and its cosine similarity with the sentence tagged."""

    sentence: Sentence
    similarity: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A piece of text with its words, and the entities that are known in it.

    Attributes:
        text: The characters, unchanged from the source.
        words: `(start, end)` offsets of each word, in order, without overlap. What lies between words is white space
            or nothing (Chinese, or punctuation that clings to a word).
        entities: In order, without overlap; each begins where a word begins and ends where a word ends.
        neighbours: What an adapter learned from, most similar first.
        origin: Where it came from, such as `eng.train:1034`.
        extra: What else is known of it and no part of it, as JSON would hold it: what its object in a JSONL file says
            beside text and annotation (`id`, `meta`), or the `offset` in characters of a sentence in its text file.
    """

    text: str
    words: tuple[tuple[int, int], ...]
    entities: tuple[Entity, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    origin: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    @classmethod
    def from_tokens(
        cls, tokens: Sequence[str], tags: Sequence[str] | None = None, *, glue: str = " ", origin: str = ""
    ) -> Sentence:
        """Makes a sentence of ready-made tokens.

        Args:
            tokens: The words.
            tags: One tag a word in the IOB2 scheme; illegal sequences are read as conlleval reads them.
            glue: What stands between two words in `text`: `" "`, or `""` for languages without spaces.
            origin: Where it came from.

        Raises:
            ValueError: When there are not as many tags as tokens.
        """
        if tags is not None and len(tags) != len(tokens):
            raise ValueError(f"{len(tokens)} tokens but {len(tags)} tags")
        words: list[tuple[int, int]] = []
        position = 0
        for token in tokens:
            words.append((position, position + len(token)))
            position += len(token) + len(glue)
        sentence = cls(glue.join(tokens), tuple(words), origin=origin)
        return sentence.with_spans(tags_to_spans(tags)) if tags else sentence

    @property
    def tokens(self) -> list[str]:
        """The words as strings."""
        return [self.text[start:end] for start, end in self.words]

    def tags(self, scheme: str = "IOB2") -> list[str]:
        """One tag a word for the entities.

        Raises:
            ValueError: When an entity does not begin and end with a word.
        """
        return spans_to_tags(self.spans(), len(self.words), scheme)

    def spans(self) -> list[Span]:
        """The entities as `(first word, word behind the last, label)`.

        Raises:
            ValueError: When an entity does not begin and end with a word.
        """
        starts = {start: i for i, (start, _) in enumerate(self.words)}
        ends = {end: i + 1 for i, (_, end) in enumerate(self.words)}
        try:
            return [Span(starts[e.start], ends[e.end], e.label) for e in self.entities]
        except KeyError:
            raise ValueError(f"{self.origin or self.text!r}: an entity does not begin and end with a word") from None

    def with_spans(self, spans: Iterable[Span], scores: Iterable[float] | None = None) -> Sentence:
        """The same sentence with these entities, given in words.

        Args:
            spans: `(first word, word behind the last, label)`, in order, without overlap.
            scores: One probability a span.
        """
        spans = list(spans)
        given: list[float | None] = list(scores) if scores is not None else [None] * len(spans)
        return replace(self, entities=tuple(self._entity(s, score) for s, score in zip(spans, given, strict=True)))

    def _entity(self, span: Span, score: float | None) -> Entity:
        start, end = self.words[span.start][0], self.words[span.end - 1][1]
        return Entity(start, end, self.text[start:end], span.label, score)
