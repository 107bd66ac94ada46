"""Reading corpora: the format is told by what a file looks like, bad lines are refused, repaired or skipped."""

from __future__ import annotations

import gzip
import json
import logging
import lzma
import re
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Literal, cast, get_args

from salin.corpus.corpus import Corpus
from salin.corpus.formats import conll, inline, jsonl, text
from salin.corpus.formats.source import OnError, Source
from salin.corpus.schemes import detect_scheme, illegal_transitions
from salin.corpus.sentence import Sentence
from salin.errors import DataError, SettingError

Format = Literal["conll", "jsonl", "inline", "text"]

_log = logging.getLogger(__name__)
_OPENERS = {".xz": lzma.open, ".gz": gzip.open}
_SUFFIXES: dict[Format, tuple[str, ...]] = {
    "conll": (".conll", ".conllu", ".conllup", ".bio", ".bioes", ".iob", ".iob2"),
    "jsonl": (".jsonl", ".ndjson"),
}
_SAMPLE = 200


def read(
    path: str | Path,
    *,
    format: Format | None = None,
    on_error: OnError = "strict",
    labels: Mapping[str, str] | None = None,
    token_column: int | None = None,
    tag_column: int | None = None,
    offsets: jsonl.Offsets | None = None,
    language: str | None = None,
) -> Corpus:
    """Reads a whole file as a corpus.

    Args:
        path: The file, or `"-"` for standard input; `.xz` and `.gz` are opened.
        format: `"conll"`, `"jsonl"`, `"inline"` or `"text"`; None tells it from the suffix and the first lines.
        on_error: `"strict"` stops at the first bad line; `"repair"` mends what can be mended and leaves out the other
            sentences; `"skip"` leaves out every sentence with a bad line. What was done is in the corpus's notes.
        labels: A label map, such as `{"MISC": "O"}`, applied after reading.
        token_column: CoNLL: the column of the word, counted from 0.
        tag_column: CoNLL: the column of the tag, counted from 0; negative from the right.
        offsets: JSONL: `"characters"` or `"bytes"`; None tells it where it can be told.
        language: ISO 639 code.

    Raises:
        DataError: With file, line, reason and remedy.
        SettingError: When a setting has no such value or a column does not exist.
    """
    with _open(path) as (stream, name):
        source = Source(stream, name, on_error)
        detected = _format(format, name, source)
        sentences = tuple(_parser(detected, source, token_column, tag_column, offsets, language or ""))
    if not sentences:
        raise DataError("there is no sentence in it", path=name, remedy="; ".join(source.notes()))
    scheme, odd = _scheme(source)
    notes = source.notes() + odd
    corpus = Corpus(sentences, (), Path(name).name, detected, scheme, language or "", notes)
    return corpus.map_labels(labels) if labels else corpus


def iter_sentences(
    path: str | Path,
    *,
    format: Format | None = None,
    on_error: OnError = "strict",
    token_column: int | None = None,
    tag_column: int | None = None,
    offsets: jsonl.Offsets | None = None,
    language: str | None = None,
) -> Iterator[Sentence]:
    """Reads sentences one by one, so that a file of any size fits into memory.

    Takes what [read][salin.corpus.reading.read] takes; `"-"` is standard input. Plain text is split into sentences.
    What was repaired or skipped is logged at the end.

    Yields:
        Sentences in the order of the file; nothing when the file holds none.
    """
    with _open(path) as (stream, name):
        source = Source(stream, name, on_error, keep_tags=False)
        detected = _format(format, name, source)
        yield from _parser(detected, source, token_column, tag_column, offsets, language or "")
        for note in source.notes():
            _log.warning("%s: %s", name, note)


@contextmanager
def _open(path: str | Path) -> Generator[tuple[IO[bytes], str]]:
    if str(path) == "-":
        yield sys.stdin.buffer, "<stdin>"
        return
    path = Path(path)
    try:
        stream = cast(IO[bytes], _OPENERS.get(path.suffix, open)(path, "rb"))
    except FileNotFoundError:
        raise DataError("there is no such file", path=path, remedy=_nearest(path)) from None
    except OSError as error:
        reason = "is a folder" if path.is_dir() else f"cannot be opened: {error.strerror}"
        raise DataError(reason, path=path, remedy="Name one file") from error
    with stream:
        yield stream, str(path)


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either"
    near = get_close_matches(path.name, [other.name for other in path.parent.iterdir()], n=1)
    return f"Did you mean {near[0]}?" if near else f"Look into {path.parent.resolve()}"


def _parser(
    format: Format,
    source: Source,
    token_column: int | None,
    tag_column: int | None,
    offsets: jsonl.Offsets | None,
    language: str,
) -> Iterator[Sentence]:
    if format == "conll":
        return conll.read(source, token_column, tag_column)
    if format == "jsonl":
        return jsonl.read(source, offsets)
    return inline.read(source) if format == "inline" else text.read(source, language or "en")


def _format(given: str | None, name: str, source: Source) -> Format:
    """Tells the format, by suffix first: a broken CoNLL file is to be refused as CoNLL, not read as plain text."""
    if given is not None:
        if given not in get_args(Format):
            raise SettingError(f"there is no format {given!r}; there are {', '.join(get_args(Format))}")
        return cast(Format, given)
    suffix = next((s.lower() for s in reversed(Path(name).suffixes) if s not in _OPENERS), "")
    for format, suffixes in _SUFFIXES.items():
        if suffix in suffixes:
            return format
    lines = [line for line in source.peek(_SAMPLE) if line.strip() and not line.startswith("-DOCSTART-")]
    if lines and lines[0].lstrip().startswith("{") and _is_object(lines[0]):
        return "jsonl"
    words = [line for line in lines if not line.startswith("# ")] or lines
    if words and 2 * sum(_looks_tagged(line) for line in words) > len(words):
        return "conll"
    return "inline" if any(inline.MARK.search(line) for line in lines if not line.startswith("#")) else "text"


def _is_object(line: str) -> bool:
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
    return any(re.fullmatch(r"O|[BIESLU]-\S+", column) for column in candidates)


def _scheme(source: Source) -> tuple[str | None, tuple[str, ...]]:
    if not source.tags:
        return None, ()
    try:
        scheme = detect_scheme(source.tags)
    except ValueError as error:
        return None, (str(error),)
    broken = sum(len(illegal_transitions(tags, scheme)) for tags in source.tags if set(tags) != {"O"})
    what = "1 transition breaks" if broken == 1 else f"{broken:,} transitions break"
    return scheme, (f"{what} {scheme}; conlleval's rules decide what is meant",) if broken else ()
