"""A run from beginning to end: plan or resume, hand out what is not finished, collect what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salin.errors import DataError, SalinError, SettingError
from salin.scaling.manifest import Manifest, OutputFormat
from salin.scaling.pool import InProcess, Pool
from salin.scaling.resume import open_run
from salin.scaling.shards import MOST_FILES, InputFile, Shard
from salin.scaling.work import PlanFiles, Planned, Result, Tag, TagShards

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Failure:
    """A shard that is not finished.

    Attributes:
        shard: It.
        reason: What is wrong.
        mendable: Whether the user can do something about it; else salin broke.
    """

    shard: Shard
    reason: str
    mendable: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        shards: How many there are.
        done: How many are finished or given up, those of earlier runs included.
        sentences: How many this run has tagged.
    """

    shards: int
    done: int
    sentences: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        shards: How many there are.
        before: How many of them earlier runs had finished.
        sentences: How many this run has tagged.
        failures: The shards that are not finished, in order.
        notes: What readers repaired or skipped.
    """

    shards: int
    before: int
    sentences: int
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]


def tag_files(
    paths: Sequence[Path],
    out: Path,
    open_tagger: Callable[[], Tag],
    *,
    settings: Mapping[str, Any],
    reading: Mapping[str, Any],
    pool: Pool | None = None,
    to: OutputFormat = "jsonl",
    shard_bytes: int = 8 * _MEGABYTE,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Outcome:
    """Tags files into a folder, a file for each shard; in the order of their names they are the whole output.

    Interrupted or killed, it goes on where it was when it is called again, with any number of workers; what is
    finished is not touched. A shard that cannot be tagged keeps no other from being tagged.

    Args:
        paths: The input, in order; `.parquet` files are read as such. Files larger than a shard are cut.
        out: The output folder.
        open_tagger: Opens the tagger in a worker. It can be sent to other processes.
        settings: Whatever the output depends on beside the input, as JSON values; a folder that belongs to others is
            refused.
        reading: How the input is read: arguments of [iter_sentences][salin.corpus.reading.iter_sentences].
        pool: The workers; None is this process.
        to: The format of the output.
        shard_bytes: How large a shard is, unless a single line or paragraph is larger.
        progress: Told how far it has come, whenever that changes.

    Raises:
        DataError: When the folder belongs to other input or holds other things.
        SettingError: When it belongs to a run with other settings, or another run is writing into it.
        SalinError: When the tagger does not open.
    """
    _check(paths, shard_bytes)
    pool = InProcess() if pool is None else pool
    manifest = Manifest(out)
    everything = json.loads(json.dumps({**settings, "reading": reading, "to": to, "shard_bytes": shard_bytes}))
    with manifest.locked():
        run = open_run(manifest, everything, paths, lambda files: _plan(files, shard_bytes, reading, pool))
        shards = {shard.key: shard for file in run.inputs for shard in file.shards()}
        left = [shard for shard in shards.values() if manifest.done(shard.key) is None]
        for shard in left:
            # So that whatever stands in the folder is finished.
            manifest.forget(shard.key)
        with _Collected(manifest, len(shards), left, progress) as collected:
            work = TagShards(out, to, reading, open_tagger)
            for item in pool.map(work, [shard.model_dump_json() for shard in left]) if left else ():
                collected.add(Result.model_validate_json(item))
    failures = tuple(Failure(shards[key], *why) for key, why in sorted(collected.failures.items()))
    return Outcome(len(shards), len(shards) - len(left), collected.sentences, failures, tuple(collected.notes))


class _Collected:
    """What came of the shards of a run so far; also after an interruption the manifest knows which have failed."""

    def __init__(
        self, manifest: Manifest, shards: int, left: Sequence[Shard], progress: Callable[[Progress], None]
    ) -> None:
        self._manifest, self._shards, self._progress = manifest, shards, progress
        self._left = {shard.key for shard in left}
        # Of those that an earlier run gave up, what this one has not come to yet.
        self._earlier = manifest.failed()
        self.sentences = 0
        self.failures: dict[str, tuple[str, bool]] = {}
        self.notes: list[str] = []
        self._tell()

    def __enter__(self) -> _Collected:
        return self

    def __exit__(self, *_: object) -> None:
        earlier = {key: reason for key, reason in self._earlier.items() if key in self._left}
        self._manifest.set_failed({**earlier, **{key: reason for key, (reason, _) in sorted(self.failures.items())}})

    def add(self, result: Result) -> None:
        """Takes a result."""
        if result.fatal:
            raise SalinError(result.error) if result.mendable else RuntimeError(result.error)
        self._left.discard(result.key)
        self.sentences += result.sentences
        self.notes += result.notes
        if result.error:
            self.failures[result.key] = result.error, result.mendable
        self._tell()

    def _tell(self) -> None:
        self._progress(Progress(self._shards, self._shards - len(self._left), self.sentences))


def _check(paths: Sequence[Path], shard_bytes: int) -> None:
    if shard_bytes < 1:
        raise SettingError(f"a shard has at least one byte, not {shard_bytes}")
    if len(paths) > MOST_FILES:
        raise SettingError(f"{len(paths):,} files are more than one run takes ({MOST_FILES:,}): tag them in several")
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise DataError("the name of this file is not UTF-8", path=path, remedy="Rename it") from None


def _plan(files: Sequence[tuple[int, str]], size: int, reading: Mapping[str, Any], pool: Pool) -> list[InputFile]:
    """Cuts files; large ones have to be read through, so that several of them are work for the pool."""
    make = PlanFiles(size, reading)
    large = [(number, name) for number, name in files if os.path.isfile(name) and os.path.getsize(name) > size]
    spread = {number for number, _ in large} if len(large) > 1 else set[int]()
    here = [f"{number} {name}" for number, name in files if number not in spread]
    there = [f"{number} {name}" for number, name in files if number in spread]
    found = [*InProcess().map(make, here), *(pool.map(make, there) if there else ())]
    results = [Planned.model_validate_json(item) for item in found]
    if errors := [result.error for result in results if result.file is None]:
        raise DataError(errors[0])
    planned = {file.number: file for result in results if (file := result.file) is not None}
    return [planned[number] for number, _ in files]
