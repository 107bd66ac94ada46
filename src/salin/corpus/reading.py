"""Reading corpora: the format is told by what a file looks like, bad lines are refused, repaired or skipped."""

from __future__ import annotations

import gzip
import logging
import lzma
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, cast

from salin.corpus.corpus import Corpus
from salin.corpus.detection import Format, detect_format
from salin.corpus.formats import conll, inline, jsonl, lines, text
from salin.corpus.formats.source import OnError, Source
from salin.corpus.schemes import detect_scheme, illegal_transitions
from salin.corpus.sentence import Sentence
from salin.errors import DataError

_log = logging.getLogger(__name__)
_OPENERS = {".xz": lzma.open, ".gz": gzip.open}


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
        format: `"conll"`, `"jsonl"`, `"inline"`, `"text"`, or `"lines"` for plain text with a sentence on each line;
            None tells it from the suffix and the first lines.
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
    with open_file(path) as (stream, name):
        source = Source(stream, name, on_error)
        detected = detect_format(format, source)
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
    labelled: bool = True,
    token_column: int | None = None,
    tag_column: int | None = None,
    offsets: jsonl.Offsets | None = None,
    language: str | None = None,
    cuts: bool = True,
) -> Iterator[Sentence]:
    """Reads sentences one by one, so that a file of any size fits into memory.

    Takes what [read][salin.corpus.reading.read] takes; `"-"` is standard input. Plain text is split into sentences.
    What was repaired or skipped is logged at the end. Where no sentence ends within 100,000 characters of plain text,
    it is cut and a note says so, or with `cuts=False` refused.

    With `labelled=False` it reads text to be tagged. CoNLL, CoNLL-U and one word a line need no tags then, tags and
    spans that stand in a file are not read, so that nothing can be wrong with them, and plain text is never taken for
    marked text: a Markdown link stays as it is.

    Yields:
        Sentences in the order of the file; nothing when the file holds none.
    """
    with open_file(path) as (stream, name):
        source = Source(stream, name, on_error, keep_tags=False)
        yield from sentences_of(
            source,
            format=format,
            labelled=labelled,
            token_column=token_column,
            tag_column=tag_column,
            offsets=offsets,
            language=language,
            cuts=cuts,
        )
        for note in source.notes():
            _log.warning("%s: %s", name, note)


def sentences_of(
    source: Source,
    *,
    format: Format | None = None,
    labelled: bool = True,
    token_column: int | None = None,
    tag_column: int | None = None,
    offsets: jsonl.Offsets | None = None,
    language: str | None = None,
    cuts: bool = True,
) -> Iterator[Sentence]:
    """Reads sentences one by one from lines that somebody else opened and whose notes they read.

    Takes what [iter_sentences][salin.corpus.reading.iter_sentences] takes.
    """
    detected = detect_format(format, source, labelled=labelled)
    yield from _parser(detected, source, token_column, tag_column, offsets, language or "", labelled, cuts)


@contextmanager
def open_file(path: str | Path) -> Generator[tuple[IO[bytes], str]]:
    """Opens a file as bytes, unpacked where its name says that it is packed; `"-"` is standard input.

    Yields:
        The bytes, and what messages call the file.

    Raises:
        DataError: When there is no such file, or it cannot be opened.
    """
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
    labelled: bool = True,
    cuts: bool = True,
) -> Iterator[Sentence]:
    match format:
        case "conll":
            return conll.read(source, token_column, tag_column, labelled=labelled)
        case "jsonl":
            return jsonl.read(source, offsets, labelled=labelled)
        case "inline":
            return inline.read(source, labelled=labelled)
        case "lines":
            return lines.read(source)
        case "text":
            return text.read(source, language or "en", cuts=cuts)


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
