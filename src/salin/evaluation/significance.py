"""Is one system better than another, or was it luck? Tests over sentences and over runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb, sqrt

import numpy as np
from scipy.special import stdtr

from salin.errors import SettingError
from salin.evaluation.counts import FloatArray, IntArray, f1_of

_CHUNK = 2_000_000
# Differences of F1 that are equal in exact arithmetic may differ by rounding; they must count as "as large".
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Randomisation:
    """What a randomisation test found.

    Attributes:
        difference: Micro-F1 of the first system minus that of the second (means over seeds), in -1..1.
        p: How likely an absolute difference at least this large would be if the two systems were interchangeable.
        rounds: How many ways of swapping, or of relabelling runs, were looked at.
        exact: True when these were all ways there are.
    """

    difference: float
    p: float
    rounds: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Significance:
    """Both tests of one difference.

    Attributes:
        sentences: Of `paired_randomisation`: would these very models differ so on other sentences?
        p_runs: Of `run_permutation`, or of `paired_runs`: would the methods differ so with other seeds? None where that
            cannot be asked.
    """

    sentences: Randomisation
    p_runs: float | None

    @property
    def p(self) -> float:
        """The larger p: a difference is beyond chance only when neither sentences nor seeds explain it.

        Its level is kept whichever of the two is the explanation (an intersection-union test, Berger 1982).
        """
        return self.sentences.p if self.p_runs is None else max(self.sentences.p, self.p_runs)


def assess(
    first: IntArray, second: IntArray, *, paired: bool = False, rounds: int = 10_000, seed: int = 0
) -> Significance:
    """Holds a difference against the chance that lies in the sentences and against that in the seeds.

    Args:
        first: See `paired_randomisation`.
        second: See `paired_randomisation`.
        paired: Each run of the first uses the trained model of the run of the second at the same place, as a tagger
            with and without adaptation does: runs are then tested by `paired_runs`.
        rounds: Of each test, at most.
        seed: Of the random generators.

    Raises:
        SettingError: When the systems were not scored on the same sentences, or have different numbers of runs.
    """
    if paired:
        p_runs = paired_runs(first, second)
    else:
        over_runs = run_permutation(first, second, rounds=rounds, seed=seed)
        p_runs = None if over_runs is None else over_runs.p
    return Significance(paired_randomisation(first, second, rounds=rounds, seed=seed), p_runs)


def paired_randomisation(first: IntArray, second: IntArray, *, rounds: int = 10_000, seed: int = 0) -> Randomisation:
    """Two-sided paired approximate randomisation (Noreen 1989; for F1, Yeh 2000) of micro-F1 over sentences.

    If the systems were interchangeable, then swapping their outputs on any sentence would change nothing but chance.
    Each round swaps each sentence with probability 1/2 and looks whether the difference of F1 is at least as large as
    the one observed; p = (such rounds + 1) / (rounds + 1). Where so few sentences have different counts that all
    swaps fit into `rounds`, all are tried instead and p is exact.

    With several seeds the statistic is the difference between the mean F1 over the seeds of the first and that of the
    second system, and the swap of a sentence swaps it in all seeds at once, since runs of one system share their
    mistakes. So the test speaks of these trained models on other sentences, and says nothing about other seeds: two
    equal methods whose seeds vary differ beyond chance by it far too often. `run_permutation` asks about seeds, and
    `assess` both. A system with one run (rules have no seed) stands beside each run of the other.

    Sentences are taken to be independent. Those of one article share names and mistakes, so p is a little too small
    where articles are long.

    Args:
        first: `[sentences, 3]` or `[runs, sentences, 3]`: tp, predicted, gold.
        second: The same for the second system, on the same sentences in the same order.
        rounds: How many random swaps.
        seed: Of the random generator.

    Raises:
        SettingError: When the systems were not scored on the same sentences, or have different numbers of runs.
    """
    a, b = _matched(first, second)
    n_runs = len(a)
    totals_a, totals_b = a.sum(axis=1), b.sum(axis=1)
    observed = float(f1_of(totals_a).mean() - f1_of(totals_b).mean())
    differs = (a != b).any(axis=(0, 2))
    # Swapping a sentence moves its counts from one total to the other; those with equal counts cannot matter.
    moved = (b - a)[:, differs].transpose(1, 0, 2).reshape(int(differs.sum()), n_runs * 3).astype(np.float64)

    def as_large(swaps: FloatArray) -> int:
        shift = (swaps @ moved).reshape(len(swaps), n_runs, 3)
        difference = f1_of(totals_a + shift).mean(axis=1) - f1_of(totals_b - shift).mean(axis=1)
        return int((np.abs(difference) >= abs(observed) - _ROUNDING).sum())

    n = len(moved)
    step = max(1, _CHUNK // max(1, n))
    if 2**n <= rounds:
        hits = as_large(_all_swaps(n))
        return Randomisation(observed, hits / 2**n, 2**n, exact=True)
    generator = np.random.default_rng(seed)
    hits = 0
    for start in range(0, rounds, step):
        swaps = generator.integers(2, size=(min(step, rounds - start), n), dtype=np.int8)
        hits += as_large(swaps.astype(np.float64))
    return Randomisation(observed, (hits + 1) / (rounds + 1), rounds, exact=False)


def run_permutation(first: IntArray, second: IntArray, *, rounds: int = 10_000, seed: int = 0) -> Randomisation | None:
    """Two-sided permutation test (Fisher 1935) of the difference of mean micro-F1 over whole runs.

    If the two methods were the same one, their runs would differ in their seeds alone, so that any of them might have
    stood under either name. All ways to deal the runs out are tried, C(2n, n) for n runs each; where there are more
    than `rounds`, so many are drawn and p = (as large + 1) / (rounds + 1).

    The smallest p is 2 / C(2n, n): 1/3 for 2 runs each, 1/10 for 3, 1/35 for 4, 1/126 for 5. So fewer than 4 runs
    each cannot show at the 5 % level that one method is better than another.

    Args:
        first: `[sentences, 3]` or `[runs, sentences, 3]`: tp, predicted, gold.
        second: The same for the second system; another number of runs is fine.
        rounds: How many ways to try at most.
        seed: Of the random generator.

    Returns:
        None where a system has a single run, which says nothing about how much runs vary.
    """
    a, b = (f1_of(counts.sum(axis=-2)).reshape(-1) for counts in (first, second))
    if min(len(a), len(b)) < 2:
        return None
    f1s = np.concatenate([a, b])
    ways = comb(len(f1s), len(a))
    exact = ways <= rounds
    if exact:
        dealt = np.array(list(combinations(range(len(f1s)), len(a))))
    else:
        dealt = np.random.default_rng(seed).random((rounds, len(f1s))).argsort(axis=1)[:, : len(a)]
    sums = f1s[dealt].sum(axis=1)
    differences = sums / len(a) - (f1s.sum() - sums) / len(b)
    observed = float(a.mean() - b.mean())
    hits = int((np.abs(differences) >= abs(observed) - _ROUNDING).sum())
    return Randomisation(observed, hits / ways if exact else (hits + 1) / (rounds + 1), len(dealt), exact)


def paired_runs(first: IntArray, second: IntArray) -> float | None:
    """Two-sided paired t-test (Student 1908) of micro-F1 over runs that share their trained models by pairs.

    What a seed does to a model it does to both of a pair, so only the differences within pairs count. They are taken to
    be normal. Swapping the two of each pair at random would not need that, but its smallest p is 2 / 2^n for n pairs:
    1/16 for 5, so that no gain of any size could show at the 5 % level.

    Args:
        first: `[runs, sentences, 3]`: tp, predicted, gold.
        second: The same for the second system: the same sentences, and the same models in the same order.

    Returns:
        p, which is 1 where no pair differs; None where there is a single pair.

    Raises:
        SettingError: When the systems were not scored on the same sentences, or have different numbers of runs.
    """
    a, b = _matched(first, second)
    differences = f1_of(a.sum(axis=1)) - f1_of(b.sum(axis=1))
    n = len(differences)
    if n < 2:
        return None
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / sqrt(n)
    if error < _ROUNDING:
        return 1.0 if abs(mean) < _ROUNDING else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / error))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusts p-values for having made several comparisons (Holm 1979).

    Each may then be held against the usual level: the chance of any false claim among all stays below it.

    Args:
        p_values: One p a comparison, by name.

    Returns:
        The adjusted p-values, in the order given; each at least the raw one, none above 1.
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def _matched(first: IntArray, second: IntArray) -> tuple[IntArray, IntArray]:
    a, b = (counts[None] if counts.ndim == 2 else counts for counts in (first, second))
    if a.shape[1] != b.shape[1] or (a[0, :, 2] != b[0, :, 2]).any():
        raise SettingError("the two systems were not scored on the same gold sentences, so they cannot be paired")
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise SettingError(
            f"{len(a)} runs cannot be paired with {len(b)}: give both the same number, or one of them a single run"
        )
    n_runs = max(len(a), len(b))
    return np.broadcast_to(a, (n_runs, *a.shape[1:])), np.broadcast_to(b, (n_runs, *b.shape[1:]))


def _all_swaps(n: int) -> FloatArray:
    numbers: IntArray = np.arange(2**n, dtype=np.int64)
    bits: IntArray = np.arange(n, dtype=np.int64)
    return ((numbers[:, None] >> bits) & 1).astype(np.float64)
