"""What a translator is to salin: two questions, whoever answers them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

#: So many sentences are given to a translator together, so that no more requests than these need be under way at once.
#: What they bring is in its cache before the next ones: a run that is stopped has most of its answers there.
TOGETHER = 64


@dataclass(frozen=True)
class Candidate:
    """An entity that the translator itself saw while it translated.

    Attributes:
        original: The phrase in the original sentence, as the translator gave it: not yet looked up there.
        translated: The phrase in the translation.
        label: Its type, one of those that were asked for.
    """

    original: str
    translated: str
    label: str


class Link(NamedTuple):
    """A piece of the translation, and the piece of the original that it came from.

    Attributes:
        start: Offset of its first character in the translation.
        end: Offset behind its last.
        original_start: Offset of the first character in the original.
        original_end: Offset behind the last.
    """

    start: int
    end: int
    original_start: int
    original_end: int


@dataclass(frozen=True)
class Translation:
    """An English sentence, and what the translator knows of entities in it; most know nothing.

    Attributes:
        text: The translation.
        candidates: Entities that the translator named.
        links: Which words came from which, in the order of the translation, where the translator knows.
    """

    text: str
    candidates: tuple[Candidate, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Phrases:
    """A question: which words of the original sentence do these English phrases stand for?

    Attributes:
        sentence: The original sentence.
        translation: Its translation, in which the phrases stand.
        phrases: English phrases, in the order of the translation; a phrase that occurs twice is listed twice.
    """

    sentence: str
    translation: str
    phrases: tuple[str, ...]


@dataclass
class Usage:
    """What a translator has cost so far.

    Attributes:
        calls: Requests that were answered by the model or program (retries count, answers from the cache do not).
        cached: Answers that came from the cache.
        prompt_tokens: Sent in these calls, as the server counts them.
        completion_tokens: Received, as the server counts them.
        cached_prompt_tokens: Sent for the answers in the cache when they were asked for, by another run; each counts
            once, however often it is used.
        cached_completion_tokens: Received for them.
        uncounted: Answers from the cache of which nobody knows what they took: the server did not say, or the cache is
            of an older salin.
        seconds: Spent waiting.
        lost: For each reason, how many sentences or phrases got no usable answer.
        input_price: What a million prompt tokens cost.
        output_price: What a million completion tokens cost.
    """

    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_prompt_tokens: int = 0
    cached_completion_tokens: int = 0
    uncounted: int = 0
    seconds: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    input_price: float = 0.0
    output_price: float = 0.0

    @property
    def price(self) -> float:
        """What the tokens of these calls cost; 0 where nobody said what they cost."""
        return (self.prompt_tokens * self.input_price + self.completion_tokens * self.output_price) / 1e6


class Translator(Protocol):
    """Translates from one language into English and finds phrases in the original again.

    An answer that cannot be had is None, and is counted in `usage.lost`; only what makes every answer impossible (no
    such program, no such server, a refused key) is an error.
    """

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        ...

    @property
    def asks_for_all(self) -> bool:
        """Whether it is to be asked for every phrase, also for one that stands in the original as in English."""
        ...

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        """Translates sentences into English, in order.

        Args:
            sentences: The originals.
        """
        ...

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        """For each phrase of each question, words that should occur in the original sentence, or None.

        They need not occur there verbatim: alignment is the caller's.

        Args:
            questions: Sentences with the English phrases that are looked for.
        """
        ...
