"""Sets of parameters: their overlaps equal those of plain sets, and chance is what drawing at random gives."""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from statistics import fmean, pstdev

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from salin.analysis.parameter_sets import ParameterSet, mean_overlap

MEMBERS = st.integers(1, 40).flatmap(
    lambda of: st.tuples(st.just(of), st.sets(st.integers(0, of - 1)), st.sets(st.integers(0, of - 1)))
)


def of_members(members: set[int] | tuple[int, ...], of: int) -> ParameterSet:
    mask = torch.zeros(of, dtype=torch.bool)
    mask[list(members)] = True
    return ParameterSet.of_mask(mask)


@given(MEMBERS)
def test_overlaps_are_those_of_sets(drawn: tuple[int, set[int], set[int]]) -> None:
    of, one, other = drawn
    found, back = of_members(one, of).overlap(of_members(other, of)), of_members(other, of).overlap(of_members(one, of))
    assert asdict(back) == pytest.approx(asdict(found))
    if not one or not other:
        assert (found.overlap, found.iou) == (0, 0)
        return
    assert found.overlap == pytest.approx(len(one & other) / min(len(one), len(other)))
    assert found.iou == pytest.approx(len(one & other) / len(one | other))


@pytest.mark.parametrize(("of", "first", "second"), [(6, 2, 2), (6, 2, 4), (7, 3, 1), (5, 5, 2)])
def test_chance_is_the_mean_over_all_sets_of_that_size(of: int, first: int, second: int) -> None:
    one = of_members(tuple(range(first)), of)
    every = [one.overlap(of_members(members, of)) for members in combinations(range(of), second)]
    assert every[0].chance == pytest.approx(fmean(found.overlap for found in every))
    assert every[0].deviation == pytest.approx(pstdev([found.overlap for found in every]))


def test_chance_is_the_share_where_both_sets_have_it() -> None:
    values = torch.arange(1000.0) + 1
    found = ParameterSet.top(values, 0.1).overlap(ParameterSet.top(values.flip(0), 0.1))
    assert (found.overlap, found.chance) == (0, pytest.approx(0.1))


def test_the_top_share_is_what_sorting_gives() -> None:
    values = torch.tensor([[0.3, 0.1], [0.9, 0.5], [0.2, 0.7]])
    assert ParameterSet.top(values, 0.5).bits.tolist() == of_members({2, 3, 5}, 6).bits.tolist()
    assert ParameterSet.top(values, 0.01).size == 1, "one at least"


def test_what_does_not_matter_at_all_is_never_at_the_top() -> None:
    """Or the embeddings of words that occur in neither language would make any two languages alike."""
    first, second = (ParameterSet.top(torch.tensor(values), 0.5) for values in ([3.0, 0, 0, 0], [0, 0, 1.0, 2.0]))
    assert (first.size, second.size) == (1, 2)
    found = first.overlap(second)
    assert (found.overlap, found.chance) == (0, 0.5)


def test_means_are_taken_number_by_number() -> None:
    one, other = of_members({0, 1}, 4), of_members({1, 2}, 4)
    found = mean_overlap([one.overlap(one), one.overlap(other)])
    assert (found.overlap, found.iou) == (0.75, pytest.approx((1 + 1 / 3) / 2))
    assert found.chance == one.overlap(other).chance
