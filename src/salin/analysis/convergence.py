"""How fast a curve falls, and how exactly its log can say that.

`t90` is the first record at or below `L0 - 0.9 (L0 - Lend)` (Africa et al. 2025). Between two records the log knows
nothing, so what is known of t90 is an interval of steps. The published differences of 55.6 and 111.1 steps are one and
two records of 500 steps each, over nine runs (SPECS 2.5): less than such a log can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from scipy.stats import t as student

from salin.errors import DataError, SettingError
from salin.evaluation.counts import FloatArray

_FALLEN = 0.9
_BEGINNING = 0.1
_LEVEL = 0.95
# Relative to the values: what rounding leaves of a spread that is none.
_NO_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Crossing:
    """When a curve came down to a level, as far as its records say.

    Attributes:
        after: The step of the last record before.
        by: The step of the first record at or below the level, which is the published t90. The curve came down within
            `(after, by]`.
        settled: The step of the first record from which on all are at or below the level. Where that is much later
            than `by`, the records are noisy (of single batches, say), and `by` is early by chance.
        level: `L0 - 0.9 (L0 - Lend)`.
    """

    after: int
    by: int
    settled: int
    level: float


@dataclass(frozen=True, slots=True)
class Convergence:
    """Statistics of one curve.

    Attributes:
        records: How many it has; those that are no finite numbers are left out.
        first: The step of the first; what came before it is not known.
        last: The step of the last.
        start: The loss there first, `L0`.
        end: The loss there last, `Lend`.
        t90: None where the curve ends no lower than it began.
        mean_loss: The area under the curve (by trapezoids) divided by the steps between its first and last record.
        slope: Loss per step over the first tenth of the steps, by a line through its records (least squares); None
            where there are less than two of them.
        slope_records: How many these are.
    """

    records: int
    first: int
    last: int
    start: float
    end: float
    t90: Crossing | None
    mean_loss: float
    slope: float | None
    slope_records: int

    @classmethod
    def of(cls, curve: Iterable[tuple[int, float]]) -> Convergence:
        """Describes a curve.

        Args:
            curve: `(step, loss)` in the order of steps.

        Raises:
            DataError: When it has less than two records.
        """
        finite = finite_records(curve)
        if len(finite) < 2 or finite[0][0] == finite[-1][0]:
            raise DataError("holds less than two losses, which make no curve", remedy="Wait for more, or name another")
        steps, losses = (np.array(values, dtype=float) for values in zip(*finite, strict=True))
        beginning = steps <= steps[0] + _BEGINNING * (steps[-1] - steps[0])
        count = int(beginning.sum())
        slope = float(np.polyfit(steps[beginning], losses[beginning], 1)[0]) if count > 1 else None
        area = float(np.trapezoid(losses, steps) / (steps[-1] - steps[0]))
        first, last = finite[0], finite[-1]
        return cls(len(finite), first[0], last[0], first[1], last[1], _t90(finite), area, slope, count)


def finite_records(curve: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """Those whose loss is a number: a loss that overflowed is none."""
    return tuple((step, loss) for step, loss in curve if isfinite(loss))


def _t90(curve: Sequence[tuple[int, float]]) -> Crossing | None:
    start, end = curve[0][1], curve[-1][1]
    if end >= start:
        return None
    level = start - _FALLEN * (start - end)
    below = [loss <= level for _, loss in curve]
    # The first record lies above the level and the last one below, since the curve falls in all.
    crossed = below.index(True)
    settled = len(below) - below[::-1].index(False)
    return Crossing(curve[crossed - 1][0], curve[crossed][0], curve[settled][0], level)


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of one group of runs minus that of another.

    Attributes:
        measure: Such as `t90`.
        first: Mean of the first group; None where a run has no such figure.
        second: Mean of the second group, likewise.
        difference: The first minus the second.
        interval: Its 95 % interval over runs by Welch's t, or over pairs of them by Student's; None with less than two
            of either, or where they do not vary at all.
        resolution: Of t90: all differences that the logs allow, since each t90 lies somewhere between two records.
    """

    measure: str
    first: float | None
    second: float | None
    difference: float | None
    interval: tuple[float, float] | None
    resolution: tuple[float, float] | None = None


def compare_groups(
    first: Sequence[Convergence], second: Sequence[Convergence], *, paired: bool = False
) -> list[Difference]:
    """Compares two groups of runs by t90, mean loss and slope.

    Args:
        first: One group.
        second: The other.
        paired: Whether the i-th runs of both belong together: the same data, the same seed.

    Raises:
        SettingError: When paired groups are not of one size.
    """
    if paired and len(first) != len(second):
        raise SettingError(f"{len(first)} runs and {len(second)} are no pairs")
    groups = (first, second)
    return [
        _t90_difference(groups, paired),
        _difference("mean loss", *([run.mean_loss for run in group] for group in groups), paired=paired),
        _difference("slope", *([run.slope for run in group] for group in groups), paired=paired),
    ]


def _t90_difference(groups: tuple[Sequence[Convergence], Sequence[Convergence]], paired: bool) -> Difference:
    a, b = ([run.t90 for run in group if run.t90 is not None] for group in groups)
    if (len(a), len(b)) != (len(groups[0]), len(groups[1])):
        return Difference("t90", None, None, None, None)
    found = _difference("t90", [crossing.by for crossing in a], [crossing.by for crossing in b], paired=paired)
    (early, late), (other_early, other_late) = (
        (float(np.mean([c.after for c in some])), float(np.mean([c.by for c in some]))) for some in (a, b)
    )
    bounds = (early - other_late, late - other_early)
    return Difference("t90", found.first, found.second, found.difference, found.interval, bounds)


def _difference(
    measure: str, first: Sequence[float | None], second: Sequence[float | None], *, paired: bool
) -> Difference:
    a, b = (np.array([value for value in values if value is not None], dtype=float) for values in (first, second))
    if (len(a), len(b)) != (len(first), len(second)) or not len(a) or not len(b):
        return Difference(measure, None, None, None, None)
    interval = _t_interval([a - b] if paired else [a, b], float(a.mean() - b.mean()))
    return Difference(measure, float(a.mean()), float(b.mean()), float(a.mean() - b.mean()), interval)


def _t_interval(samples: Sequence[FloatArray], middle: float) -> tuple[float, float] | None:
    """Student's interval around the mean of one sample, Welch's around the difference of two."""
    if min(map(len, samples)) < 2:
        return None
    errors = [float(sample.var(ddof=1)) / len(sample) for sample in samples]
    if sum(errors) ** 0.5 <= _NO_SPREAD * max(float(np.abs(sample).max()) for sample in samples):
        return None
    freedom = sum(errors) ** 2 / sum(e**2 / (len(sample) - 1) for e, sample in zip(errors, samples, strict=True))
    low, high = student.interval(_LEVEL, freedom, middle, sum(errors) ** 0.5)
    return float(low), float(high)
