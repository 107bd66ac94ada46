"""The capitalisation rule."""

from __future__ import annotations

import pytest

from salin.baselines import Capitalisation
from salin.baselines.capitalisation import capitalised_runs
from salin.corpus import Sentence, SentenceTagger
from salin.errors import DataError


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("Yesterday Ana Reyes left Cebu", ["Ana Reyes", "Cebu"]),
        ("Cebu Pacific flies", ["Pacific"]),
        ("a DŽenana ǅenana b", ["DŽenana ǅenana"]),
        ("the iPhone of 3M", []),
        ("昨日 東京 に", []),
        ("", []),
    ],
)
def test_runs_inside_the_sentence(line: str, runs: list[str]) -> None:
    tokens = line.split()
    assert [" ".join(tokens[start:end]) for start, end in capitalised_runs(tokens)] == runs


def test_some_words_break_runs() -> None:
    assert capitalised_runs(["x", "Ana", "Si", "Eva"], breaking={"si"}) == [(1, 2), (3, 4)]


def test_the_label_is_the_most_frequent_of_the_source() -> None:
    source = [Sentence.from_tokens(["A", "B", "C"], ["B-ORG", "B-PER", "B-PER"])]
    tagger = Capitalisation.from_corpus(source)
    assert isinstance(tagger, SentenceTagger)
    assert tagger.labels == ("PER",)
    assert [(e.text, e.label) for e in tagger.tag("we met Ana Reyes").entities] == [("Ana Reyes", "PER")]


def test_a_source_without_entities_is_refused() -> None:
    with pytest.raises(DataError, match="no entity"):
        Capitalisation.from_corpus([Sentence.from_tokens(["a"])])
