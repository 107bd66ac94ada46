"""Calibration figures on examples that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from salin.corpus import Entity, Sentence
from salin.errors import SettingError
from salin.evaluation import ece, entity_confidences, fit_temperature, reliability_table


def test_ece_of_one_bin_is_the_gap_of_the_means() -> None:
    assert ece([0.9, 0.7], [True, False], bins=1) == pytest.approx(0.8 - 0.5)


def test_ece_of_two_bins_of_equal_width() -> None:
    # (0, .5]: mean score .3, accuracy 0, two of five. (.5, 1]: mean score .8, accuracy 2/3, three of five.
    scores, correct = [0.2, 0.4, 0.6, 0.8, 1.0], [False, False, False, True, True]
    assert ece(scores, correct, bins=2, binning="width") == pytest.approx(2 / 5 * 0.3 + 3 / 5 * (0.8 - 2 / 3))


def test_ece_of_two_bins_of_equal_mass() -> None:
    # .9 .92 | .94 .99: all would fall into one bin of equal width.
    scores, correct = [0.94, 0.9, 0.99, 0.92], [True, False, True, True]
    assert ece(scores, correct, bins=2) == pytest.approx(1 / 2 * (0.91 - 0.5) + 1 / 2 * (1 - 0.965))


def test_borders_belong_to_the_lower_bin_and_zero_to_the_first() -> None:
    table = reliability_table([0.0, 0.5, 1.0], [True] * 3, bins=2, binning="width")
    assert [(b.low, b.high, b.count) for b in table] == [(0, 0.5, 2), (0.5, 1, 1)]


def test_empty_bins_are_left_out() -> None:
    assert [b.count for b in reliability_table([0.1, 0.9], [True, False], bins=15)] == [1, 1]
    assert ece([], []) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.sampled_from(["mass", "width"]))
def test_every_prediction_is_in_one_bin(pairs: list[tuple[float, bool]], binning: str) -> None:
    scores, correct = zip(*pairs, strict=True)
    table = reliability_table(scores, correct, binning=binning)
    assert sum(b.count for b in table) == len(pairs)
    assert sum(b.count * b.accuracy for b in table) == pytest.approx(sum(correct))
    assert 0 <= ece(scores, correct, binning=binning) <= 1


def test_scores_out_of_range_and_unlike_lengths_are_refused() -> None:
    with pytest.raises(SettingError, match=r"0\.\.1"):
        ece([1.2], [True])
    with pytest.raises(SettingError, match="one truth value a score"):
        ece([0.2], [True, False])


def test_confidences_of_entities() -> None:
    blank = Sentence.from_tokens(["Ana", "saw", "Cebu"])
    gold = Sentence(blank.text, blank.words, (Entity(0, 3, "Ana", "PER"), Entity(8, 12, "Cebu", "LOC")))
    guess = Sentence(
        blank.text,
        blank.words,
        (Entity(0, 3, "Ana", "PER", 0.9), Entity(4, 7, "saw", "PER"), Entity(8, 12, "Cebu", "PER", 0.4)),
    )
    scores, correct = entity_confidences([gold], [guess])
    assert scores.tolist() == [0.9, 0.4]
    assert correct.tolist() == [True, False]
    scores, correct = entity_confidences([gold], [guess], labels={"LOC"})
    assert len(scores) == len(correct) == 0, "no prediction of the only label that counts"


def test_temperature_of_two_classes_by_hand() -> None:
    # The logit gap is always 4, and 3 of 4 are right: the best T makes softmax give 3/4, so 4 / T = log 3.
    logits, gold = np.tile([4.0, 0.0], (4, 1)), np.array([0, 0, 0, 1])
    assert fit_temperature(logits, gold) == pytest.approx(4 / np.log(3), rel=1e-4)


def test_temperature_is_where_scipy_finds_the_least_loss() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(500, 7)) * 3
    gold = np.array([generator.choice(7, p=np.exp(z / 2) / np.exp(z / 2).sum()) for z in logits])

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(500), gold]).mean())

    expected = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8}).x)
    assert fit_temperature(logits, gold) == pytest.approx(expected, rel=1e-4)
    assert expected == pytest.approx(2, rel=0.2)


def test_temperature_stays_in_its_bounds() -> None:
    assert fit_temperature(np.array([[5.0, 0.0]]), np.array([0])) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(np.array([[5.0, 0.0]]), np.array([1])) == pytest.approx(20, rel=1e-3)
    with pytest.raises(SettingError):
        fit_temperature(np.zeros((0, 2)), np.zeros(0))
