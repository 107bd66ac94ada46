"""Bootstrap intervals of micro-F1 and of differences, over sentences, and over sentences and runs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from salin.errors import SettingError
from salin.evaluation.counts import FloatArray, IntArray, f1_of

# Resampled index arrays are drawn in pieces of about this many numbers, which bounds memory at any corpus size.
_CHUNK = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile bootstrap interval of micro-F1, or of a difference (Efron 1979).

    Attributes:
        low: Lower bound, in 0..1, of a difference in -1..1.
        high: Upper bound, likewise.
        level: How often such an interval should hold the true value, such as 0.95.
        draws: How many resampled corpora it comes from.
    """

    low: float
    high: float
    level: float
    draws: int


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """A system trained with several seeds.

    Attributes:
        f1s: Micro-F1 of each seed, in 0..1.
        mean: Their mean.
        std: Their sample standard deviation; 0 for a single seed.
        interval: Bootstrap interval of the mean, over sentences and seeds.
    """

    f1s: tuple[float, ...]
    mean: float
    std: float
    interval: Interval


def bootstrap_interval(counts: IntArray, *, draws: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
    """The interval in which micro-F1 would fall on other test sets of this size and kind.

    The design: one draw takes as many sentences as there are, with replacement, from the test set. Where there are
    several seeds (runs of the same system), it also takes as many runs as there are, with replacement; the drawn
    sentences are the same for each drawn run, since all runs were scored on the one test set; the statistic is the mean
    over the drawn runs of their micro-F1. The bounds are percentiles of that over the draws. Mind that resampling few
    runs understates their variance, by a factor (r - 1) / r of it for r runs: with one run the interval says nothing
    about seeds, with two it is half blind. Mind too that sentences are drawn as if they were independent: those of one
    article share names, so the interval is a little too narrow where articles are long.

    Args:
        counts: `[sentences, 3]` for one run or `[runs, sentences, 3]` for several: tp, predicted, gold.
        draws: How many corpora to draw; 1,000 place a 95 % bound well enough for one decimal.
        level: Coverage in 0..1.
        seed: Of the random generator: the same call gives the same interval.

    Raises:
        SettingError: When there are no sentences, or `level` or `draws` make no sense.
    """
    runs = _checked(counts, draws, level)
    generator = np.random.default_rng(seed)
    values = [_mean_of_drawn(f1s, generator) for f1s in _resampled_f1(runs, draws, generator)]
    return _percentiles(values, draws, level)


def difference_interval(
    first: IntArray,
    second: IntArray,
    *,
    paired: bool = False,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of the mean micro-F1 of one system minus that of another.

    Drawn as for `bootstrap_interval`: the sentences are the same for both systems, so what is hard for both cancels
    out; the runs of each are drawn by themselves, paired ones together. What is said there about few runs holds here
    too: with two or three, the interval may leave out 0 where a test over runs cannot tell the methods apart.

    Args:
        first: `[sentences, 3]` or `[runs, sentences, 3]`: tp, predicted, gold.
        second: The same for the second system on the same sentences; another number of runs is fine unless `paired`.
        paired: See `assess`.
        draws: See `bootstrap_interval`.
        level: See `bootstrap_interval`.
        seed: See `bootstrap_interval`.

    Raises:
        SettingError: When there are no sentences or unlike ones, paired systems have different numbers of runs, or
            `level` or `draws` make no sense.
    """
    a, b = _checked(first, draws, level), _checked(second, draws, level)
    if a.shape[1] != b.shape[1]:
        raise SettingError(f"systems scored on {a.shape[1]} and on {b.shape[1]} sentences cannot be compared")
    if paired and len(a) != len(b):
        raise SettingError(f"{len(a)} runs and {len(b)} are no pairs")
    generator = np.random.default_rng(seed)

    def difference(f1s: FloatArray) -> FloatArray:
        own, other = f1s[:, : len(a)], f1s[:, len(a) :]
        if paired:
            return _mean_of_drawn(own - other, generator)
        return _mean_of_drawn(own, generator) - _mean_of_drawn(other, generator)

    values = [difference(f1s) for f1s in _resampled_f1(np.concatenate([a, b]), draws, generator)]
    return _percentiles(values, draws, level)


def summarise_seeds(counts: IntArray, *, draws: int = 1000, level: float = 0.95, seed: int = 0) -> SeedSummary:
    """Mean micro-F1 over runs, its standard deviation, and the interval of `bootstrap_interval`.

    Args:
        counts: `[runs, sentences, 3]`: tp, predicted, gold of the same test set in each run.
        draws: See `bootstrap_interval`.
        level: See `bootstrap_interval`.
        seed: See `bootstrap_interval`.
    """
    f1s = f1_of(counts.sum(axis=1))
    std = float(f1s.std(ddof=1)) if len(f1s) > 1 else 0.0
    interval = bootstrap_interval(counts, draws=draws, level=level, seed=seed)
    return SeedSummary(tuple(f1s.tolist()), float(f1s.mean()), std, interval)


def _checked(counts: IntArray, draws: int, level: float) -> IntArray:
    """The counts as `[runs, sentences, 3]`."""
    runs = counts[None] if counts.ndim == 2 else counts
    if not 0 < level < 1 or draws < 1:
        raise SettingError(f"a bootstrap needs 0 < level < 1 and draws >= 1, not level={level} and draws={draws}")
    if 0 in runs.shape:
        raise SettingError("a bootstrap interval needs at least one sentence")
    return runs


def _percentiles(values: list[FloatArray], draws: int, level: float) -> Interval:
    low, high = np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, draws)


def _mean_of_drawn(values: FloatArray, generator: np.random.Generator) -> FloatArray:
    """For each row of `[draws, runs]` the mean of as many runs as there are, drawn with replacement."""
    drawn = generator.integers(values.shape[1], size=values.shape)
    return np.take_along_axis(values, drawn, axis=1).mean(axis=1)


def _resampled_f1(runs: IntArray, draws: int, generator: np.random.Generator) -> Iterator[FloatArray]:
    """Micro-F1 of each run on resampled sentences, in pieces of `[draws, runs]`."""
    n_runs, n, _ = runs.shape
    flat = runs.transpose(1, 0, 2).reshape(n, n_runs * 3).astype(np.float64)
    step = max(1, _CHUNK // n)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        index = generator.integers(n, size=(size, n))
        # How often each sentence was drawn; a product with the counts then sums them (exact: small whole numbers).
        index += np.arange(size)[:, None] * n
        weights = np.bincount(index.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        yield f1_of((weights @ flat).reshape(size, n_runs, 3))
