"""t90 with what the log can tell of it, mean loss and slope: by example, and against plain loops."""

from __future__ import annotations

from itertools import pairwise
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from salin.analysis.convergence import Convergence, Crossing, compare_groups
from salin.errors import DataError, SettingError


def falling(*losses: float, every: int = 500) -> Convergence:
    return Convergence.of((every * number, loss) for number, loss in enumerate(losses))


def test_t90_is_known_to_lie_between_two_records() -> None:
    # From 10 down to 0, so the level is 1: above it at step 1,000 and below at 1,500.
    assert falling(10, 4, 2, 1, 0).t90 == Crossing(after=1000, by=1500, settled=1500, level=1.0)


def test_a_noisy_curve_comes_down_more_than_once() -> None:
    found = falling(10, 0.5, 8, 3, 0.5, 0.0)
    assert found.t90 is not None
    assert (found.t90.after, found.t90.by, found.t90.settled) == (0, 500, 2000)


def test_a_curve_that_does_not_fall_has_no_t90() -> None:
    assert falling(1, 0.2, 1).t90 is None
    assert falling(1, 2).t90 is None


def test_losses_that_are_no_numbers_are_left_out() -> None:
    assert falling(10, nan, 0) == Convergence.of([(0, 10), (1000, 0)])
    for losses in ((), (1.0,), (1.0, nan)):
        with pytest.raises(DataError, match="less than two losses"):
            falling(*losses)


CURVES = st.lists(st.tuples(st.integers(1, 50), st.floats(0, 10)), min_size=2, max_size=40)


@given(CURVES)
def test_every_figure_equals_a_plain_loop(gaps: list[tuple[int, float]]) -> None:
    curve: list[tuple[int, float]] = []
    for gap, loss in gaps:
        curve.append((gap + (curve[-1][0] if curve else 0), loss))
    found = Convergence.of(curve)
    (first, start), (last, end) = curve[0], curve[-1]
    area = sum((b - a) * (x + y) / 2 for (a, x), (b, y) in pairwise(curve))
    assert found.mean_loss == pytest.approx(area / (last - first))

    level = start - 0.9 * (start - end)
    if end < start:
        assert found.t90 is not None
        at_or_below = [step for step, loss in curve if loss <= level]
        assert found.t90.by == at_or_below[0]
        assert found.t90.after == max(step for step, _ in curve if step < at_or_below[0])
        assert found.t90.settled == min(
            step for step in at_or_below if all(loss <= level for later, loss in curve if later >= step)
        )

    early = [(step, loss) for step, loss in curve if step - first <= 0.1 * (last - first)]
    assert found.slope_records == len(early)
    if len(early) > 1:
        x, y = (sum(values) / len(early) for values in zip(*early, strict=True))
        slope = sum((s - x) * (loss - y) for s, loss in early) / sum((s - x) ** 2 for s, _ in early)
        assert found.slope == pytest.approx(slope, abs=1e-6)
    else:
        assert found.slope is None


def test_the_published_difference_is_one_tick_and_no_more_than_the_log_can_tell() -> None:
    """Nine runs each, of which one reached its level a record of 500 steps earlier (SPECS 2.5)."""
    usual, sooner = falling(10, 4, 2, 1, 0), falling(10, 4, 1, 0.5, 0)
    t90, *_ = compare_groups([sooner, *[usual] * 8], [usual] * 9, paired=True)
    assert t90.difference == pytest.approx(-500 / 9)
    assert t90.resolution == (pytest.approx(-55.6 - 500, abs=0.1), pytest.approx(-55.6 + 500, abs=0.1))
    assert t90.interval is not None and t90.interval[0] < 0 < t90.interval[1]


def test_pairs_tell_more_than_groups_where_data_differ_more_than_methods() -> None:
    first = [falling(level + 1.0, level, level) for level in (1, 5, 9)]
    second = [falling(level + 2.0, level + shift, level + shift) for level, shift in ((1, 1), (5, 1.1), (9, 0.9))]
    apart, together = (compare_groups(first, second, paired=paired)[1] for paired in (False, True))
    assert apart.difference == pytest.approx(together.difference)
    assert apart.interval is not None and apart.interval[0] < 0 < apart.interval[1]
    assert together.interval is not None and together.interval[1] < 0
    with pytest.raises(SettingError, match="3 runs and 2 are no pairs"):
        compare_groups(first, second[:2], paired=True)


def test_the_interval_is_that_of_students_t() -> None:
    shifts = [0.5, 1.0, 1.5, 3.0]
    first, second = [falling(9, shift, shift) for shift in shifts], [falling(9, 0, 0)] * 4
    _, mean_loss, _ = compare_groups(first, second, paired=True)
    halves = [0.75 * shift for shift in shifts]  # by trapezoids over two gaps: (9 + s) / 4 + s / 2 - 9 / 4
    mean = sum(halves) / 4
    deviation = (sum((half - mean) ** 2 for half in halves) / 3) ** 0.5
    reach = 3.182446 * deviation / 2  # t of 3 degrees of freedom
    assert mean_loss.interval == (pytest.approx(mean - reach, abs=1e-5), pytest.approx(mean + reach, abs=1e-5))


def test_the_interval_of_two_groups_is_welchs() -> None:
    first, second = ([falling(9, value, value) for value in values] for values in ((1, 2, 4), (3, 3.5)))
    _, mean_loss, _ = compare_groups(first, second)
    values = [[run.mean_loss for run in group] for group in (first, second)]
    expected = ttest_ind(*values, equal_var=False).confidence_interval(0.95)
    assert mean_loss.interval == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_what_cannot_be_said_is_none() -> None:
    one, flat = falling(10, 4, 2, 1, 0), falling(1, 1, 1)
    t90, mean_loss, slope = compare_groups([one], [flat])
    assert (t90.difference, t90.resolution) == (None, None), "a run has no t90"
    assert mean_loss.difference is not None and mean_loss.interval is None, "one run each says nothing of runs"
    assert slope.difference is None, "a tenth of the steps holds one record"
    assert compare_groups([one, one], [one, one])[0].interval is None, "no spread, so no interval"
