"""Do scores mean what they say? Expected calibration error, reliability table, temperature."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salin.corpus.sentence import Sentence
from salin.errors import SettingError
from salin.evaluation.counts import FloatArray
from salin.evaluation.scoring import check_same_text, key_of

Binning = Literal["mass", "width"]
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions of similar score.

    Attributes:
        low: Smallest score that may fall in here (equal width) or does (equal mass).
        high: Largest.
        count: How many predictions.
        confidence: Their mean score.
        accuracy: The share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def entity_confidences(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], *, labels: Collection[str] | None = None
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Scores of the predicted entities that have one, and whether each is right (start, end and label).

    Args:
        gold: Sentences with the right entities.
        predicted: The same sentences with the entities of a tagger.
        labels: Those that count, as in `score`; predictions of others are left out. By default all count.

    Raises:
        DataError: When the two do not hold the same sentences.
    """
    check_same_text(gold, predicted)
    scores: list[float] = []
    correct: list[bool] = []
    for right, guess in zip(gold, predicted, strict=True):
        keys = {key_of(entity) for entity in right.entities}
        for entity in guess.entities:
            if entity.score is not None and (labels is None or entity.label in labels):
                scores.append(entity.score)
                correct.append(key_of(entity) in keys)
    return np.array(scores, dtype=np.float64), np.array(correct, dtype=np.bool_)


def reliability_table(
    scores: ArrayLike, correct: ArrayLike, *, bins: int = 15, binning: Binning = "mass"
) -> list[ReliabilityBin]:
    """Groups predictions by score; empty groups are left out.

    Args:
        scores: `[n]` probabilities in 0..1.
        correct: `[n]` truth values.
        bins: How many groups.
        binning: `"mass"`: groups of equal size (to within one) in order of score, equal scores in input order, as
            suits scores that crowd near 1; `"width"`: equal intervals of 0..1, each without its lower bound, as in
            Guo et al. 2017.

    Raises:
        SettingError: When the two differ in length, or a score is not in 0..1.
    """
    p, y = np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1:
        raise SettingError(f"one truth value a score is needed, not shapes {p.shape} and {y.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise SettingError("scores must lie in 0..1 to be checked for calibration")
    if binning == "mass":
        groups = np.array_split(np.argsort(p, kind="stable"), bins)
        bounds = [(float(p[g[0]]), float(p[g[-1]])) if len(g) else (0.0, 0.0) for g in groups]
    else:
        edges = np.linspace(0, 1, bins + 1)
        # A score of 0 belongs to the first bin, although that excludes its lower bound.
        place = np.searchsorted(edges[1:-1], p, side="left")
        groups = [np.flatnonzero(place == i) for i in range(bins)]
        bounds = [(float(edges[i]), float(edges[i + 1])) for i in range(bins)]
    return [
        ReliabilityBin(low, high, len(group), float(p[group].mean()), float(y[group].mean()))
        for group, (low, high) in zip(groups, bounds, strict=True)
        if len(group)
    ]


def ece(scores: ArrayLike, correct: ArrayLike, *, bins: int = 15, binning: Binning = "mass") -> float:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017, equation 3).

    The mean over predictions of `|accuracy - mean score|` of the bin that each falls into.

    Args:
        scores: `[n]` probabilities in 0..1.
        correct: `[n]` truth values.
        bins: See `reliability_table`.
        binning: See `reliability_table`; the default is equal mass.

    Returns:
        A number in 0..1; 0 without predictions.
    """
    table = reliability_table(scores, correct, bins=bins, binning=binning)
    n = sum(b.count for b in table)
    return sum(b.count * abs(b.accuracy - b.confidence) for b in table) / n if n else 0.0


def fit_temperature(
    logits: NDArray[Any], gold: NDArray[Any], *, low: float = 0.05, high: float = 20.0, tolerance: float = 1e-5
) -> float:
    """The temperature T that makes `softmax(logits / T)` fit held-out labels best (Guo et al. 2017).

    The negative log-likelihood is convex in 1 / T, so it has one valley in log T, which a golden-section search finds.
    Where it falls all the way (all predictions are right, or the logits tell nothing), the bound comes back.

    Args:
        logits: `[n, classes]` on development data (of the source language: it is the only labelled one).
        gold: `[n]` class numbers.
        low: Smallest temperature.
        high: Largest temperature.
        tolerance: Relative precision of the answer.

    Raises:
        SettingError: When there is nothing to fit, or shapes do not match.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(gold, dtype=np.int64)
    if z.ndim != 2 or y.shape != z.shape[:1] or not len(y):
        raise SettingError(f"logits [n, classes] and gold [n] with n > 0 are needed, not {z.shape} and {y.shape}")
    # Only differences to the gold class matter: NLL = mean log sum_c exp((z_c - z_gold) / T).
    gaps = z - z[np.arange(len(y)), y][:, None]

    def loss(log_temperature: float) -> float:
        scaled = gaps / math.exp(log_temperature)
        top = scaled.max(axis=1)
        return float((top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))).mean())

    a, b = math.log(low), math.log(high)
    c, d = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    loss_c, loss_d = loss(c), loss(d)
    while b - a > tolerance:
        if loss_c <= loss_d:
            b, d, loss_d = d, c, loss_c
            c = b - _GOLDEN * (b - a)
            loss_c = loss(c)
        else:
            a, c, loss_c = c, d, loss_d
            d = a + _GOLDEN * (b - a)
            loss_d = loss(d)
    return math.exp((a + b) / 2)
