"""What kinds of mistakes a tagger makes, with examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from salin.corpus.sentence import Entity, Sentence
from salin.evaluation.scoring import check_same_text, key_of


class ErrorKind(StrEnum):
    """A kind of mistake; the value is its name in reports."""

    TYPE = "type"
    BOUNDARY = "boundary"
    BOUNDARY_AND_TYPE = "boundary+type"
    MISSED = "missed"
    SPURIOUS = "spurious"


@dataclass(frozen=True, slots=True)
class EntityError:
    """One mistake.

    Attributes:
        kind: What is wrong.
        gold: The right entity; None for a spurious one.
        predicted: What was predicted; None for a missed one.
        text: The sentence.
        origin: Where the sentence came from.
    """

    kind: ErrorKind
    gold: Entity | None
    predicted: Entity | None
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """All mistakes of a tagger on a corpus, in the order of the text.

    What scoring calls false negatives are `type + boundary + boundary+type + missed`; false positives are
    `type + boundary + boundary+type + spurious`.

    Attributes:
        errors: Each of them.
        correct: How many entities were right.
    """

    errors: tuple[EntityError, ...]
    correct: int

    @property
    def counts(self) -> dict[ErrorKind, int]:
        """How many there are of each kind, kinds without any included."""
        return {kind: sum(error.kind is kind for error in self.errors) for kind in ErrorKind}

    def examples(self, kind: ErrorKind, limit: int = 5) -> list[EntityError]:
        """The first few mistakes of a kind."""
        return [error for error in self.errors if error.kind is kind][:limit]


def analyse_errors(gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> ErrorAnalysis:
    """Pairs what was missed with what was predicted instead, and names the difference.

    Right entities are set aside. Of the others, a gold and a predicted one that overlap are paired, largest overlap
    in characters first (then equal labels, then order), each at most once. A pair with equal span is a `type` error,
    with equal label a `boundary` error, else `boundary+type`. What stays unpaired is `missed` or `spurious`.

    Raises:
        DataError: When the two do not hold the same sentences.
    """
    check_same_text(gold, predicted)
    errors: list[EntityError] = []
    correct = 0
    for right, guess in zip(gold, predicted, strict=True):
        shared = {key_of(e) for e in right.entities} & {key_of(e) for e in guess.entities}
        correct += len(shared)
        pairs = _paired(
            [e for e in right.entities if key_of(e) not in shared],
            [e for e in guess.entities if key_of(e) not in shared],
        )
        errors.extend(EntityError(_kind(g, p), g, p, right.text, right.origin) for g, p in pairs)
    return ErrorAnalysis(tuple(errors), correct)


def _paired(gold: list[Entity], predicted: list[Entity]) -> list[tuple[Entity | None, Entity | None]]:
    candidates = sorted(
        (-overlap, g.label != p.label, i, j)
        for i, g in enumerate(gold)
        for j, p in enumerate(predicted)
        if (overlap := min(g.end, p.end) - max(g.start, p.start)) > 0
    )
    partner: dict[int, int] = {}
    for _, _, i, j in candidates:
        if i not in partner and j not in partner.values():
            partner[i] = j
    pairs: list[tuple[Entity | None, Entity | None]] = [
        (g, predicted[partner[i]] if i in partner else None) for i, g in enumerate(gold)
    ]
    pairs += [(None, p) for j, p in enumerate(predicted) if j not in partner.values()]
    return sorted(pairs, key=lambda pair: min(e.start for e in pair if e is not None))


def _kind(gold: Entity | None, predicted: Entity | None) -> ErrorKind:
    if predicted is None:
        return ErrorKind.MISSED
    if gold is None:
        return ErrorKind.SPURIOUS
    if (gold.start, gold.end) == (predicted.start, predicted.end):
        return ErrorKind.TYPE
    return ErrorKind.BOUNDARY if gold.label == predicted.label else ErrorKind.BOUNDARY_AND_TYPE
