"""The checksums that files had when last these were taken, so that what nobody has written to is not read again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from pydantic import RootModel, ValidationError

from salin.corpus.catalogue import sha256_of
from salin.errors import DataError
from salin.files import write_json

_FILE = "checked.json"
# Some file systems tell time in steps of two seconds: what is written now and in a moment has one time.
_CLOCK_STEP = 2_000_000_000


class _Seen(NamedTuple):
    """A file as it was when its checksum was taken: in bytes, and in nanoseconds."""

    size: int
    modified: int
    sha256: str


class _Record(RootModel[dict[str, _Seen]]):
    """All of them, by path."""


class CheckedFiles:
    """Checksums of files, taken anew of those alone that may have changed.

    Args:
        folder: Holds the record, `checked.json`: it is no more than a saving, so that one that is damaged or cannot be
            written is as good as none.
        anew: Whether all are taken anew, for files that changed and whose time of change was set back.
    """

    def __init__(self, folder: Path, *, anew: bool = False):
        self._path, self._anew = folder / _FILE, anew
        self._before = _read(self._path)
        self._now: dict[str, _Seen] = {}

    def sha256(self, path: Path) -> str:
        """The checksum of a file.

        Raises:
            OSError: When it cannot be read.
        """
        status, name = path.stat(), str(path.resolve())
        seen = self._before.get(name)
        if self._anew or seen is None or seen[:2] != (status.st_size, status.st_mtime_ns):
            began = time.time_ns()
            seen = _Seen(status.st_size, status.st_mtime_ns, sha256_of(path))
            if began - status.st_mtime_ns <= _CLOCK_STEP:
                return seen.sha256  # another change might bear the same time
        self._now[name] = seen
        return seen.sha256

    def save(self) -> None:
        """Writes down what was asked for, and forgets files that are gone."""
        record = {name: seen for name, seen in {**self._before, **self._now}.items() if Path(name).exists()}
        if record != self._before:
            try:
                write_json(self._path, _Record(record).model_dump(mode="json"))
            except DataError:
                return


def _read(path: Path) -> dict[str, _Seen]:
    try:
        return _Record.model_validate_json(path.read_bytes()).root
    except (OSError, ValidationError):
        return {}
