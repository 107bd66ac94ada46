"""Bootstrap intervals of scores and of differences: reproducible, of the right width, and covering."""

from __future__ import annotations

import numpy as np
import pytest

from salin.errors import SettingError
from salin.evaluation import bootstrap_interval, difference_interval, summarise_seeds
from salin.evaluation.counts import IntArray


def coin_corpus(generator: np.random.Generator, sentences: int, accuracy: float) -> IntArray:
    """One gold and one predicted entity in each sentence, right with a probability: micro-F1 is then that share."""
    right = generator.random(sentences) < accuracy
    return np.stack([right, np.ones(sentences), np.ones(sentences)], axis=1).astype(np.int64)


def test_width_is_that_of_a_binomial() -> None:
    counts = coin_corpus(np.random.default_rng(1), 2000, 0.8)
    interval = bootstrap_interval(counts)
    share = counts[:, 0].mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 2000)
    assert interval.low == pytest.approx(share - half, abs=0.003)
    assert interval.high == pytest.approx(share + half, abs=0.003)


def test_covers_the_truth_about_95_times_in_100() -> None:
    generator = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        interval = bootstrap_interval(coin_corpus(generator, 200, 0.7), draws=400)
        hits += interval.low <= 0.7 <= interval.high
    # Two standard errors of 300 coins at 0.95 are 0.025; the percentile bootstrap is a little short at n = 200.
    assert 0.91 <= hits / 300 <= 0.98


def test_the_interval_of_a_difference_covers_it_about_95_times_in_100() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        better, worse = coin_corpus(generator, 200, 0.7), coin_corpus(generator, 200, 0.6)
        interval = difference_interval(better, worse, draws=400)
        hits += interval.low <= 0.1 <= interval.high
    assert 0.91 <= hits / 300 <= 0.98


def test_what_is_hard_for_both_systems_cancels_out() -> None:
    worse = coin_corpus(np.random.default_rng(6), 500, 0.5)
    better = worse.copy()
    better[:20, 0] = 1
    alone, between = bootstrap_interval(better), difference_interval(better, worse)
    assert between.high - between.low < 0.3 * (alone.high - alone.low)
    back = difference_interval(worse, better)
    assert (back.low, back.high) == (-between.high, -between.low)


def test_unlike_seeds_widen_the_interval_of_a_difference() -> None:
    # F1 0 or 1 by seed against F1 1: without any variance over sentences the difference is -1 to 0.
    perfect = np.ones((40, 3), dtype=np.int64)
    useless = np.stack([np.zeros(40), np.ones(40), np.ones(40)], axis=1).astype(np.int64)
    unlike = np.stack([perfect, useless] * 2)
    between, back = difference_interval(unlike, perfect), difference_interval(perfect, unlike)
    assert (between.low, between.high) == (-1, 0)
    assert (back.low, back.high) == (0, 1)


def test_seeds_that_both_share_do_not_widen_the_interval_of_a_difference() -> None:
    # Two models, one perfect and one useless: what is done to both of them makes no difference to either.
    perfect = np.ones((40, 3), dtype=np.int64)
    useless = np.stack([np.zeros(40), np.ones(40), np.ones(40)], axis=1).astype(np.int64)
    models = np.stack([perfect, useless])
    paired = difference_interval(models, models, paired=True)
    assert (paired.low, paired.high) == (0, 0)
    assert difference_interval(models, models).high == 1
    with pytest.raises(SettingError, match="2 runs and 1 are no pairs"):
        difference_interval(models, perfect, paired=True)


def test_differences_of_unlike_data_are_refused() -> None:
    with pytest.raises(SettingError, match="4 and on 3 sentences"):
        difference_interval(np.ones((4, 3), dtype=np.int64), np.ones((3, 3), dtype=np.int64))


def test_same_seed_same_interval() -> None:
    counts = coin_corpus(np.random.default_rng(3), 50, 0.5)
    assert bootstrap_interval(counts) == bootstrap_interval(counts)
    assert bootstrap_interval(counts) != bootstrap_interval(counts, seed=1)


def test_memory_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = coin_corpus(np.random.default_rng(3), 100, 0.5)
    whole = bootstrap_interval(counts, draws=4000)
    monkeypatch.setattr("salin.evaluation.intervals._CHUNK", 1000)
    assert bootstrap_interval(counts, draws=4000).low == pytest.approx(whole.low, abs=0.01)


def test_no_entities_no_width() -> None:
    interval = bootstrap_interval(np.zeros((5, 3), dtype=np.int64))
    assert (interval.low, interval.high) == (0, 0)


def test_equal_runs_have_the_interval_of_one() -> None:
    counts = coin_corpus(np.random.default_rng(4), 500, 0.6)
    one, five = bootstrap_interval(counts, draws=4000), bootstrap_interval(np.stack([counts] * 5), draws=4000)
    assert five.low == pytest.approx(one.low, abs=0.005)
    assert five.high == pytest.approx(one.high, abs=0.005)


def test_unlike_seeds_widen_the_interval() -> None:
    # Without any variance over sentences, only that between seeds is left: F1 0 or 1, mean 0.5.
    perfect = np.ones((40, 3), dtype=np.int64)
    useless = np.stack([np.zeros(40), np.ones(40), np.ones(40)], axis=1).astype(np.int64)
    summary = summarise_seeds(np.stack([perfect, useless] * 2))
    assert summary.f1s == (1, 0, 1, 0)
    assert summary.mean == 0.5
    assert summary.std == pytest.approx(np.std([1, 0, 1, 0], ddof=1))
    # Four draws from a fair coin: their mean is 0 or 1 in one draw of 16 each, so both lie inside 95 %.
    assert (summary.interval.low, summary.interval.high) == (0, 1)


def test_one_seed_has_no_deviation() -> None:
    assert summarise_seeds(np.ones((1, 4, 3), dtype=np.int64)).std == 0


@pytest.mark.parametrize("bad", [{"level": 1.0}, {"level": 0.0}, {"draws": 0}])
def test_settings_without_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        bootstrap_interval(np.ones((4, 3), dtype=np.int64), **bad)


def test_no_sentences_are_refused() -> None:
    with pytest.raises(SettingError, match="at least one sentence"):
        bootstrap_interval(np.zeros((0, 3), dtype=np.int64))
