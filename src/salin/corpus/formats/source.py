"""Where lines come from, and what happens to the bad ones: refused, repaired or skipped, and counted."""

from __future__ import annotations

import codecs
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from lzma import LZMAError
from typing import Literal, get_args

from salin.errors import DataError, SettingError

OnError = Literal["strict", "repair", "skip"]

# Reasons name words and numbers, so there can be many; the notes name the most frequent.
_NAMED = 5
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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

    Attributes:
        tags: The tag sequences as they stood in the file, for naming their scheme.
    """

    def __init__(
        self, lines: Iterable[bytes], name: str, on_error: OnError = "strict", *, keep_tags: bool = True
    ) -> None:
        if on_error not in get_args(OnError):
            raise SettingError(f"on_error is {on_error!r}; it can be strict, repair or skip")
        self.name, self.on_error = name, on_error
        self.tags: deque[Sequence[str]] = deque(maxlen=None if keep_tags else 0)
        self._lines = self._decoded(lines)
        self._undecodable: set[int] = set()
        self._repaired: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._first: dict[str, int] = {}

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines as text without their ends, each with its number, counted from 1."""
        return self._lines

    def peek(self, count: int) -> list[str]:
        """The first lines, which [lines][salin.corpus.formats.source.Source.lines] gives again."""
        head = list(islice(self._lines, count))
        self._lines = chain(head, self._lines)
        return [line for _, line in head]

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
            hint = "read it with on_error='repair' (or 'skip')" if repair else "on_error='skip' leaves it out"
            raise DataError(reason, path=self.name, line=line, remedy=f"{remedy}; {hint}" if remedy else _upper(hint))
        if self.on_error == "repair" and repair:
            self._repaired[repair] += 1
            self._first.setdefault(repair, line)
            return
        self._skipped[reason] += 1
        self._first.setdefault(reason, line)
        raise BadSentence

    def check(self, numbers: Iterable[int]) -> None:
        """Leaves out the sentence when one of its lines is not UTF-8 (in skip mode; else that was treated before).

        Raises:
            BadSentence: When it is.
        """
        for number in numbers if self._undecodable else ():
            if number in self._undecodable:
                self.bad("not UTF-8", number)

    def notes(self) -> tuple[str, ...]:
        """What was repaired and skipped, one readable line each."""
        repaired = [
            f"repaired {count:,}: {what} (first at line {self._first[what]})"
            for what, count in self._repaired.most_common()
        ]
        skipped = [
            f"skipped {_counted(count)}: {reason} (first at line {self._first[reason]})"
            for reason, count in self._skipped.most_common(_NAMED)
        ]
        others = sum(count for _, count in self._skipped.most_common()[_NAMED:])
        return (*repaired, *skipped, *([f"skipped {_counted(others)} for other reasons"] if others else []))

    def _decoded(self, lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
        number = 0
        try:
            for number, raw in enumerate(lines, 1):
                if number == 1:
                    if raw.startswith(_UTF16):
                        raise DataError("the file is UTF-16", path=self.name, remedy="Save it as UTF-8")
                    raw = raw.removeprefix(codecs.BOM_UTF8)
                yield number, self._text(raw, number).rstrip("\r\n")
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


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
