"""Which column of a CoNLL file is what: counted, numbered (UNER, CoNLL-U), or named in a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from salin.corpus.schemes import split_tag
from salin.errors import DataError, SettingError

_HEADER = "# global.columns ="
# Keys that CoNLL-U files use in their tenth column.
_MISC_KEYS = ("NER", "NE", "ner", "name")


class Rows(NamedTuple):
    """The lines of one sentence with their numbers, comments included."""

    numbers: list[int]
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read one line.

    Attributes:
        columns: How many there are.
        line: The first line that has so many, for messages.
        token: The column of the word.
        tag: The column of the tag.
        tabs: Whether tabs stand between columns, or else spaces.
        numbered: Whether the first column counts the words of a sentence.
        key: The key of the tag in CoNLL-U's MISC column, or empty where the tag has a column to itself.
    """

    columns: int
    line: int
    token: int
    tag: int
    tabs: bool
    numbered: bool
    key: str = ""

    def split(self, line: str) -> list[str]:
        """The columns of a line."""
        return _split(line, self.tabs)

    def is_comment(self, line: str) -> bool:
        """Whether a line is a comment, and not the word `#`."""
        if not line.startswith("#"):
            return False
        columns = self.split(line)
        return self.numbered or len(columns) != self.columns or not _is_tag(self.tag_of(columns))

    def is_extra_row(self, columns: Sequence[str]) -> bool:
        """Whether this is CoNLL-U's row for a contraction (`3-4`) or an elided word (`8.1`)."""
        return self.numbered and not columns[0].isdecimal() and columns[0][:1].isdecimal()

    def tag_of(self, columns: Sequence[str]) -> str:
        """The tag in these columns."""
        value = columns[self.tag].strip(" ")
        if not self.key:
            return value
        pairs = (pair.partition("=") for pair in value.split("|"))
        return next((tag for key, _, tag in pairs if key == self.key), "O")


def detect_layout(sample: Sequence[Rows], name: str, token_column: int | None, tag_column: int | None) -> Layout:
    """Tells the layout from the first sentences of a file.

    Args:
        sample: The sentences.
        name: What messages call the file.
        token_column: The column of the word, where the user names it.
        tag_column: The column of the tag, where the user names it.

    Raises:
        DataError: When there is no column that could hold tags.
        SettingError: When a column that the user names does not exist.
    """
    lines = [pair for rows in sample for pair in zip(rows.numbers, rows.lines, strict=True)]
    words = [pair for pair in lines if not pair[1].startswith("#")] or lines
    tabs = 2 * sum("\t" in line for _, line in words) >= len(words)
    counts = Counter(len(_split(line, tabs)) for _, line in words)
    columns = max(counts, key=lambda number: (counts[number], number))
    first = next(number for number, line in words if len(_split(line, tabs)) == columns)
    numbered = tabs and columns > 2 and all(_is_numbered(rows) for rows in sample)
    table = [row for _, line in words if len(row := _split(line, tabs)) == columns]
    names = next((line.removeprefix(_HEADER).split() for _, line in lines if line.startswith(_HEADER)), list[str]())
    if token_column is None:
        token_column = names.index("FORM") if "FORM" in names else int(numbered)
    key = ""
    if tag_column is None:
        tag_column, key = _tag_column(table, names, numbered=numbered)
        if tag_column is None:
            raise DataError(
                "no column of tags was found" if columns > 1 else "expected 2 columns or more, found 1",
                path=name,
                line=first,
                remedy="Name it with tag_column, or read plain text with format='text'",
            )
    for column in (token_column, tag_column):
        if not -columns <= column < columns:
            raise SettingError(f"there is no column {column}: line {first} of {name} has {columns} (counted from 0)")
    return Layout(columns, first, token_column % columns, tag_column % columns, tabs, numbered, key)


def _tag_column(table: Sequence[list[str]], names: Sequence[str], *, numbered: bool) -> tuple[int | None, str]:
    """The column of the tags and, in CoNLL-U's MISC, their key."""
    for position, name in enumerate(names):
        if name.rpartition(":")[2].upper() in ("NER", "NE"):
            return position, ""
    width = len(table[0])
    if not numbered:
        return (width - 1 if width > 1 else None), ""
    # The rightmost column that holds only tags; UNER has two columns about annotators behind it.
    for column in range(width - 1, 1, -1):
        if all(_is_tag(row[column].strip(" ")) for row in table):
            return column, ""
    if width == 10:
        keys = {pair.partition("=")[0] for row in table for pair in row[9].split("|")}
        for key in _MISC_KEYS:
            if key in keys:
                return 9, key
    # Some tags are broken, so the column with the most of them.
    found = Counter(column for row in table for column in range(2, width) if _is_tag(row[column].strip(" ")))
    return (found.most_common(1)[0][0] if found else None), ""


def _is_numbered(rows: Rows) -> bool:
    ids = [line.split("\t", 1)[0] for line in rows.lines if not line.startswith("#")]
    whole = [i for i in ids if "-" not in i and "." not in i]
    return whole == [str(n) for n in range(1, len(whole) + 1)]


def _is_tag(tag: str) -> bool:
    try:
        letter, label = split_tag(tag)
    except ValueError:
        return False
    return letter == "O" or bool(label)


def _split(line: str, tabs: bool) -> list[str]:
    return line.split("\t") if tabs else [column for column in line.split(" ") if column]
