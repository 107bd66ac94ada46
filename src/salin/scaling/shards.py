"""Shards: what an input is cut into, each of which is tagged by itself."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from salin.corpus.detection import Format
from salin.corpus.parts import WHOLE, Part, open_part, split_file
from salin.errors import DataError

# Keys are written with leading zeros, so that the names of outputs stand in the order of the input.
_DIGITS = 6
MOST_FILES = 10**_DIGITS
_PARQUET = (".parquet", ".pq")


class Stored(BaseModel):
    """What is kept as JSON: it never changes, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shard(Stored):
    """A part of an input file.

    Attributes:
        key: Tells it from all others of a run; keys stand in the order of the input.
        name: The file, as it was named.
        size: Of the file when it was cut, in bytes.
        modified: When the file was last changed then, in nanoseconds.
        parquet: Whether it is Parquet, whose parts count rows instead of bytes.
        format: Of text; None where the file tells it.
        part: Which part of the file.
    """

    key: str
    name: str
    size: int
    modified: int
    parquet: bool
    format: Format | None
    part: Part

    def check_unchanged(self) -> None:
        """Makes sure that the file is the one that was cut.

        Raises:
            DataError: When it has another size or time of change, or is gone.
        """
        if stamp_of(self.name) != (self.size, self.modified):
            raise DataError("has changed since the run began", path=self.name, remedy="Give the same command again")

    @contextmanager
    def lines(self) -> Generator[Iterable[bytes]]:
        """Opens its lines; the rows of Parquet are JSON lines.

        Raises:
            DataError: When the file cannot be read.
        """
        if self.parquet:
            from salin.scaling.parquet import open_rows

            with open_rows(self.name, self.part) as rows:
                yield rows
            return
        with open_part(self.name, self.part) as lines:
            yield lines

    def checksum(self) -> str:
        """SHA-256 of its lines.

        Raises:
            DataError: When the file cannot be read.
        """
        hashed = Hashed()
        with self.lines() as lines:
            try:
                for _ in hashed(lines):
                    pass
            except (OSError, EOFError, LZMAError, zlib.error) as error:
                raise DataError(f"cannot be read: {error}", path=self.name) from error
        return hashed.hexdigest()


class InputFile(Stored):
    """An input file and how it is cut; see [Shard][salin.scaling.shards.Shard].

    Attributes:
        number: Its place among the files of the run.
    """

    number: int
    name: str
    size: int
    modified: int
    parquet: bool
    format: Format | None
    parts: tuple[Part, ...]

    def shards(self) -> list[Shard]:
        """Its shards, in order."""
        common = self.model_dump(exclude={"number", "parts"})
        keys = (f"{self.number:0{_DIGITS}}-{index:0{_DIGITS}}" for index in range(len(self.parts)))
        return [Shard(key=key, part=part, **common) for key, part in zip(keys, self.parts, strict=True)]

    def is_unchanged(self) -> bool:
        """Whether the file has the size and the time of change that it had.

        Raises:
            DataError: When it is gone.
        """
        return stamp_of(self.name) == (self.size, self.modified)


class Hashed:
    """Passes lines on and computes the SHA-256 of those that went by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def __call__(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Passes lines on."""
        for line in lines:
            self._digest.update(line)
            yield line

    def hexdigest(self) -> str:
        """The checksum of what has gone by."""
        return self._digest.hexdigest()


def plan_file(number: int, name: str, size: int, reading: Mapping[str, Any]) -> InputFile:
    """Decides how a file is cut.

    A file that cannot be read through is not cut: whoever is to tag it will say what is wrong with it.

    Args:
        number: Its place among the files of the run.
        name: The file.
        size: Bytes of a shard.
        reading: How it is read: arguments of [iter_sentences][salin.corpus.reading.iter_sentences].

    Raises:
        DataError: When there is no such file.
    """
    stamp = stamp_of(name)
    format: Format | None = reading.get("format")
    parquet = format is None and Path(name).suffix.lower() in _PARQUET
    parts = [WHOLE]
    if stamp[0] > size:
        try:
            if parquet:
                from salin.scaling.parquet import split_rows

                parts = split_rows(name, size)
            else:
                format, parts = split_file(name, size, format=format, on_error=reading.get("on_error", "strict"))
        except DataError:
            parts = [WHOLE]
    return InputFile(
        number=number,
        name=name,
        size=stamp[0],
        modified=stamp[1],
        parquet=parquet,
        format=format,
        parts=tuple(parts),
    )


def stamp_of(name: str) -> tuple[int, int]:
    """Size and time of change of a file.

    Raises:
        DataError: When there is no such file.
    """
    try:
        found = os.stat(name)
    except OSError as error:
        raise DataError(f"cannot be found: {error.strerror}", path=name) from None
    return found.st_size, found.st_mtime_ns
