"""Tag schemes: spans to tags and back, illegal sequences, detection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from salin.corpus.schemes import (
    SCHEMES,
    Span,
    convert_tags,
    detect_scheme,
    illegal_transitions,
    is_legal,
    spans_to_tags,
    tags_to_spans,
)

LABELS = st.sampled_from(["PER", "LOC", "work-of-art"])


@st.composite
def spans_in_words(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Some spans without overlap, often touching, and how many words there are."""
    spans, position = [], 0
    for gap, length, label in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), LABELS), max_size=6)):
        spans.append(Span(position + gap, position + gap + length, label))
        position += gap + length
    return spans, position + draw(st.integers(0, 3))


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", "I-PER I-PER B-PER I-LOC O I-LOC"),
        ("IOB2", "B-PER I-PER B-PER B-LOC O B-LOC"),
        ("IOE1", "I-PER E-PER I-PER I-LOC O I-LOC"),
        ("IOE2", "I-PER E-PER E-PER E-LOC O E-LOC"),
        ("BIOES", "B-PER E-PER S-PER S-LOC O S-LOC"),
        ("BILOU", "B-PER L-PER U-PER U-LOC O U-LOC"),
    ],
)
def test_each_scheme_writes_the_same_four_entities(scheme: str, tags: str) -> None:
    spans = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(3, 4, "LOC"), Span(5, 6, "LOC")]
    assert spans_to_tags(spans, 6, scheme) == tags.split()
    assert tags_to_spans(tags.split(), scheme) == spans


@given(spans_in_words(), st.sampled_from(SCHEMES))
def test_spans_survive_every_scheme(case: tuple[list[Span], int], scheme: str) -> None:
    spans, length = case
    tags = spans_to_tags(spans, length, scheme)
    assert len(tags) == length
    assert tags_to_spans(tags, scheme) == spans
    assert illegal_transitions(tags, scheme) == []


@given(spans_in_words(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_conversion_loses_nothing(case: tuple[list[Span], int], source: str, target: str) -> None:
    tags = spans_to_tags(*case, source)
    assert convert_tags(convert_tags(tags, source, target), target, source) == tags


@given(st.lists(spans_in_words(), min_size=1), st.sampled_from(SCHEMES))
def test_what_is_detected_has_nothing_illegal_in_it(cases: list[tuple[list[Span], int]], scheme: str) -> None:
    sequences = [spans_to_tags(spans, length, scheme) for spans, length in cases]
    detected = detect_scheme(sequences)
    assert all(illegal_transitions(tags, detected) == [] for tags in sequences)


# Illegal sequences: seqeval's default mode follows conlleval, letter by letter.
@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in ("PER", "LOC"))]), max_size=12))
def test_any_sequence_is_read_as_conlleval_reads_it(tags: list[str]) -> None:
    expected = [(label, start, last + 1) for label, start, last in get_entities(tags)]
    assert [(s.label, s.start, s.end) for s in tags_to_spans(tags)] == expected


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O I-PER I-PER", [Span(1, 3, "PER")]),
        ("B-PER I-LOC", [Span(0, 1, "PER"), Span(1, 2, "LOC")]),
        ("I-PER B-PER", [Span(0, 1, "PER"), Span(1, 2, "PER")]),
        ("B-a-b I-a-b", [Span(0, 2, "a-b")]),
        ("U-PER L-PER", [Span(0, 1, "PER"), Span(1, 2, "PER")]),
        ("", []),
    ],
)
def test_reading_by_example(tags: str, spans: list[Span]) -> None:
    assert tags_to_spans(tags.split()) == spans


@pytest.mark.parametrize(
    ("sequences", "scheme"),
    [
        (["O O", ""], "IOB2"),
        (["B-PER I-PER O"], "IOB2"),
        (["I-PER O", "I-LOC B-LOC"], "IOB1"),
        (["B-PER O", "B-LOC B-LOC", "I-ORG"], "IOB2"),  # Spanish dev and test hold one such I-
        (["I-PER E-PER I-PER O"], "IOE1"),
        (["I-PER E-PER O E-LOC"], "IOE2"),
        (["B-PER E-PER O"], "BIOES"),
        (["S-PER O"], "BIOES"),
        (["U-PER O"], "BILOU"),
        (["B-PER L-PER"], "BILOU"),
    ],
)
def test_detection_by_example(sequences: list[str], scheme: str) -> None:
    assert detect_scheme([tags.split() for tags in sequences]) == scheme


def test_illegal_positions_count_the_borders() -> None:
    assert illegal_transitions(["I-PER", "O", "I-LOC"], "IOB2") == [0, 2]
    assert illegal_transitions(["S-PER", "B-PER"], "BIOES") == [2]
    assert illegal_transitions(["E-PER"], "IOB2") == [0, 1]
    assert not is_legal("B-PER", "I-LOC")


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="unknown scheme 'IOB'; known are IOB1"):
        spans_to_tags([], 0, "IOB")
    with pytest.raises(ValueError, match="unknown tag 'X-PER'"):
        tags_to_spans(["X-PER"])
    with pytest.raises(ValueError, match="overlap"):
        spans_to_tags([Span(0, 2, "PER"), Span(1, 3, "LOC")], 3)
    with pytest.raises(ValueError, match="does not fit 2 words"):
        spans_to_tags([Span(1, 3, "PER")], 2)
    with pytest.raises(ValueError, match="mix the letters"):
        detect_scheme([["S-PER", "U-PER"]])
