"""Baselines by name."""

from __future__ import annotations

import pytest

from salin.baselines import RULES, is_rules, load_rules
from salin.corpus import Sentence, SentenceTagger
from salin.errors import SettingError

SOURCE = [Sentence.from_tokens(["Ana"], ["B-PER"])]


@pytest.mark.parametrize("name", RULES)
def test_each_is_a_tagger_that_knows_its_name(name: str) -> None:
    tagger = load_rules(name, SOURCE)
    assert isinstance(tagger, SentenceTagger)
    assert tagger.name == name
    assert is_rules(name)


@pytest.mark.parametrize(
    ("wrong", "near"), [("rules:ti", "rules:tl"), ("tl", "rules:tl"), ("rules:gazeteer", "rules:gazetteer")]
)
def test_a_wrong_name_is_answered_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(SettingError, match=f"did you mean '{near}'"):
        load_rules(wrong)


def test_a_hopeless_name_is_answered_with_all() -> None:
    with pytest.raises(SettingError, match="known are rules:capitalised, rules:ceb, rules:gazetteer, rules:tl"):
        load_rules("xyzzy")


@pytest.mark.parametrize("name", ["rules:gazetteer", "rules:capitalised"])
def test_what_is_made_from_source_sentences_says_so(name: str) -> None:
    with pytest.raises(SettingError, match="source"):
        load_rules(name)
