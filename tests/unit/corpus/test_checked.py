"""A file is read again for its checksum only where it may have changed; a record that is no good is as none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from salin.corpus import checked
from salin.corpus.catalogue import DataFile, sha256_of
from salin.corpus.checked import CheckedFiles

LONG_AGO = 1_600_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.conll"
    write(path, "Ana\tB-PER\n")
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    names: list[str] = []
    monkeypatch.setattr(checked, "sha256_of", lambda path: names.append(path.name) or sha256_of(path))
    return names


def write(path: Path, text: str, when: int = LONG_AGO) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (when, when))


def sha256(path: Path, *, anew: bool = False) -> str:
    """As `salin data list` asks for it, each time in a new process."""
    files = CheckedFiles(path.parent, anew=anew)
    found = files.sha256(path)
    files.save()
    return found


def test_what_nobody_has_written_to_is_read_once(file: Path, hashed: list[str]) -> None:
    assert sha256(file) == sha256(file) == sha256_of(file)
    assert hashed == ["mine.conll"]
    assert sha256(file, anew=True) == sha256_of(file)
    assert len(hashed) == 2


@pytest.mark.parametrize("text", ["Eva\tB-PER\n", "Ana\tB-PER\n\n", "Ana\tB-PER\n"])
def test_what_may_have_changed_is_read_again_and_then_not(file: Path, hashed: list[str], text: str) -> None:
    """As long as before, longer, and the same, only written once more."""
    sha256(file)
    write(file, text, when=LONG_AGO + 100)
    assert sha256(file) == sha256(file) == sha256_of(file)
    assert len(hashed) == 2


def test_whoever_turns_back_the_clock_has_to_be_asked(file: Path) -> None:
    before = sha256(file)
    write(file, "Eva\tB-PER\n")
    assert sha256(file) == before
    assert sha256(file, anew=True) == sha256_of(file) != before
    assert sha256(file) == sha256_of(file), "and is remembered"


def test_the_time_of_a_file_that_was_written_just_now_says_nothing(file: Path, hashed: list[str]) -> None:
    """Where time goes in steps, it would be the same after another change in this step."""
    file.touch()
    assert sha256(file) == sha256(file)
    assert len(hashed) == 2


@pytest.mark.parametrize("record", ["", "{", "[]", '{"x": 1}', '{"x": ["a", "b", "c"]}'])
def test_a_damaged_record_is_as_none(file: Path, record: str) -> None:
    path = file.with_name("checked.json")
    path.write_text(record, encoding="utf-8")
    assert sha256(file) == sha256_of(file)
    assert list(json.loads(path.read_text("utf-8"))) == [str(file)]


def test_a_folder_that_cannot_be_written_to_is_no_error(file: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file stands there", encoding="utf-8")
    files = CheckedFiles(tmp_path / "folder")
    assert files.sha256(file) == sha256_of(file)
    files.save()


def test_files_that_are_gone_are_forgotten_and_nothing_is_written_for_nothing(file: Path, tmp_path: Path) -> None:
    other, record = tmp_path / "other.conll", tmp_path / "checked.json"
    write(other, "x")
    sha256(file)
    sha256(other)
    assert set(json.loads(record.read_text("utf-8"))) == {str(file), str(other)}
    os.utime(record, (LONG_AGO, LONG_AGO))
    sha256(file)
    assert record.stat().st_mtime == LONG_AGO
    other.unlink()
    sha256(file)
    assert set(json.loads(record.read_text("utf-8"))) == {str(file)}


def test_a_data_set_is_here_or_changed_by_the_checksum_that_it_is_given(file: Path) -> None:
    listed = DataFile(str(file), sha256_of(file), file.stat().st_size)
    assert listed.state(sha256=CheckedFiles(file.parent).sha256) == "here"
    assert listed.state(sha256=lambda path: "another") == "changed"
    write(file, "longer than it was\n")
    assert listed.state(sha256=lambda path: listed.sha256) == "changed", "its size says so"
    file.unlink()
    assert listed.state(sha256=CheckedFiles(file.parent).sha256) == "missing"
