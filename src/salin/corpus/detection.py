"""Which format a file is in, told by its suffix and its first lines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal, cast, get_args

from salin.corpus.formats import inline
from salin.corpus.formats.layout import is_extra
from salin.corpus.formats.source import Source, option
from salin.errors import DataError, SettingError

Format = Literal["conll", "jsonl", "inline", "text", "lines"]

#: Endings that say how a file is packed, not what is in it.
PACKED = (".xz", ".gz")
#: How files of words in columns are called.
COLUMNS = (".conll", ".conllu", ".conllup", ".bio", ".bioes", ".iob", ".iob2")
_SUFFIXES: dict[Format, tuple[str, ...]] = {
    "conll": COLUMNS,
    "jsonl": (".jsonl", ".ndjson"),
}
_SAMPLE = 200
_TAG = re.compile(r"O|[BIESLU]-\S+")
# How JSON begins that is an array of objects, or one object over several lines.
_JSON = re.compile(r"\s*(?:\[\s*)*\{\s*(?:\"|\}|$)")


def detect_format(given: str | None, source: Source, *, labelled: bool = True) -> Format:
    """Tells the format, by suffix first: a broken CoNLL file is to be refused as CoNLL, not read as plain text.

    Args:
        given: What the user says it is, if anything.
        source: The file, of which no more lines are looked at than needed.
        labelled: False for text to be tagged, where a link such as `[Maria](Main)` is no mark.

    Raises:
        DataError: When it is JSON, but not JSONL.
        SettingError: When there is no such format.
    """
    if given is not None:
        if given not in get_args(Format):
            raise SettingError(f"there is no format {given!r}; there are {', '.join(get_args(Format))}")
        return cast(Format, given)
    suffix = next((s.lower() for s in reversed(Path(source.name).suffixes) if s not in PACKED), "")
    for format, suffixes in _SUFFIXES.items():
        if suffix in suffixes:
            return format
    # Programs that write into a pipe wait for what comes out, so one line has to do where it can.
    if any(map(_is_object, source.peek(1))):
        return "jsonl"
    return _by_lines(source, labelled)


def _by_lines(source: Source, labelled: bool) -> Format:
    head = source.peek(_SAMPLE)
    lines = [line for line in head if line.strip() and not line.startswith("-DOCSTART-")]
    if lines and _is_object(lines[0]):
        return "jsonl"
    if _JSON.match("\n".join(lines)):
        raise DataError(
            "this is JSON, but not one object a line",
            path=source.name,
            line=1 + head.index(lines[0]),
            remedy=f"Make it JSONL (jq -c '.[]' FILE), or read it as plain text ({option('format', 'text')})",
        )
    words = [line for line in lines if not line.startswith("# ")] or lines
    if words and 2 * sum(_looks_tagged(line) or _is_conllu(line) for line in words) > len(words):
        return "conll"
    if labelled and 2 * sum(map(_looks_like_csv, words)) > len(words):
        raise DataError(
            "this is CSV, or its tags stand between quotes",
            path=source.name,
            line=1 + head.index(words[0]),
            remedy="Write a word, a tab and its tag a line, without quotes, and a blank line behind each sentence; or "
            f"read it as plain text ({option('format', 'text')})",
        )
    marked = labelled and any(inline.MARK.search(line) for line in lines if not line.startswith("#"))
    return "inline" if marked else "text"


def _is_object(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _looks_tagged(line: str) -> bool:
    """Whether one of the columns behind the first is a tag."""
    columns = line.rstrip().split("\t") if "\t" in line else line.split()
    # A sentence of running text has more words than CoNLL has columns.
    if not 2 <= len(columns) <= 16:
        return False
    candidates = columns[1:] if "\t" in line else columns[-1:]
    return any(map(_TAG.fullmatch, candidates))


def _looks_like_csv(line: str) -> bool:
    """Whether one of the values behind the first is a tag."""
    return any(_TAG.fullmatch(value.strip(" '\"\r")) for value in re.split("[,;\t]", line)[1:])


def _is_conllu(line: str) -> bool:
    """Whether these are the ten columns of CoNLL-U, which may hold no tags."""
    columns = line.split("\t")
    return len(columns) == 10 and (columns[0].isdecimal() or is_extra(columns[0]))
