"""A file that is read in parts gives what it gives when it is read whole."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salin.corpus import Sentence, iter_sentences
from salin.corpus.formats import text
from salin.corpus.formats.source import Source
from salin.corpus.parts import WHOLE, Part, open_part, split_file
from salin.corpus.reading import sentences_of
from salin.errors import DataError, SettingError

PIECES = [
    "Maria met Ana.",
    "Juan",
    "in Lisbon.",
    " ",
    "\r",
    "\x0b",
    "Straße.",
    "中国总理访问德国。",
    "\ufeff",
    "[Ana](PER)",
    "#",
]
# Lines that any of the formats can hold, of which some run on over their end, and bytes that are no UTF-8.
lines = st.lists(st.sampled_from(PIECES), max_size=3).map("".join)
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n"])
broken = st.sampled_from([b"", b"", b"", b"\xff", b"\xe2\x82"])
contents = st.lists(st.tuples(lines, broken, ends), min_size=4, max_size=30).map(
    lambda parts: b"".join(line.encode() + bad + end.encode() for line, bad, end in parts)
)


def read_parts(path: Path, format: str, parts: list[Part], on_error: str) -> list[Sentence]:
    sentences: list[Sentence] = []
    for part in parts:
        with open_part(path, part) as raw:
            source = Source(raw, str(path), on_error, keep_tags=False, line=part.line, offset=part.offset)
            sentences += sentences_of(source, format=format, labelled=False)
    return sentences


def described(sentences: list[Sentence]) -> list[tuple]:
    return [(sentence, dict(sentence.extra)) for sentence in sentences]


@settings(max_examples=200)
@given(
    contents,
    st.integers(1, 60),
    st.sampled_from(["text", "text", "lines", "inline"]),
    st.sampled_from(["repair", "skip"]),
)
def test_parts_are_read_as_the_whole(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, size: int, format: str, on_error: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "input"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        # Paragraphs that come to an end by their length alone are frequent then.
        patched.setattr(text, "_LARGEST_PARAGRAPH", 40)
        _, parts = split_file(path, size, format=format, on_error=on_error)
        whole = list(iter_sentences(path, format=format, labelled=False, on_error=on_error))
        assert described(read_parts(path, format, parts, on_error)) == described(whole)
    if parts != [WHOLE]:
        assert (parts[0].start, parts[-1].end) == (0, len(content))
        assert all(here.end == there.start for here, there in pairwise(parts))


def test_a_part_is_no_larger_than_asked_for_where_lines_allow(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"Line {number} of a file.\n" for number in range(1000)), encoding="utf-8")
    _, parts = split_file(path, 500, format="lines")
    sizes = [part.end - part.start for part in parts if part.end is not None]
    assert max(sizes) <= 500 and min(sizes[:-1]) > 450


def test_text_is_cut_between_paragraphs_alone(tmp_path: Path) -> None:
    """A line break may stand inside a sentence, so a part goes on to the blank line."""
    path = tmp_path / "book.txt"
    path.write_text("The premier met\nher guests in Lisbon.\n\nThey went on\nto Sugbo by sea.\n", encoding="utf-8")
    format, parts = split_file(path, 10)
    assert format == "text"
    assert [part.line for part in parts] == [0, 2]
    assert [s.text for s in read_parts(path, "text", parts, "strict")][1].startswith("They went on\nto Sugbo")


def test_a_line_that_is_skipped_ends_a_paragraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mended instead, it would make the paragraph so long that a sentence was cut."""
    monkeypatch.setattr(text, "_LARGEST_PARAGRAPH", 40)
    path = tmp_path / "a.txt"
    path.write_bytes(b"Ana met\n\xff\nJuan and Eva and Ana Reyes and\nall of Lisbon.\n")
    _, parts = split_file(path, 1, on_error="skip")
    assert [s.text for s in read_parts(path, "text", parts, "skip")][
        1
    ] == "Juan and Eva and Ana Reyes and\nall of Lisbon."


def test_jsonl_is_told_once_and_cut_at_lines(tmp_path: Path) -> None:
    path = tmp_path / "objects"
    objects = [{"text": f"Ana {number} 😀", "id": number} for number in range(50)]
    path.write_text("".join(json.dumps(o) + "\n" for o in objects), encoding="utf-8")
    format, parts = split_file(path, 100)
    assert format == "jsonl" and len(parts) > 10
    sentences = read_parts(path, "jsonl", parts, "strict")
    assert [dict(s.extra)["id"] for s in sentences] == list(range(50))
    assert sentences[-1].origin == f"{path}:50"


def test_a_bad_line_is_bad_in_its_own_part_alone(tmp_path: Path) -> None:
    path = tmp_path / "objects.jsonl"
    path.write_text('{"text": "si Ana"}\n' * 3 + "{\n" + '{"text": "si Ana"}\n' * 3, encoding="utf-8")
    _, parts = split_file(path, 20)
    assert len(parts) == 7
    for number, part in enumerate(parts):
        if number == 3:
            with pytest.raises(DataError, match=r"objects\.jsonl:4: not JSON"):
                read_parts(path, "jsonl", [part], "strict")
        else:
            assert len(read_parts(path, "jsonl", [part], "strict")) == 1


@pytest.mark.parametrize("name", ["small.txt", "columns.conll", "packed.txt.gz"])
def test_what_cannot_or_need_not_be_cut_is_one_part(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = b"si\tO\nAna\tB-PER\n\n" * 20
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    _, parts = split_file(path, 1000 if name == "small.txt" else 5)
    assert parts == [WHOLE]


def test_a_part_of_nothing_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="at least one byte"):
        split_file(tmp_path / "a.txt", 0)
    with pytest.raises(DataError, match="no such file"):
        split_file(tmp_path / "a.txt", 10)
