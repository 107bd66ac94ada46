"""Reading text: every kind of file gives the same lines, and what is wrong with one is told and stops nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.errors import DataError, SettingError
from salin.pretraining import sources
from salin.pretraining.opening import bounded_lines
from salin.pretraining.sources import TextFile, find_text, find_translations

LINES = ["Maria met Jan.", "中国 总理", "Ünïcode in Sugbo"]
PLAIN = ("\n".join([LINES[0], "", f"  {LINES[1]}\t", LINES[2]]) + "\n").encode()
# Without the time in it, which would be another one in each process of the tests.
CUT_OFF = gzip.compress(PLAIN * 999, mtime=0)[:200]


@pytest.fixture
def _pyarrow(require: Callable[[str, bool], None]) -> None:
    require("pyarrow (pip install 'salin[ray]')", find_spec("pyarrow") is not None)


def lines_of(file: TextFile, on_error: sources.OnError = "skip") -> list[str]:
    return [line for _, line in file.read(on_error)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", PLAIN),
        ("named-otherwise", PLAIN),
        ("windows.txt", b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n")),
        ("a.txt.gz", gzip.compress(PLAIN, mtime=0)),
        ("a.txt.xz", lzma.compress(PLAIN)),
        ("a.txt.bz2", bz2.compress(PLAIN)),
        ("a.jsonl", b"".join(json.dumps({"text": line}).encode() + b"\n" for line in LINES)),
        ("a.ndjson.gz", gzip.compress(json.dumps({"text": "\n".join(LINES), "id": 1}).encode(), mtime=0)),
    ],
)
def test_every_kind_of_file_gives_the_same_lines(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    file = TextFile(tmp_path / name, "en")
    assert list(file.read("strict")) == [("en", line) for line in LINES]
    assert (file.lines, file.characters, file.problems) == (3, sum(map(len, LINES)), [])


def test_of_columns_the_words_are_read_where_the_file_is_named_itself(tmp_path: Path) -> None:
    path = tmp_path / "yo" / "train.conll"
    path.parent.mkdir()
    path.write_text("Jan\tB-PER\nwon\tO\n.\tO\n\nin\tO\nSugbo\tno such tag\n", encoding="utf-8")
    assert list(TextFile(path, "yo").read("strict")) == [("yo", "Jan won ."), ("yo", "in Sugbo")]
    assert [file.path for file in find_text(path, "yo")] == [path]
    with pytest.raises(DataError, match="no text"):
        find_text(path.parent)


@pytest.mark.usefixtures("_pyarrow")
def test_parquet_and_zstandard_give_the_same_lines(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [1, 2, 3], "text": LINES}), tmp_path / "a.parquet")
    with pa.CompressedOutputStream(str(tmp_path / "a.txt.zst"), "zstd") as file:
        file.write(PLAIN)
    assert lines_of(TextFile(tmp_path / "a.parquet", "en"), "strict") == LINES
    assert lines_of(TextFile(tmp_path / "a.txt.zst", "en"), "strict") == LINES


@pytest.mark.parametrize("name", ["a.parquet", "a.txt.zst"])
def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SettingError, match=r"salin\[ray\]"):
        lines_of(TextFile(tmp_path / name, "en"))


def test_records_may_name_their_language(tmp_path: Path) -> None:
    records = [{"text": "uno", "language": "es"}, {"text": "one"}, {"text": "x", "language": "../../etc"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    file = TextFile(tmp_path / "a.jsonl", "en")
    assert list(file.read()) == [("es", "uno"), ("en", "one")]
    assert file.problems == ["skipped 1 line: '../../etc' is no language code (first at line 3)"]


@pytest.mark.parametrize(
    ("name", "content", "left", "problem"),
    [
        ("latin1.txt", b"one\ncaf\xe9\ntwo\n", ["one", "two"], "skipped 1 line: not UTF-8 (first at line 2). Convert"),
        ("utf16.txt", "one\ntwo".encode("utf-16"), [], "the file is UTF-16; nothing behind was read. Save it as UTF-8"),
        ("empty.txt", b"", [], "there is no text in it"),
        ("blank.txt", b"\n \n", [], "there is no text in it"),
        ("cut.txt.gz", CUT_OFF, LINES, "nothing behind was read. The file may be damaged"),
        ("other.txt.xz", b"this is no xz file", [], "nothing behind was read. The file may be damaged or cut off"),
        ("half.jsonl", b'{"text": "one"}\n{"text": "tw', ["one"], "not JSON: Unterminated string"),
        ("else.jsonl", b'{"body": "one"}\n[1]\n{"text": "two"}\n', ["two"], "2 lines: there is no text (first at"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_the_rest_is_read(
    tmp_path: Path, name: str, content: bytes, left: list[str], problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    file = TextFile(tmp_path / name, "en")
    assert lines_of(file)[:3] == left
    assert problem in file.problems[0]


@pytest.mark.usefixtures("_pyarrow")
def test_a_damaged_parquet_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    file = TextFile(tmp_path / "a.parquet", "en")
    assert lines_of(file) == []
    assert "cannot be read as Parquet" in file.problems[0]


def test_bytes_that_are_not_utf_8_are_repaired_or_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\xe9\n")
    file = TextFile(tmp_path / "a.txt", "en")
    assert lines_of(file, "repair") == ["one", "caf\ufffd"]
    assert "repaired 1: a byte that is not UTF-8 read as U+FFFD (first at line 2)" in file.problems[0]
    with pytest.raises(DataError, match=r"a\.txt:2: byte 0xe9 is not UTF-8"):
        lines_of(TextFile(tmp_path / "a.txt", "en"), "strict")


def test_a_very_long_line_is_read_in_pieces_and_nothing_of_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_LONGEST_LINE", 1000)
    words = [f"word{number}" for number in range(2000)]
    (tmp_path / "a.txt").write_text("first\n" + " ".join(words) + "\nlast \ufffd\n", encoding="utf-8")
    file = TextFile(tmp_path / "a.txt", "en")
    first, *pieces, last = lines_of(file)
    assert (first, last) == ("first", "last \ufffd")
    assert len(pieces) > 10
    assert max(map(len, pieces)) <= 1000
    assert " ".join(pieces).split() == words
    assert file.problems == ["line 2 is longer than 1,000 bytes and was read in pieces"]


def test_lines_behind_a_long_one_keep_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LONGEST_LINE", 100)
    (tmp_path / "a.txt").write_bytes(b"x" * 1000 + b"\ncaf\xe9\n")
    file = TextFile(tmp_path / "a.txt", "en")
    assert "".join(lines_of(file)) == "x" * 1000
    assert "first at line 2" in file.problems[1]


@given(st.lists(st.sampled_from(["中" * 9, "é" * 7, "a", "bc ", "\r\n", "\n", " "]), max_size=30), st.integers(8, 20))
def test_pieces_of_lines_are_the_whole_text(parts: list[str], longest: int) -> None:
    content = "".join(parts).encode()
    pieces = list(bounded_lines(io.BytesIO(content), longest))
    assert b"".join(pieces) == content
    assert all(len(piece) <= longest and piece.decode() for piece in pieces), "no character is cut in two"


def test_folders_say_the_language(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("en/a.txt", "en/deep/b.jsonl", "zh-Hans/c.txt.gz", "2024/d.txt", "en/.hidden.txt", "en/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n")
    found = {file.path.name: file.language for file in find_text(tmp_path, exclude=["en/b"])}
    assert found == {"a.txt": "en", "c.txt.gz": "zh-Hans", "d.txt": "und"}
    assert "left out 1 files that are called like no text" in caplog.text
    assert "README.md" in caplog.text
    assert [file.language for file in find_text(tmp_path / "en")] == ["en", "en"]
    assert {file.language for file in find_text(tmp_path, "tl")} == {"tl"}
    assert [file.language for file in find_text(tmp_path / "en" / "README.md", "fr")] == ["fr"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        find_text(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no text here"):
        find_text(tmp_path)
    with pytest.raises(DataError, match="no parallel set here"):
        find_translations(tmp_path, ["news"])
