"""Beginning a run, or going on with one: what may have changed since, and what may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from salin.errors import DataError, SettingError
from salin.scaling.manifest import Manifest, Run
from salin.scaling.shards import InputFile, Shard
from salin.values import differences

#: Cuts files, which are given by their places and names.
Plan = Callable[[Sequence[tuple[int, str]]], list[InputFile]]


def open_run(manifest: Manifest, settings: Mapping[str, Any], paths: Sequence[Path], plan: Plan) -> Run:
    """Begins a run in a folder, or finds the one that was begun there.

    A file that has changed since is cut anew if nothing is made of it yet, or if what is made of it would be the same.
    One with shards that failed is expected to be mended: then what would not be the same is tagged again.

    Args:
        manifest: Of the folder, locked.
        settings: Whatever the output depends on beside the input, as JSON values.
        paths: The input files.
        plan: Cuts files.

    Raises:
        SettingError: When the folder belongs to a run with other settings.
        DataError: When it belongs to other input, or an input is gone.
    """
    names = [str(path) for path in paths]
    before = manifest.run()
    if before is None:
        run = Run(settings=dict(settings), inputs=tuple(plan(list(enumerate(names)))))
        manifest.begin(run)
        return run
    if differing := sorted(differences(before.settings, dict(settings))):
        raise SettingError(
            f"{manifest.folder} belongs to a run with other settings ({'; '.join(differing)}): name another folder, or "
            "remove this one"
        )
    _check_names(manifest, [file.name for file in before.inputs], names)
    changed = [file for file in before.inputs if not file.is_unchanged()]
    if not changed:
        return before
    anew = {file.number: file for file in plan([(file.number, file.name) for file in changed])}
    stale = [key for file in changed for key in _stale(manifest, file, anew[file.number])]
    for key in stale:
        manifest.forget(key)
    run = before.model_copy(update={"inputs": tuple(anew.get(file.number, file) for file in before.inputs)})
    manifest.begin(run)
    return run


def _check_names(manifest: Manifest, before: Sequence[str], now: Sequence[str]) -> None:
    if before == now:
        return
    missing, added = sorted({*before} - {*now}), sorted({*now} - {*before})
    what = f"{missing[0]} was tagged too" if missing else f"{added[0]} was not in it" if added else "in another order"
    raise DataError(f"the folder belongs to other input: {what}", path=manifest.folder, remedy="Name another folder")


def _stale(manifest: Manifest, before: InputFile, now: InputFile) -> list[str]:
    """Keys of the finished shards of a changed file that would come out differently now."""
    shards = {shard.key: shard for shard in now.shards()}
    keys = [shard.key for shard in before.shards()]
    then = {shard.key: shard for shard in before.shards()}
    stale = [key for key in keys if not _same(manifest, then[key], shards.get(key))]
    if stale and not set(keys) & manifest.failed().keys():
        raise DataError(
            f"has changed since part-{stale[0]} in {manifest.folder} was made of it",
            path=before.name,
            remedy="Name another folder, or remove that one",
        )
    return stale


def _same(manifest: Manifest, then: Shard, now: Shard | None) -> bool:
    """Whether a shard is not finished, or would come out the same."""
    done = manifest.done(then.key)
    if done is None:
        return True
    if now is None or (then.format, then.part.line, then.part.offset) != (now.format, now.part.line, now.part.offset):
        return False
    try:
        return now.checksum() == done.source
    except DataError:
        return False
