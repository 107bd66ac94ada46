"""Where lines come from, and what happens to the bad ones: refused, repaired or skipped, and counted."""

from __future__ import annotations

import codecs
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from lzma import LZMAError
from typing import Literal, NamedTuple, get_args

from salin.errors import DataError, SettingError

OnError = Literal["strict", "repair", "skip"]

# Reasons name words and numbers, so there can be many; the notes name the most frequent.
_NAMED = 5
# In this order, since the first mark of UTF-32 begins with that of UTF-16.
_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# So many bytes of the first line tell UTF-16 without a byte-order mark.
_HEAD = range(8, 200)


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        number: Counted from 1.
        offset: How many characters stand before it in the file, a byte-order mark not counted.
        text: What stands in it, its end included.
    """

    number: int
    offset: int
    text: str


class Continuation(bytes):
    """More of a line that is too long to be given out at once; it has the number of the line."""


class BadSentence(Exception):
    """Raised inside a reader to leave out the sentence that it is in."""


class Source:
    """The lines of one file or stream, with the policy for bad ones and the record of what was done.

    Args:
        lines: The lines as bytes, with their line ends.
        name: What messages call it: a path, or `<stdin>`.
        on_error: `"strict"` refuses the first bad line, `"repair"` mends what can be mended and leaves out the rest,
            `"skip"` leaves out each sentence with a bad line.
        keep_tags: Whether to remember tags; a stream without end must not.
        line: How many lines of the file stand before these, where they are a part of it.
        offset: How many characters.

    Attributes:
        tags: The tag sequences as they stood in the file, for naming their scheme.
        unknown_tag: The first that is of no scheme, with its line.
    """

    def __init__(
        self,
        lines: Iterable[bytes],
        name: str,
        on_error: OnError = "strict",
        *,
        keep_tags: bool = True,
        line: int = 0,
        offset: int = 0,
    ) -> None:
        if on_error not in get_args(OnError):
            raise SettingError(f"on_error is {on_error!r}; it can be strict, repair or skip")
        self.name, self.on_error = name, on_error
        self.tags: deque[Sequence[str]] = deque(maxlen=None if keep_tags else 0)
        self.unknown_tag: tuple[str, int] | None = None
        self._lines = self._decoded(lines, line, offset)
        self._undecodable: set[int] = set()
        self._repaired: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._first: dict[str, int] = {}
        self._remarks: list[str] = []

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines as text without their ends, each with its number, counted from 1."""
        return ((line.number, line.text.rstrip("\r\n")) for line in self._lines)

    def whole_lines(self) -> Iterator[Line]:
        """The lines as they stand, for readers of running text."""
        return self._lines

    def peek(self, count: int) -> list[str]:
        """The first lines without their ends, which the reader is given again."""
        head = list(islice(self._lines, count))
        self._lines = chain(head, self._lines)
        return [line.text.rstrip("\r\n") for line in head]

    def bad(self, reason: str, line: int, *, remedy: str = "", repair: str = "") -> None:
        """Treats a bad line by the policy, and returns only when the caller should repair it.

        Args:
            reason: What is wrong, in one clause.
            line: Its number.
            remedy: What the user can do about it.
            repair: What the caller does to mend it, in the past tense for the notes (`"a missing tag read as O"`);
                empty when nothing can.

        Raises:
            DataError: In strict mode.
            BadSentence: When the sentence is to be left out.
        """
        if self.on_error == "strict":
            hint = (
                f"Repair it ({option('on_error', 'repair')})" if repair else f"Skip it ({option('on_error', 'skip')})"
            )
            stop = "" if not remedy else " " if remedy.endswith("?") else ". "
            raise DataError(reason, path=self.name, line=line, remedy=f"{remedy}{stop}{hint}")
        if self.on_error == "repair" and repair:
            self._repaired[repair] += 1
            self._first.setdefault(repair, line)
            return
        self._skipped[reason] += 1
        self._first.setdefault(reason, line)
        raise BadSentence

    def note(self, remark: str) -> None:
        """Remembers something about the whole file that the user should know."""
        self._remarks.append(remark)

    def check(self, numbers: Iterable[int]) -> None:
        """Leaves out the sentence when one of its lines is not UTF-8 (in skip mode; else that was treated before).

        Raises:
            BadSentence: When it is.
        """
        for number in numbers if self._undecodable else ():
            if number in self._undecodable:
                self._undecodable.discard(number)  # a file may hold millions of them
                self.bad("not UTF-8", number)

    def notes(self) -> tuple[str, ...]:
        """What there is to know, and what was repaired and skipped, one readable line each."""
        repaired = [
            f"repaired {count:,}: {what} (first at line {self._first[what]})"
            for what, count in self._repaired.most_common()
        ]
        skipped = [
            f"skipped {_counted(count)}: {reason} (first at line {self._first[reason]})"
            for reason, count in self._skipped.most_common(_NAMED)
        ]
        others = sum(count for _, count in self._skipped.most_common()[_NAMED:])
        rest = [f"skipped {_counted(others)} for other reasons"] if others else []
        return (*self._remarks, *repaired, *skipped, *rest)

    def _decoded(self, lines: Iterable[bytes], before: int, offset: int) -> Iterator[Line]:
        number = before
        try:
            for raw in _at_every_line_end(lines):
                number += not isinstance(raw, Continuation)
                if number == 1 and not isinstance(raw, Continuation):
                    if encoding := _foreign_encoding(raw):
                        raise DataError(f"the file is {encoding}", path=self.name, remedy="Save it as UTF-8")
                    raw = raw.removeprefix(codecs.BOM_UTF8)
                line = Line(number, offset, self._text(raw, number))
                offset += len(line.text)
                yield line
        except (OSError, EOFError, LZMAError, zlib.error) as error:
            raise DataError(
                f"cannot be read: {error}", path=self.name, line=number + 1, remedy="The file may be damaged or cut off"
            ) from error

    def _text(self, raw: bytes, number: int) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if self.on_error == "skip":
                self._undecodable.add(number)
            else:
                self.bad(
                    f"byte 0x{raw[error.start]:02x} is not UTF-8",
                    number,
                    remedy="Convert the file (iconv -t UTF-8)",
                    repair="a byte that is not UTF-8 read as U+FFFD",
                )
            return raw.decode("utf-8", "replace")


def _counted(count: int) -> str:
    return f"{count:,} sentence" if count == 1 else f"{count:,} sentences"


def option(name: str, value: object = None) -> str:
    """How a reader's setting is given, for remedies: on the command line and in Python."""
    flag = f"--{name.replace('_', '-')}"
    return f"{flag}, or {name} in Python" if value is None else f"{flag} {value}, or {name}={value!r} in Python"


def _at_every_line_end(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that end in CR alone are lines too: old files of the Macintosh, and what was pasted from them."""
    for line in lines:
        if b"\r" in line:
            first, *others = line.splitlines(keepends=True)
            yield Continuation(first) if isinstance(line, Continuation) else first
            yield from others
        else:
            yield line


def _foreign_encoding(first: bytes) -> str | None:
    """The encoding of a file that is plainly not UTF-8, told from its first line."""
    for mark, name in _ENCODINGS.items():
        if first.startswith(mark):
            return name
    head = first[: _HEAD.stop]
    # Without a mark, every second byte of Latin letters, white space and digits is zero.
    zeros = sorted((head[::2].count(0), head[1::2].count(0)))
    return "UTF-16" if len(head) >= _HEAD.start and zeros[0] == 0 and 4 * zeros[1] > len(head) else None
