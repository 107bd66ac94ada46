"""The tests against exact enumeration and scipy, what they take for chance, and Holm's correction by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import permutation_test, ttest_rel

from salin.errors import SettingError
from salin.evaluation import assess, holm, paired_randomisation, paired_runs, run_permutation
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


def runs_with_f1(*f1s: float) -> IntArray:
    """A run for each F1, `[runs, 1, 3]`: one sentence with 100 gold and 100 predicted entities."""
    return np.array([[[round(100 * value), 100, 100]] for value in f1s])


def test_few_runs_give_the_exact_p_of_every_relabelling() -> None:
    # Of the ways to deal 60, 62, 64, 70 out by twos, 64 + 70 against 60 + 62 and its mirror image differ most.
    test = run_permutation(runs_with_f1(0.70, 0.64), runs_with_f1(0.60, 0.62))
    assert test is not None
    assert (test.p, test.rounds, test.exact) == (2 / 6, 6, True)
    assert test.difference == pytest.approx(0.06)


few_runs = st.lists(st.integers(0, 100), min_size=2, max_size=5)


@given(first=few_runs, second=few_runs)
def test_relabelling_runs_agrees_with_scipy(first: list[int], second: list[int]) -> None:
    test = run_permutation(*(runs_with_f1(*(n / 100 for n in side)) for side in (first, second)))

    def distance(a: IntArray, b: IntArray, axis: int) -> IntArray:
        # Times both numbers of runs, so that it is whole and no difference hangs on rounding.
        return abs(a.sum(axis) * len(second) - b.sum(axis) * len(first))

    # It is large for differences either way, so its upper tail is the two-sided test.
    expected = permutation_test((first, second), distance, alternative="greater", n_resamples=np.inf, vectorized=True)
    assert test is not None
    assert test.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("count", "least"), [(2, 2 / 6), (3, 2 / 20), (4, 2 / 70), (5, 2 / 252)])
def test_the_least_p_over_runs_depends_on_how_many_there_are(count: int, least: float) -> None:
    better, worse = (runs_with_f1(*(base + i / 100 for i in range(count))) for base in (0.8, 0.2))
    for test in (run_permutation(better, worse), run_permutation(worse, better)):
        assert test is not None
        assert test.p == least


def test_many_runs_are_relabelled_at_random() -> None:
    generator = np.random.default_rng(9)
    a, b = (runs_with_f1(*generator.uniform(mean - 0.1, mean + 0.1, 5)) for mean in (0.5, 0.55))
    exact, drawn = run_permutation(a, b), run_permutation(a, b, rounds=251)
    assert exact is not None and drawn is not None
    assert exact.exact and not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=0.06)
    assert drawn == run_permutation(a, b, rounds=251)


def test_one_run_says_nothing_about_runs() -> None:
    one, three = runs_with_f1(0.9), runs_with_f1(0.1, 0.2, 0.3)
    assert run_permutation(one, three) is None
    assert run_permutation(three, one) is None
    assert run_permutation(one[0], three) is None
    test = assess(one, three)
    assert test.p_runs is None
    assert test.p == test.sentences.p
    assert paired_runs(one, runs_with_f1(0.1)) is None


@given(pairs=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=2, max_size=6))
def test_paired_runs_agree_with_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(side) / 100 for side in zip(*pairs, strict=True))
    assume(np.ptp(first - second) > 1e-9)  # scipy divides by zero there
    assert paired_runs(runs_with_f1(*first), runs_with_f1(*second)) == pytest.approx(ttest_rel(first, second).pvalue)


def test_pairs_that_all_differ_alike_leave_nothing_to_chance() -> None:
    assert paired_runs(runs_with_f1(0.5, 0.7), runs_with_f1(0.5, 0.7)) == 1
    assert paired_runs(runs_with_f1(0.5, 0.75), runs_with_f1(0.25, 0.5)) == 0


def test_a_gain_that_every_model_has_shows_for_all_their_seeds() -> None:
    plain = (0.50, 0.58, 0.64, 0.70, 0.77)
    adapted = tuple(value + gain for value, gain in zip(plain, (0.02, 0.03, 0.02, 0.03, 0.02), strict=True))
    paired = assess(runs_with_f1(*adapted), runs_with_f1(*plain), paired=True)
    unpaired = assess(runs_with_f1(*adapted), runs_with_f1(*plain))
    assert paired.p_runs is not None and paired.p_runs < 0.001
    assert unpaired.p_runs is not None and unpaired.p_runs > 0.5


def runs_of_a_method(
    generator: np.random.Generator, ease: NDArray[np.float64], accuracy: NDArray[np.float64]
) -> IntArray:
    """Five runs of a method that finds a sentence's one entity with some probability.

    Args:
        generator: Draws.
        ease: What each sentence adds to that probability, whoever tags it.
        accuracy: Of each run, over all sentences, `[5]`.
    """
    probabilities = accuracy[:, None] + ease
    right = generator.random(probabilities.shape) < probabilities
    return np.stack([right, np.ones_like(right), np.ones_like(right)], axis=-1).astype(np.int64)


def share_of_small_p(difference: float, seeds: float) -> tuple[float, float]:
    """How often p is at most 0.05 over sentences alone, and over sentences and seeds."""
    generator = np.random.default_rng(10)
    small = []
    for _ in range(300):
        ease = generator.uniform(-0.25, 0.25, size=500)
        first, second = (
            runs_of_a_method(generator, ease, 0.6 + d + generator.normal(0, seeds, size=5)) for d in (difference, 0)
        )
        test = assess(first, second, rounds=300)
        small.append((test.sentences.p <= 0.05, test.p <= 0.05))
    over_sentences, over_both = np.mean(small, axis=0)
    return float(over_sentences), float(over_both)


def test_equal_methods_with_unlike_seeds_are_rarely_told_apart() -> None:
    over_sentences, over_both = share_of_small_p(difference=0, seeds=0.03)
    # Sentences alone see these ten models, and they do differ: by their seeds. That is no merit of a method.
    assert over_sentences > 0.2
    # Two standard errors of 300 coins at 0.05 are 0.025.
    assert over_both <= 0.075


def test_equal_methods_with_equal_seeds_are_rarely_told_apart() -> None:
    over_sentences, over_both = share_of_small_p(difference=0, seeds=0)
    assert over_both <= over_sentences <= 0.075


def test_unlike_methods_are_told_apart_for_all_their_seeds() -> None:
    assert share_of_small_p(difference=0.08, seeds=0.03)[1] > 0.8


def share_of_small_p_of_gains(gain: float, varies: float) -> float:
    """How often p of a gain over the very same five models is at most 0.05; the models differ by their seeds."""
    generator = np.random.default_rng(11)
    small = 0
    for _ in range(300):
        ease = generator.uniform(-0.25, 0.25, size=500)
        models = 0.6 + generator.normal(0, 0.03, size=5)
        plain = runs_of_a_method(generator, ease, models)
        adapted = runs_of_a_method(generator, ease, models + generator.normal(gain, varies, size=5))
        small += assess(adapted, plain, paired=True, rounds=300).p <= 0.05
    return small / 300


def test_what_changes_nothing_for_the_same_models_is_rarely_called_a_gain() -> None:
    assert share_of_small_p_of_gains(gain=0, varies=0) <= 0.075
    assert share_of_small_p_of_gains(gain=0, varies=0.03) <= 0.075


def test_a_gain_for_the_same_models_is_found_for_all_their_seeds() -> None:
    assert share_of_small_p_of_gains(gain=0.08, varies=0.03) > 0.8


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
