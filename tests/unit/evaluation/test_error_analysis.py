"""Kinds of errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Sentence
from salin.evaluation import ErrorKind, analyse_errors, score

TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def sentence(tags: list[str] | tuple[str, ...]) -> Sentence:
    return Sentence.from_tokens([f"w{i}" for i in range(len(tags))], tags)


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ("B-PER I-PER", "B-LOC I-LOC", ["type"]),
        ("B-PER I-PER", "B-PER O", ["boundary"]),
        ("B-PER I-PER", "O B-LOC", ["boundary+type"]),
        ("B-PER O", "O O", ["missed"]),
        ("O O", "B-PER O", ["spurious"]),
        ("B-PER O O", "O O B-PER", ["missed", "spurious"]),
        ("B-PER I-PER I-PER", "B-PER I-PER B-PER", ["boundary", "spurious"]),
        ("B-PER I-PER", "B-LOC B-PER", ["boundary", "spurious"]),
        ("B-PER I-PER", "B-PER I-PER", []),
    ],
)
def test_each_kind(gold: str, predicted: str, kinds: list[str]) -> None:
    analysis = analyse_errors([sentence(gold.split())], [sentence(predicted.split())])
    assert sorted(error.kind.value for error in analysis.errors) == sorted(kinds)


def test_examples_come_in_the_order_of_the_text() -> None:
    analysis = analyse_errors([sentence(["B-PER", "O", "B-LOC"])] * 2, [sentence(["O", "O", "O"])] * 2)
    shown = analysis.examples(ErrorKind.MISSED, limit=3)
    assert [error.gold.text for error in shown if error.gold] == ["w0", "w2", "w0"]
    assert analysis.examples(ErrorKind.TYPE) == []


@given(st.lists(st.tuples(*[st.sampled_from(TAGS)] * 12), min_size=1, max_size=4))
def test_kinds_add_up_to_the_score(rows: list[tuple[str, ...]]) -> None:
    gold, predicted = [sentence(row[:6]) for row in rows], [sentence(row[6:]) for row in rows]
    analysis, counts = analyse_errors(gold, predicted), score(gold, predicted).micro
    by_kind = analysis.counts
    paired = by_kind[ErrorKind.TYPE] + by_kind[ErrorKind.BOUNDARY] + by_kind[ErrorKind.BOUNDARY_AND_TYPE]
    assert analysis.correct == counts.tp
    assert paired + by_kind[ErrorKind.MISSED] == counts.fn
    assert paired + by_kind[ErrorKind.SPURIOUS] == counts.fp
