"""Drawing text: languages by their size to a power, passages of consecutive lines, translations side by side."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus.lexicon import Lexicon
from salin.errors import DataError
from salin.pretraining.rows import SwitchedPassages, TranslationPairs
from salin.pretraining.text import ParallelText, PlainText, fingerprint

LARGE, SMALL = [f"line {number:03}" for number in range(100)], ["regel"]


@pytest.mark.parametrize(("temperature", "share"), [(0, 1 / 2), (0.5, 800**0.5 / (800**0.5 + 5**0.5)), (1, 800 / 805)])
def test_languages_are_drawn_by_size_to_a_power(temperature: float, share: float) -> None:
    plain = PlainText({"nl": SMALL, "en": LARGE, "xx": []}, temperature)
    random = np.random.default_rng(0)
    drawn = Counter(plain.draw(1, random)[0] for _ in range(2000))
    assert plain.languages == ["en", "nl"], "where there is no text nothing is drawn"
    assert drawn["en"] / 2000 == pytest.approx(share, abs=0.03)


def test_a_passage_is_consecutive_lines_without_hidden_ones() -> None:
    plain = PlainText({"en": LARGE}, 1, hidden={"en": {fingerprint(line) for line in LARGE[::7]}})
    shown = [line for number, line in enumerate(LARGE) if number % 7]
    for seed in range(50):
        lines = plain.consecutive("en", 30, np.random.default_rng(seed))
        start = shown.index(lines[0])
        assert lines == shown[start : start + len(lines)]
        assert sum(map(len, lines)) + len(lines) >= 30 or lines[-1] == shown[-1]


def test_a_sample_takes_from_each_language_its_share() -> None:
    plain = PlainText({"en": LARGE, "nl": [f"regel {number:03}" for number in range(200)]}, 0)
    sample = list(plain.sample(600, np.random.default_rng(0)))
    assert len(sample) == len(set(sample)), "no line comes twice"
    assert sum(len(line) for line in sample if line in LARGE) == pytest.approx(300, abs=10)
    everything = list(plain.sample(10**6, np.random.default_rng(0)))
    assert sorted(everything) == sorted([*plain.lines["en"], *plain.lines["nl"]])


@given(st.integers(2, 450))
def test_translations_that_are_held_out_are_drawn_by_nobody_else(count: int) -> None:
    sets = {"n": {"en": [f"e{i}" for i in range(count)], "nl": [f"n{i}" for i in range(count)]}}
    training = ParallelText(sets, {"n": 1})
    kept = {line for line in training.all_lines() if line[0] == "e"}
    assert len(kept) == count - count // 100
    held = training.held_out()
    assert bool(held) == (count >= 100)
    for text in held.values():
        lines = set(text.all_lines())
        assert len(lines) == 2 * (count // 100)
        assert not lines & set(training.all_lines())


def test_missing_lines_of_a_parallel_set_are_not_paired() -> None:
    sets = {"n": {"en": ["good morning", "", "the match"], "nl": ["goedemorgen", "niets", "de wedstrijd"]}}
    pairs = ParallelText(sets, {"n": 1.0}).draw(np.random.default_rng(0))
    seen = {tuple(sorted(pair)) for pair in islice(pairs, 50)}
    assert seen == {("goedemorgen", "good morning"), ("de wedstrijd", "the match")}


def test_languages_that_have_no_line_in_common_are_named() -> None:
    with pytest.raises(DataError, match="the parallel set n has hardly a line in both"):
        next(ParallelText({"n": {"en": ["a", ""], "nl": ["", "b"]}}, {"n": 1}).draw(np.random.default_rng(0)))


def test_held_out_translations_are_measured_by_language() -> None:
    lines = {code: [f"{code}{number}" for number in range(300)] for code in ("ceb", "en", "tl")}
    held = ParallelText({"n": lines}, {"n": 1}).held_out()
    pairs = [pair for seed in range(20) for pair in islice(held["tl"].draw(np.random.default_rng(seed)), 5)]
    assert all(any(side.startswith("tl") for side in pair) for pair in pairs)
    assert {side for pair in pairs for side in pair} >= {"tl99", "tl199", "tl299"}


def test_a_row_of_translations_has_pairs_in_both_orders() -> None:
    text = TranslationPairs(ParallelText({"n": {"en": ["good morning"], "nl": ["goedemorgen"]}}, {"n": 1}))
    rows = [text(24, np.random.default_rng(seed)) for seed in range(10)]
    assert {row[0] for row in rows} == {"good morning", "goedemorgen"}
    assert all(sum(map(len, row)) >= 72 for row in rows)


def test_switched_rows_hold_translations() -> None:
    plain = PlainText({"en": ["The premier met Maria."] * 20, "nl": ["niets"]}, 0)
    text = SwitchedPassages(plain, {"nl": Lexicon({"the": ["de"], "met": ["ontmoette"]})}, rate=0.5)
    (row,) = text(200, np.random.default_rng(1))
    assert "De premier ontmoette" in row
    assert "The" in row
    assert " met " in row, "half of the words stay as they are"
    assert "niets" not in row


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError, match="no text"):
        PlainText({"en": []}, 1)
    with pytest.raises(DataError, match="no translations"):
        ParallelText({}, {"n": 1})
