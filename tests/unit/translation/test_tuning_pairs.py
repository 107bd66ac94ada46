"""Pairs of names as a model learns from them: read, grouped, held out, translated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from salin.errors import DataError
from salin.translation import Candidate, Translation, Usage
from salin.translation.tuning import AlignedName, AlignedSentence, hold_out, read_pairs, with_translations
from salin.translation.wikipedia import Pair

MOSCOW = {"english": "Moscow", "label": "LOC", "original": "Москвы", "sentence": "Ана из Москвы ."}
ANA = {"english": "Ana", "label": "PER", "original": "Ана", "sentence": "Ана из Москвы ."}


def written(path: Path, *lines: Any) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), "utf-8")
    return path


def test_pairs_are_read_as_wikipedia_pairs_writes_them(tmp_path: Path) -> None:
    pair = Pair("Moscow", "LOC", "Москва", 0, 6, "Москва — столица России.", "Москва", 1)
    line = {name: getattr(pair, name) for name in Pair.__slots__}
    (found,) = read_pairs(written(tmp_path / "pairs.jsonl", line, ""))
    assert found == AlignedSentence("Москва — столица России.", (AlignedName("Moscow", "Москва", "LOC"),))


def test_names_of_one_sentence_belong_together_in_its_order(tmp_path: Path) -> None:
    translated = {**ANA, "translation": "Ana is from Moscow ."}
    found = read_pairs(written(tmp_path / "pairs.jsonl", MOSCOW, ANA, MOSCOW, translated))
    assert [[name.english for name in one.names] for one in found] == [["Ana", "Moscow"], ["Ana"]]
    assert [one.translation for one in found] == [None, "Ana is from Moscow ."]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('["Ana"]', "no object"),
        ({**ANA, "english": ""}, "no text under 'english'"),
        ({**ANA, "label": 3}, "no text under 'label'"),
        ({**ANA, "original": "Анна"}, "'Анна' does not stand in its sentence"),
        ({**ANA, "translation": "She is Anabel ."}, "'Ana' does not stand in the translation"),
        ({**ANA, "translation": 5}, "does not stand in the translation"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, line: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=r"pairs\.jsonl:2: ") as told:
        read_pairs(written(tmp_path / "pairs.jsonl", MOSCOW, line))
    assert complaint in str(told.value)


def test_no_pairs_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pairs"):
        read_pairs(written(tmp_path / "pairs.jsonl"))
    with pytest.raises(DataError, match=r"nowhere\.jsonl: cannot be read"):
        read_pairs(tmp_path / "nowhere.jsonl")


def named(*english: str) -> AlignedSentence:
    return AlignedSentence(" ".join(english), tuple(AlignedName(name, name, "PER") for name in english))


def test_names_that_are_held_out_do_not_occur_among_the_others() -> None:
    """Also where they share sentences with names that are trained on."""
    sentences = [named(f"A{number % 97}", f"B{number % 89}") for number in range(400)]
    training, held_out = hold_out(sentences)
    chosen = {name.english for one in held_out for name in one.names}
    trained = {name.english for one in training for name in one.names}
    assert 0.03 < len(chosen - trained) / 186 < 0.08
    assert sorted(map(str, training + held_out)) == sorted(map(str, sentences))
    assert all(any(name.english not in trained for name in one.names) for one in held_out)


def test_what_is_held_out_depends_on_the_names_alone() -> None:
    sentences = [named(f"A{number}") for number in range(100)]
    assert set(hold_out(sentences[::-1])[1]) == set(hold_out(sentences)[1])


@pytest.mark.parametrize(
    ("sentences", "complaint"),
    [
        ([named(f"A{number}") for number in range(19)], "19 different names are too few"),
        ([named(*(f"A{number}" for number in range(30)))], "every sentence holds a name that is held out"),
    ],
)
def test_there_must_be_something_to_learn_from_and_something_to_choose_by(
    sentences: list[AlignedSentence], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        hold_out(sentences)


class Scripted:
    """A translator that knows a few sentences."""

    asks_for_all = False

    def __init__(self, known: dict[str, Translation]):
        self.usage, self.known = Usage(), known
        self.asked: list[str] = []

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        self.asked.extend(sentences)
        return [self.known.get(sentence) for sentence in sentences]

    def bring_back(self, questions: Sequence[Any]) -> list[tuple[str | None, ...]]:
        raise AssertionError("nothing is brought back")


def test_translations_are_used_where_the_names_stand_in_them() -> None:
    right, wrong, unknown, has = (
        AlignedSentence(text, (AlignedName("Iran", "Иран", "LOC"),), translation)
        for text, translation in (("Иран там", None), ("Иран тут", None), ("Иран", None), ("Иран и", "Iran and"))
    )
    others = (
        Candidate("там", "There", "LOC"),
        Candidate("нет", "There", "LOC"),  # not in the sentence
        Candidate("там", "Here", "LOC"),  # not in the translation
        Candidate("Иран", "Iran", "ORG"),  # known already, and better
    )
    translator = Scripted(
        {right.sentence: Translation("Iran is There", others), wrong.sentence: Translation("The Iranian is here")}
    )
    found, without = with_translations([right, wrong, unknown, has], translator)
    assert [one.translation for one in found] == ["Iran is There", None, None, "Iran and"]
    assert found[0].others == (AlignedName("There", "там", "LOC"),)
    assert without == Counter({"name not in the translation": 1, "not translated": 1})
    assert has.sentence not in translator.asked
