"""Parts of a file that are read by themselves, side by side or on other machines, as if the file were read whole."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

from salin.corpus.detection import PACKED, Format, detect_format
from salin.corpus.formats import text
from salin.corpus.formats.source import OnError, Source
from salin.corpus.reading import open_file
from salin.errors import SettingError


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of a file.

    Attributes:
        start: The first byte.
        end: The byte behind the last; None is the end of the file.
        line: How many lines stand before it.
        offset: How many characters, a byte-order mark not counted.
    """

    start: int = 0
    end: int | None = None
    line: int = 0
    offset: int = 0


WHOLE = Part()


class _Place(NamedTuple):
    """A line at which reading can begin afresh."""

    byte: int
    line: int
    offset: int


def split_file(
    path: str | Path, size: int, *, format: Format | None = None, on_error: OnError = "strict"
) -> tuple[Format | None, list[Part]]:
    """Cuts a file of text to be tagged where the sentences on both sides stay what they are.

    JSONL, inline markup and a sentence a line can be cut at every line, running text where its reader begins a new
    paragraph. CoNLL, whose columns are told from the beginning of the file, and packed files are one part.

    Args:
        path: The file, which is read through where it is larger than `size`.
        size: Bytes of a part; it is larger only where a single paragraph or line is.
        format: Of the file; None tells it from the suffix and the first lines.
        on_error: What is done with lines that are not UTF-8; skipped ones end a paragraph.

    Returns:
        The format, which a part alone would not tell (None where there is but one part and no need to know), and the
        parts in order: every byte is in one of them.

    Raises:
        DataError: When the file cannot be read, or is in a format that salin does not read.
        SettingError: When the size is not positive.
    """
    if size < 1:
        raise SettingError(f"a part has at least one byte, not {size}")
    path = Path(path)
    with open_file(path) as (stream, name):
        if path.suffix in PACKED or path.stat().st_size <= size:
            return format, [WHOLE]
        detected = detect_format(format, Source(stream, name, "repair"), labelled=False)
        if detected == "conll":
            return detected, [WHOLE]
        stream.seek(0)
        # What is wrong in a line is the business of who reads its part, and keeps nobody from reading the others.
        source_policy: OnError = "skip" if on_error == "skip" else "repair"
        chosen = [_Place(0, 0, 0), *_chosen(_places(stream, name, detected, source_policy), size)]
    return detected, [Part(here.byte, there.byte, here.line, here.offset) for here, there in pairwise(chosen)]


@contextmanager
def open_part(path: str | Path, part: Part = WHOLE) -> Generator[Iterable[bytes]]:
    """Opens the lines of a part, as bytes with their ends.

    Raises:
        DataError: When there is no such file, or it cannot be opened.
    """
    with open_file(path) as (stream, _):
        if part.start:
            stream.seek(part.start)
        yield stream if part.end is None else _first(stream, part.end - part.start)


class _Counted:
    """Lines of bytes, and where the one that was given out last begins and ends; both are the end after the last."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.start = self.end = 0

    def __iter__(self) -> Iterator[bytes]:
        for raw in self._stream:
            self.start, self.end = self.end, self.end + len(raw)
            yield raw
        self.start = self.end


def _places(stream: IO[bytes], name: str, format: Format, on_error: OnError) -> Iterator[_Place]:
    """Where reading can begin afresh, the end of the file included."""
    counted = _Counted(stream)
    source = Source(counted, name, on_error, keep_tags=False)
    place = _Place(0, 0, 0)
    if format == "text":
        for paragraph in text.paragraphs(source):
            last = paragraph[-1]
            # Its reader knows that it is over by the line behind it. Lines that end in CR alone share one of bytes.
            if last.text.endswith("\n"):
                place = _Place(counted.start, last.number, last.offset + len(last.text))
                yield place
    else:
        for line in source.whole_lines():
            if line.text.endswith("\n"):
                place = _Place(counted.end, line.number, line.offset + len(line.text))
                yield place
    if place.byte < counted.end:
        yield _Place(counted.end, 0, 0)  # nobody begins there


def _chosen(places: Iterable[_Place], size: int) -> Iterator[_Place]:
    """The places between which there are as many bytes as may be, the last of all among them."""
    begin, last = 0, None
    for place in places:
        if last is not None and place.byte - begin > size:
            yield last
            begin = last.byte
        last = place
    if last is not None:
        yield last


def _first(stream: IO[bytes], count: int) -> Iterator[bytes]:
    for raw in stream:
        yield raw
        count -= len(raw)
        if count <= 0:
            return
