"""`salin tag --engine ray`: a folder of shards, tagged by workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import Progress as Bar

from salin.cli.console import counting, errors, note
from salin.cli.inputs import find_files
from salin.cli.taggers import OpenedTagger
from salin.cli.tagging import TagOptions
from salin.corpus import Sentence
from salin.errors import DataError, ModelError, SettingError

if TYPE_CHECKING:
    from salin.scaling import Outcome, Progress

_MEGABYTE = 1 << 20
# So many shards that failed, and so many notes, are named; the manifest has all of them.
_NAMED = 20
# Seconds between two lines about how far it has come, where no terminal shows it.
_BETWEEN = 30


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """What is about shards and workers alone.

    Attributes:
        workers: How many; None is one for each core.
        megabytes: Of a shard; None is the default.
    """

    workers: int | None = None
    megabytes: float | None = None


def tag_with_ray(
    inputs: Sequence[Path], out: Path | None, to: str | None, options: TagOptions, sharding: ShardOptions
) -> None:
    """Tags files into a folder of shards, says how far it comes, and what could not be tagged.

    Raises:
        SettingError: When Ray is not installed, or inputs, output and settings do not go together.
        DataError: When shards could not be tagged for a reason that the user can mend.
        typer.Exit: When others could not.
    """
    from salin.scaling import RayPool, tag_files

    if out is None:
        raise SettingError("--engine ray writes a folder with a file for each shard: name it (--out DIR)")
    if to is not None and to not in ("jsonl", "parquet"):
        raise SettingError(f"--engine ray writes jsonl or parquet, not {to}")
    pool = RayPool(sharding.workers)
    files = find_files(inputs, out)
    if not files:
        raise SettingError("--engine ray tags files and folders: name some")
    if odd := [path for path in files if not path.is_file()]:
        raise SettingError(f"{odd[0]} is no file, and --engine ray reads its input more than once: save it first")
    # Here to say at once what is wrong with the options, and what the output depends on.
    opened = options.open()[0]
    checksum = _model_checksum(options.model)
    settings = _settings(options, opened, checksum)
    del opened
    with counting("sentences") as bar, pool:
        try:
            outcome = tag_files(
                files,
                out,
                partial(_open_in_worker, options, checksum),
                settings=settings,
                reading=options.read_arguments(),
                pool=pool,
                to="parquet" if to == "parquet" else "jsonl",
                progress=_Shown(bar),
                **({} if sharding.megabytes is None else {"shard_bytes": int(sharding.megabytes * _MEGABYTE)}),
            )
        except (KeyboardInterrupt, SystemExit):
            note(f"{out}: the same command goes on from here")
            raise
    _report(out, outcome)


def _open_in_worker(options: TagOptions, checksum: str) -> Callable[[Iterable[Sentence]], Iterator[Sentence]]:
    """Opens the tagger where shards are tagged, which may be another machine.

    Raises:
        ModelError: When another model stands there under the same name.
    """
    if _model_checksum(options.model) != checksum:
        raise ModelError(f"{options.model}: a worker finds another model under this name than the one it was sent for")
    return options.open()[1].tag_sentences


def _model_checksum(name: str) -> str:
    from salin.baselines import is_rules

    if is_rules(name):
        return ""
    from salin.models.checksum import folder_checksum
    from salin.models.loading import resolve

    return folder_checksum(resolve(name))


def _settings(options: TagOptions, opened: OpenedTagger, checksum: str) -> dict[str, Any]:
    """Whatever the entities depend on; where things lie is none of it."""
    from salin.evaluation import DataRecord
    from salin.evaluation.signature import installed_version

    return {
        "salin": installed_version("salin"),
        "model": checksum or options.model,
        "sources": [DataRecord.of(source).checksum for source in opened.sources],
        "adaptation": None if opened.adaptation is None else opened.adaptation.model_dump(mode="json"),
        "on_overflow": options.on_overflow,
        "precision": options.precision,
        "map": options.label_map,
        "threshold": options.threshold,
        "neighbours": options.neighbours,
    }


class _Shown:
    """Shows how far a run has come: on a terminal all the time, elsewhere in a line now and then."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._task = bar, bar.add_task("starting", total=None, speed="")
        self._begun = self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        done = f"{progress.done:,} of {progress.shards:,} shards"
        speed = f"{progress.sentences / max(now - self._begun, 1e-9):,.0f}/s" if progress.sentences else ""
        self._bar.update(self._task, description=done, completed=progress.sentences, speed=speed)
        if not errors.is_terminal and now - self._last > _BETWEEN and progress.done < progress.shards:
            self._last = now
            note(f"{done}, {progress.sentences:,} sentences {speed}")


def _report(out: Path, outcome: Outcome) -> None:
    for remark in outcome.notes[:_NAMED]:
        note(remark)
    if (more := len(outcome.notes) - _NAMED) > 0:
        note(f"and {more:,} more notes on what was read")
    earlier = f", {outcome.before:,} of them by earlier runs" if outcome.before else ""
    finished = outcome.shards - len(outcome.failures)
    note(f"{out}: {finished:,} of {outcome.shards:,} shards are tagged{earlier}; {outcome.sentences:,} sentences now")
    if not outcome.failures:
        return
    for failure in outcome.failures[:_NAMED]:
        # Errors that users can mend name the file themselves.
        name = "" if failure.mendable else f" of {failure.shard.name}"
        note(f"shard {failure.shard.key}{name}: {failure.reason}")
    if (more := len(outcome.failures) - _NAMED) > 0:
        note(f"and {more:,} more, all named in {out / '.manifest' / 'failed.json'}")
    if not all(failure.mendable for failure in outcome.failures):
        raise typer.Exit(1)
    count = len(outcome.failures)
    raise DataError(
        f"{'1 shard was' if count == 1 else f'{count:,} shards were'} not tagged",
        path=out,
        remedy="Mend the input and give the same command again: it tags what is missing",
    )
