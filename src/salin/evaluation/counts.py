"""True positives, false positives and false negatives: as one triple, and as a table a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """What was found, what was invented, what was missed.

    Where a ratio has no denominator it is 0, as in conlleval and seqeval.

    Attributes:
        tp: Predicted entities that are right.
        fp: Predicted entities that are wrong.
        fn: Gold entities that were not found.
    """

    tp: int
    fp: int
    fn: int

    @classmethod
    def of(cls, triple: Any) -> Counts:
        """Makes counts of a row `(tp, predicted, gold)`."""
        tp, predicted, gold = (int(n) for n in triple)
        return cls(tp, predicted - tp, gold - tp)

    @property
    def support(self) -> int:
        """How many gold entities there are."""
        return self.tp + self.fn

    @property
    def precision(self) -> float:
        """Share of the predictions that are right, in 0..1."""
        return self.tp / (self.tp + self.fp) if self.tp else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold entities that were found, in 0..1."""
        return self.tp / (self.tp + self.fn) if self.tp else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, in 0..1."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CountTable:
    """The sufficient statistics of a score: micro-F1 over any set of sentences is a function of their rows' sum.

    Attributes:
        labels: The entity types, sorted.
        by_type: `[labels, sentences, 3]`: tp, predicted, gold.
        spans: `[sentences, 3]`: the same with labels ignored.
    """

    labels: tuple[str, ...]
    by_type: IntArray
    spans: IntArray

    @property
    def overall(self) -> IntArray:
        """`[sentences, 3]`: tp, predicted, gold over all labels."""
        return self.by_type.sum(axis=0)

    def of(self, label: str) -> IntArray:
        """`[sentences, 3]` of one label; zeros for a label that occurs nowhere."""
        if label not in self.labels:
            return np.zeros_like(self.spans)
        return self.by_type[self.labels.index(label)]

    def __len__(self) -> int:
        return len(self.spans)


def f1_of(totals: NDArray[Any]) -> FloatArray:
    """Micro-F1 of totals.

    Args:
        totals: `[..., 3]`: tp, predicted, gold, summed over sentences.

    Returns:
        `[...]` in 0..1; 0 where nothing was found.
    """
    tp, size = totals[..., 0], totals[..., 1] + totals[..., 2]
    return np.divide(2.0 * tp, size, out=np.zeros(np.shape(tp), dtype=np.float64), where=size > 0)
