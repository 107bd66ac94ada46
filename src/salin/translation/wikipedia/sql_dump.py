"""Rows of the SQL dumps of MediaWiki, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from salin.errors import DataError
from salin.translation.wikipedia.streams import open_dump

_TEXT = r"'((?:[^'\\]|\\.)*)'"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
# What is wanted of the tables that are read; whole rows, so that text that looks like a row is none.
_ROWS = {
    "langlinks": re.compile(rf"\((\d+),{_TEXT},{_TEXT}\)", re.DOTALL),
    "page_props": re.compile(rf"\((\d+),{_TEXT},{_TEXT},(?:NULL|[-\d.eE+]+)\)", re.DOTALL),
}


def read_rows(path: Path, table: str) -> Iterator[tuple[int, str, str]]:
    """The rows of a dump: `langlinks` (page, language, title) or `page_props` (page, property, value).

    Args:
        path: The dump, as it was downloaded.
        table: Which one it is.

    Raises:
        DataError: When it is another one, cut off or damaged.
    """
    start, row, seen = f"INSERT INTO `{table}` VALUES ", _ROWS[table], False  # noqa: S608
    with open_dump(path) as file:
        for number, line in enumerate(file, 1):
            if not line.startswith(start.encode()):
                continue
            text, end, seen = line.decode("utf-8", "replace"), len(start), True
            for found in row.finditer(text, len(start)):
                if found.start() > end + (end > len(start)):
                    break
                end = found.end()
                yield int(found[1]), _plain(found[2]), _plain(found[3])
            if text[end:].strip() != ";":
                raise DataError(f"no rows of {table} as MediaWiki dumps them", path=path, line=number)
    if not seen:
        raise DataError(f"no dump of {table}", path=path, remedy=f"Its name ends in -{table}.sql.gz")


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda mark: _ESCAPES.get(mark[1], mark[1]), text) if "\\" in text else text
