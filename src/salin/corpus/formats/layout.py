"""How one line of a CoNLL file is read: what stands between columns, and which of them is what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from salin.corpus.schemes import split_tag

_BLANKS = re.compile("[ \t]+")
# In CoNLL-U a contraction (`3-4`) and an elided word (`8.1`) have a row too.
_EXTRA = re.compile(r"\d+[-.]\d+")
#: How many columns CoNLL-U has.
CONLLU_WIDTH = 10


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
        tag: The column of the tag; None where a file that need not have tags has none.
        tabs: Whether tabs stand between columns, or else spaces.
        numbered: Whether the first column counts words.
        key: The key of the tag in CoNLL-U's MISC column, or empty where the tag has a column to itself.
    """

    columns: int
    line: int
    token: int
    tag: int | None
    tabs: bool
    numbered: bool
    key: str = ""

    def split(self, line: str) -> list[str]:
        """The columns of a line."""
        return split_columns(line, self.tabs)

    def is_comment(self, line: str) -> bool:
        """Whether a line is a comment, and not the word `#`."""
        if not line.startswith("#"):
            return False
        columns = self.split(line)
        if self.numbered or len(columns) != self.columns:
            return True
        return self.tag is not None and not is_tag(self.tag_of(columns))

    def is_extra_row(self, columns: Sequence[str]) -> bool:
        """Whether this is CoNLL-U's row for a contraction (`3-4`) or an elided word (`8.1`)."""
        return self.numbered and is_extra(columns[0])

    def lacks_number(self, columns: Sequence[str]) -> bool:
        """Whether this row should begin with the number of its word and does not."""
        return self.numbered and not columns[0].isdecimal()

    def ends_unspaced(self, columns: Sequence[str]) -> bool:
        """Whether CoNLL-U says that no space follows."""
        if not self.numbered or not len(columns) == self.columns == CONLLU_WIDTH:
            return False
        return "SpaceAfter=No" in columns[-1].split("|")

    def tag_of(self, columns: Sequence[str]) -> str:
        """The tag in these columns; `O` where there is no column of tags."""
        if self.tag is None:
            return "O"
        value = columns[self.tag].strip(" ")
        if not self.key:
            return value
        pairs = (pair.partition("=") for pair in value.split("|"))
        return next((tag for key, _, tag in pairs if key == self.key), "O")


def split_columns(line: str, tabs: bool) -> list[str]:
    """A line at its tabs, or at spaces (and tabs among them)."""
    return line.split("\t") if tabs else [column for column in _BLANKS.split(line) if column]


def is_extra(number: str) -> bool:
    """Whether this numbers a contraction (`3-4`) or an elided word (`8.1`)."""
    return _EXTRA.fullmatch(number) is not None


def is_tag(tag: str) -> bool:
    """Whether this is a tag of some scheme, with its label."""
    try:
        letter, label = split_tag(tag)
    except ValueError:
        return False
    return letter == "O" or bool(label)
