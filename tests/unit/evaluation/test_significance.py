"""Paired randomisation against exact enumeration, and Holm's correction by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.errors import SettingError
from salin.evaluation import holm, paired_randomisation
from salin.evaluation.counts import IntArray


def random_system(generator: np.random.Generator, gold: IntArray) -> IntArray:
    """Counts of a made-up system on given numbers of gold entities a sentence."""
    predicted = generator.integers(0, 4, size=len(gold))
    tp = generator.integers(0, np.minimum(predicted, gold) + 1)
    return np.stack([tp, predicted, gold], axis=1)


def f1(totals: IntArray) -> float:
    tp, predicted, gold = totals
    return 2 * tp / (predicted + gold) if tp else 0.0


def enumerated_p(first: IntArray, second: IntArray) -> float:
    """p over all 2^n swaps, in plain loops; `[runs, sentences, 3]` both."""

    def difference(swaps: tuple[int, ...]) -> float:
        chosen = np.array(swaps, dtype=bool)[None, :, None]
        a, b = np.where(chosen, second, first), np.where(chosen, first, second)
        return float(np.mean([f1(run.sum(axis=0)) for run in a]) - np.mean([f1(run.sum(axis=0)) for run in b]))

    n = first.shape[1]
    observed = abs(difference((0,) * n))
    return float(np.mean([abs(difference(swaps)) >= observed - 1e-12 for swaps in product((0, 1), repeat=n)]))


@pytest.mark.parametrize("runs", [1, 3])
@given(numbers=st.integers(0, 2**32 - 1), n=st.integers(1, 7))
def test_few_sentences_give_the_exact_p(runs: int, numbers: int, n: int) -> None:
    generator = np.random.default_rng(numbers)
    gold = generator.integers(0, 4, size=n)
    first, second = (np.stack([random_system(generator, gold) for _ in range(runs)]) for _ in range(2))
    test = paired_randomisation(first, second)
    assert test.exact
    assert test.p == pytest.approx(enumerated_p(first, second))


def test_random_rounds_come_near_the_exact_p() -> None:
    generator = np.random.default_rng(5)
    gold = generator.integers(1, 4, size=12)
    first, second = random_system(generator, gold), random_system(generator, gold)
    exact = paired_randomisation(first, second, rounds=2**12)
    sampled = paired_randomisation(first, second, rounds=exact.rounds - 1)
    assert exact.exact
    assert not sampled.exact
    assert sampled.p == pytest.approx(exact.p, abs=0.03)


def test_p_never_is_zero_and_counts_the_observed_round() -> None:
    first = np.tile([1, 1, 1], (400, 1))
    second = np.tile([0, 1, 1], (400, 1))
    test = paired_randomisation(first, second, rounds=999)
    assert test.difference == 1
    assert test.p == 1 / 1000


def test_equal_systems_have_p_one() -> None:
    counts = np.tile([1, 2, 2], (300, 1))
    assert paired_randomisation(counts, counts).p == 1


def test_is_reproducible_and_symmetric() -> None:
    generator = np.random.default_rng(6)
    gold = generator.integers(0, 4, size=200)
    first, second = random_system(generator, gold), random_system(generator, gold)
    there, back = paired_randomisation(first, second), paired_randomisation(second, first)
    assert there == paired_randomisation(first, second)
    assert there.difference == -back.difference
    assert there.p == back.p


def test_is_rarely_significant_where_nothing_differs() -> None:
    generator = np.random.default_rng(7)
    small = 0
    for _ in range(200):
        gold = generator.integers(0, 4, size=60)
        test = paired_randomisation(random_system(generator, gold), random_system(generator, gold), rounds=500)
        small += test.p <= 0.05
    assert small <= 20


def test_a_system_without_seeds_stands_beside_each_seed_of_the_other() -> None:
    generator = np.random.default_rng(8)
    gold = generator.integers(0, 4, size=9)
    seeds = np.stack([random_system(generator, gold) for _ in range(3)])
    rules = random_system(generator, gold)
    assert paired_randomisation(seeds, rules) == paired_randomisation(seeds, np.stack([rules] * 3))


def test_unlike_data_or_numbers_of_seeds_are_refused() -> None:
    counts = np.tile([1, 1, 1], (4, 1))
    with pytest.raises(SettingError, match="same gold sentences"):
        paired_randomisation(counts, counts[:3])
    with pytest.raises(SettingError, match="same gold sentences"):
        paired_randomisation(counts, np.tile([1, 1, 2], (4, 1)))
    with pytest.raises(SettingError, match="2 runs cannot be paired with 3"):
        paired_randomisation(np.stack([counts] * 2), np.stack([counts] * 3))


def test_holm_by_hand() -> None:
    # Smallest times 3, next times 2, last times 1; never smaller than one before it, never above 1.
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == {"a": 0.06, "b": 0.03, "c": 0.06}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
