"""The manifest of an output folder: what run it belongs to, and which shards of it are finished.

    OUT/part-KEY.jsonl           the output of a shard, renamed to this when it is whole
    OUT/.manifest/run.json       what the run depends on, and how its input is cut
    OUT/.manifest/done/KEY.json  written after the output: this shard is finished
    OUT/.manifest/failed.json    which shards were given up, and why; none when there is no such file
    OUT/.manifest/attempts/KEY   a byte for each time that a worker has begun with this shard, and perhaps died

A shard without a record, or whose output is not the recorded one, is simply tagged again.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from salin.corpus.catalogue import sha256_of
from salin.errors import DataError, SettingError
from salin.files import write_json
from salin.scaling.shards import InputFile, Stored

OutputFormat = Literal["jsonl", "parquet"]
_FOLDER = ".manifest"
_VERSION = 1
_FAILED = TypeAdapter(dict[str, str])


class Run(Stored):
    """What an output folder belongs to.

    Attributes:
        settings: Whatever the output depends on beside the input.
        inputs: The input.
    """

    version: int = _VERSION
    settings: dict[str, Any]
    inputs: tuple[InputFile, ...]


class Done(Stored):
    """A finished shard.

    Attributes:
        key: Its key.
        source: SHA-256 of the lines that it was read from.
        sentences: How many sentences it has.
        output: Name of its file.
        size: Of that file, in bytes.
        modified: When that file was renamed into its place, in nanoseconds.
        checksum: SHA-256 of that file.
    """

    key: str
    source: str
    sentences: int
    output: str
    size: int
    modified: int
    checksum: str


class Manifest:
    """The manifest of a folder, for the driver and for workers.

    Args:
        folder: The output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = folder / _FOLDER

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keeps other runs out of the folder, which is made where it is missing.

        Raises:
            DataError: When it cannot be made, or holds other things than a run.
            SettingError: When another run is writing into it.
        """
        if self.folder.is_dir() and not self._own.is_dir() and any(self.folder.iterdir()):
            raise DataError("the folder holds other things", path=self.folder, remedy="Name a new folder")
        try:
            for part in ("done", "attempts"):
                (self._own / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot be made: {error.strerror}", path=self.folder, remedy="Name a folder") from error
        try:
            with FileLock(self._own / "lock", timeout=0):
                self._remove_temporary()
                try:
                    yield
                finally:
                    self._remove_temporary()
        except Timeout:
            raise SettingError(f"{self.folder}: another run is writing into this folder") from None

    def run(self) -> Run | None:
        """The run that the folder belongs to, if there is one.

        Raises:
            DataError: When its file is damaged, or another version of salin wrote it.
        """
        path = self._own / "run.json"
        if not path.exists():
            return None
        try:
            return Run.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise DataError(
                f"is damaged, or of another version of salin ({error.error_count()} problems)",
                path=path,
                remedy=f"Remove {self.folder} to begin anew",
            ) from error

    def begin(self, run: Run) -> None:
        """Says what the folder belongs to from now on."""
        write_json(self._own / "run.json", run.model_dump(mode="json"))

    def output(self, key: str, to: OutputFormat) -> Path:
        """Where the output of a shard goes."""
        return self.folder / f"part-{key}.{to}"

    def record(self, key: str, output: Path, source: str, sentences: int) -> None:
        """Records that a shard is finished, after its output is in its place."""
        found = output.stat()
        done = Done(
            key=key,
            source=source,
            sentences=sentences,
            output=output.name,
            size=found.st_size,
            modified=found.st_mtime_ns,
            checksum=sha256_of(output),
        )
        write_json(self._record(key), done.model_dump())

    def done(self, key: str) -> Done | None:
        """The record of a shard, if it is finished and its output is still what was written."""
        try:
            done = Done.model_validate_json(self._record(key).read_bytes())
            path = self.folder / done.output
            found = path.stat()
            # A copy of the folder has other times, so then the content decides.
            same = found.st_size == done.size and (
                found.st_mtime_ns == done.modified or sha256_of(path) == done.checksum
            )
        except (FileNotFoundError, ValidationError):
            return None
        return done if same else None

    def attempt(self, key: str) -> int:
        """Notes that a worker begins with a shard, and says for which time.

        A file grows by a byte: that is whole at any moment, whoever dies.
        """
        with open(self._attempts(key), "ab") as file:
            file.write(b".")
            return file.tell()

    def forget_attempts(self, key: str) -> None:
        """Notes that a worker has come to an end with a shard."""
        self._attempts(key).unlink(missing_ok=True)

    def forget(self, key: str) -> None:
        """Takes back that a shard is finished or was attempted, and removes what output of it there is."""
        self._record(key).unlink(missing_ok=True)
        self.forget_attempts(key)
        for to in get_args(OutputFormat):
            self.output(key, to).unlink(missing_ok=True)

    def failed(self) -> dict[str, str]:
        """Why shards were given up, by key."""
        path = self._own / "failed.json"
        try:
            return _FAILED.validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return {}

    def set_failed(self, reasons: dict[str, str]) -> None:
        """Says which shards are given up, and why."""
        path = self._own / "failed.json"
        if reasons:
            write_json(path, reasons)
        else:
            path.unlink(missing_ok=True)

    def _record(self, key: str) -> Path:
        return self._own / "done" / f"{key}.json"

    def _attempts(self, key: str) -> Path:
        return self._own / "attempts" / key

    def _remove_temporary(self) -> None:
        """Removes what workers that were killed have left."""
        for folder in (self.folder, self._own, self._own / "done"):
            for path in folder.glob(".*.tmp"):
                path.unlink(missing_ok=True)
