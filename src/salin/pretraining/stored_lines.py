"""Lines of text on disk that are looked up one by one and take no memory, and the writing of them."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

# Bytes of text that are kept before they are written.
_BUFFER = 1 << 18
#: Longer lines are stored as several, since text is drawn from the beginning of a line on, and whole lines are read.
LONGEST = 1000


class StoredLines(Sequence[str]):
    """The lines of a file that `LineWriter` wrote, mapped into memory.

    Args:
        path: Of the text; beside it stands where each line ends.
    """

    def __init__(self, path: Path):
        self._text = _mapped(path)
        self._ends = memoryview(_mapped(_ends(path))).cast("Q")

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        """One line, or a list of some."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        start = self._ends[place - 1] if place else 0
        return self._text[start : self._ends[place] - 1].decode("utf-8")


class LineWriter:
    r"""Writes lines one after the other, as UTF-8 with `\n` behind each.

    Args:
        path: A file that does not exist yet.

    Attributes:
        lines: How many were added.
        characters: How many these have.
    """

    def __init__(self, path: Path):
        self._path = path
        self._text, self._ends = bytearray(), array("Q")
        self._size = 0
        self.lines = self.characters = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        _ends(path).touch()

    def add(self, line: str) -> None:
        """Adds a line, in which line ends are not lines' ends."""
        self._text += line.encode("utf-8") + b"\n"
        self._ends.append(self._size + len(self._text))
        self.lines += 1
        self.characters += len(line)
        if len(self._text) > _BUFFER:
            self.flush()

    def flush(self) -> None:
        """Writes what has not been written."""
        # Opened anew each time: there may be more languages than files that a process may hold open.
        with open(self._path, "ab") as text, open(_ends(self._path), "ab") as ends:
            text.write(self._text)
            ends.write(self._ends.tobytes())
        self._size += len(self._text)
        self._text, self._ends = bytearray(), array("Q")


def cut_line(line: str, longest: int = LONGEST) -> Iterator[str]:
    """A line in pieces of at most so many characters, cut at spaces where there are any."""
    start = 0
    while len(line) - start > longest:
        space = line.rfind(" ", start, start + longest + 1)
        end = space if space > start else start + longest
        if piece := line[start:end].strip():
            yield piece
        start = end
    if piece := line[start:].strip():
        yield piece


def _ends(path: Path) -> Path:
    return path.with_name(f"{path.name}.ends")


def _mapped(path: Path) -> mmap.mmap | bytes:
    # An empty file cannot be mapped.
    if not path.stat().st_size:
        return b""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
