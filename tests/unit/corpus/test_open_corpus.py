"""The bundled corpus, and the linter that guards it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import salin
from salin.corpus import load_open_corpus
from salin.corpus.lint import lint
from salin.errors import DataError, SettingError

FOLDER = Path(salin.__file__).parent / "assets" / "open-corpus"


@pytest.mark.parametrize("language", ["es", "nl", "de", "fr", "zh", "tl", "ceb"])
def test_every_language_has_a_test_part(language: str) -> None:
    corpus = load_open_corpus(language, "test")
    assert len(corpus) >= 150
    assert corpus.labels == ("LOC", "MISC", "ORG", "PER")
    assert corpus.language == language
    assert all(e.text == s.text[e.start : e.end] for s in corpus for e in s.entities)
    assert all(s.spans() for s in corpus if s.entities)


def test_english_has_three_parts() -> None:
    assert sum(len(load_open_corpus("en", split)) for split in ("train", "dev", "test")) >= 1200


def test_missing_parts_are_named() -> None:
    with pytest.raises(SettingError, match="no part tl train; it has ceb test, de test, en dev, en test, en train"):
        load_open_corpus("tl", "train")


def test_the_open_corpus_is_clean() -> None:
    assert [str(problem) for problem in lint([FOLDER]).problems] == []


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "en").mkdir()
    names = ("Anna", "Bert", "Carl", "Dora", "Emil", "Fred", "Gina", "Hugo")
    lines = [f"{name} saw {name} near [Oslo](LOC)." for name in names]
    (tmp_path / "en" / "train.txt").write_text("\n".join(lines), "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["A [bad mark"], r"en/dev.txt:1: '\[' in column 3 belongs to no mark"),
        (["He likes [Oslo](CITY) a lot."], "en/dev.txt:1: the label CITY of 'Oslo' is none of LOC MISC ORG PER"),
        (["He likes Oslo(LOC) a lot."], "a type in brackets without a mark before it"),
        (["Anna saw Anna near Oslo."], r"en/dev.txt:1: the same sentence as \S+en/train.txt:1"),
        (
            ["[A](PER) saw the old [B](LOC).", "[C](PER) saw the old [D](LOC)."],
            r":2: the same skeleton as .*:1: PER saw the",
        ),
        (
            ["He said one two three four.", "They said one two three four."],
            "'said one two three four.' stands in 2 of 2",
        ),
        (["他昨天在市里开会讨论问题。", "我昨天在市里开会讨论问题。"], "'昨天在市里开会讨' stands in 2 of 2 sentences"),
    ],
)
def test_the_linter_finds(corpus: Path, lines: list[str], message: str) -> None:
    (corpus / "en" / "dev.txt").write_text("\n".join(lines), "utf-8")
    found = [str(problem) for problem in lint([corpus / "en" / "train.txt", corpus / "en" / "dev.txt"]).problems]
    assert any(re.search(message, problem) for problem in found), found


def test_short_table_lines_may_share_a_shape(corpus: Path) -> None:
    path = corpus / "en" / "dev.txt"
    path.write_text("[Ajax](ORG) 2 [PSV](ORG) 1\n[Lyon](ORG) 2 [Metz](ORG) 1\n", "utf-8")
    assert lint([path]).problems == ()


def test_test_entities_seen_in_train_stay_in_a_range(corpus: Path) -> None:
    test = corpus / "en" / "test.txt"
    test.write_text("They met in [Oslo](LOC) again.\n", "utf-8")
    report = lint([corpus])
    assert report.seen == {str(test): 1.0}
    assert "en/test.txt: 100% of its entity mentions occur in train, not 15% to 40%" in str(report.problems[-1])


def test_counts(corpus: Path) -> None:
    path = str(corpus / "en" / "train.txt")
    assert lint([path]).counts[path] == {"sentences": 8, "entities": 8, "LOC": 8, "without entities": 0}
    with pytest.raises(DataError, match="no such file or folder"):
        lint([corpus / "nowhere"])
