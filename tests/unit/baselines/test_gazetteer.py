"""The gazetteer of source entities."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.baselines import Gazetteer
from salin.corpus import Sentence, SentenceTagger, read
from salin.errors import DataError
from salin.evaluation import entity_texts, score


def marked(line: str) -> Sentence:
    """`"Ana/PER saw New_York/LOC"`: an underscore joins the words of an entity."""
    tokens: list[str] = []
    tags: list[str] = []
    for item in line.split():
        text, _, label = item.partition("/")
        words = text.split("_")
        tokens += words
        tags += [f"B-{label}", *[f"I-{label}"] * (len(words) - 1)] if label else ["O"]
    return Sentence.from_tokens(tokens, tags)


def found(gazetteer: Gazetteer, line: str) -> list[tuple[str, str]]:
    return [(e.text, e.label) for e in gazetteer.tag(Sentence.from_tokens(line.split())).entities]


def test_longest_match_wins_and_matches_do_not_overlap() -> None:
    gazetteer = Gazetteer(
        {("New", "York"): "LOC", ("New", "York", "Times"): "ORG", ("York",): "LOC", ("Times", "Square"): "LOC"}
    )
    assert found(gazetteer, "the New York Times Square") == [("New York Times", "ORG")]
    assert found(gazetteer, "New York and York") == [("New York", "LOC"), ("York", "LOC")]


def test_case_counts() -> None:
    assert found(Gazetteer({("Ana",): "PER"}), "ana ANA Ana") == [("Ana", "PER")]


def test_ambiguous_entries_get_their_most_frequent_label() -> None:
    source = [marked("Paris/LOC"), marked("Paris/PER"), marked("Paris/PER"), marked("Cebu/PER"), marked("Cebu/LOC")]
    gazetteer = Gazetteer.from_corpus(source)
    assert found(gazetteer, "Paris") == [("Paris", "PER")]
    assert found(gazetteer, "Cebu") == [("Cebu", "LOC")], "a tie goes to the first in the alphabet"
    assert gazetteer.labels == ("LOC", "PER")


def test_entries_that_are_mostly_something_else_are_dropped() -> None:
    source = [marked("Of/ORG Cebu/LOC"), *[marked("Of course")] * 9]
    assert found(Gazetteer.from_corpus(source), "Of Cebu") == [("Cebu", "LOC")]
    assert found(Gazetteer.from_corpus(source, minimum_precision=0), "Of Cebu") == [("Of", "ORG"), ("Cebu", "LOC")]


def test_a_part_of_a_longer_entry_is_no_evidence_against_it() -> None:
    # "China" stands alone once and three times inside a longer entity, where the longest match covers it.
    source = [marked("China/LOC"), *[marked("Bank_of_China/ORG")] * 3]
    assert found(Gazetteer.from_corpus(source, minimum_precision=1), "China") == [("China", "LOC")]


def test_it_is_a_tagger_with_a_name() -> None:
    gazetteer = Gazetteer.from_corpus([marked("Ana/PER")])
    assert isinstance(gazetteer, SentenceTagger)
    assert gazetteer.name == "rules:gazetteer"
    assert len(gazetteer) == 1
    assert [(e.start, e.end) for e in gazetteer.tag("Hello Ana.").entities] == [(6, 9)]


def test_a_source_without_entities_is_refused() -> None:
    with pytest.raises(DataError, match="no entity"):
        Gazetteer.from_corpus([marked("nobody here")])


words = st.sampled_from(["a", "b", "c"])
entries = st.dictionaries(
    st.lists(words, min_size=1, max_size=3).map(tuple), st.sampled_from(["LOC", "PER"]), min_size=1
)


@given(entries, st.lists(words, max_size=12))
def test_matching_equals_the_slow_way(listed: dict[tuple[str, ...], str], tokens: list[str]) -> None:
    expected, start = [], 0
    while start < len(tokens):
        ends = [end for end in range(start + 1, len(tokens) + 1) if tuple(tokens[start:end]) in listed]
        if ends:
            expected.append((start, max(ends), listed[tuple(tokens[start : max(ends)])]))
        start = max(ends, default=start + 1)
    assert [tuple(span) for span in Gazetteer(listed).tag(Sentence.from_tokens(tokens)).spans()] == expected


@pytest.mark.parametrize(("language", "expected"), [("es", 0.138), ("nl", 0.112)])
def test_english_names_in_spanish_and_dutch(shared_data: Path, language: str, expected: float) -> None:
    source = read(shared_data / "ner/conll2003/en/train.conll")
    gold = read(shared_data / f"ner/conll2002/{language}/test.conll")
    predicted = list(Gazetteer.from_corpus(source).tag_sentences(gold.without_entities()))
    result = score(gold, predicted, source_entities=entity_texts(source))
    assert result.f1 == pytest.approx(expected, abs=0.0005)
    assert result.unseen is not None
    assert result.unseen.recall == 0
