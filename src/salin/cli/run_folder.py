"""The folder of a training run: unfinished it holds `training/` alone, finished it is the tagger's own folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salin.cli.console import note
from salin.cli.launcher import is_main, take_leave
from salin.errors import DataError, SettingError
from salin.files import atomic_directory, atomic_write, recover_directory, write_json
from salin.values import differences

if TYPE_CHECKING:
    from salin.models import Tagger

_RUN = "training"
_DESCRIPTION = "run.json"
_LOG = "log.jsonl"


def check_run_folder(folder: Path) -> None:
    """Refuses a folder in which a run would destroy something; of several processes the main one looks.

    Raises:
        SettingError: When it holds a finished model, or anything else that is no interrupted run.
    """
    if not is_main():
        return
    recover_directory(folder)
    if folder.is_file():
        raise SettingError(f"{folder} is a file: name a new folder")
    for mark, kind in (("salin.json", "tagger"), ("config.json", "model")):
        if (folder / mark).exists():
            raise SettingError(f"{folder} holds a finished {kind}: name another folder, or delete it first")
    others = sorted(path.name for path in folder.iterdir() if path.name != _RUN) if folder.is_dir() else []
    if others:
        raise SettingError(f"{folder} holds other things ({', '.join(others[:3])}): name a new folder")


def check_replaceable(folder: Path, mark: str) -> None:
    """Refuses to replace a folder that is not of the kind that will be written there.

    Args:
        folder: May not exist yet, or be empty.
        mark: A file that folders of this kind hold.

    Raises:
        SettingError: When it holds something else.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / mark).exists()):
        raise SettingError(f"{folder} exists and holds something else: name a new folder")


def start_run(folder: Path, description: Mapping[str, Any]) -> Path:
    """Makes the folder for checkpoints and the log, or finds the one of the same run; the main process does.

    A run that left no checkpoint, such as one whose settings were refused, has nothing to go on from, and gives way.

    Args:
        folder: The run's.
        description: Data, settings and base, as JSON values.

    Raises:
        SettingError: When an interrupted run there was another one.
    """
    from salin.training.checkpoint import has_checkpoint

    run = folder / _RUN
    path = run / _DESCRIPTION
    if not is_main():
        return run
    if not (path.exists() and has_checkpoint(run)):
        write_json(path, description)
        return run
    try:
        before = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"is damaged: {error}", path=path, remedy=f"Delete {run} to begin anew") from error
    differing = sorted(differences(before, json.loads(json.dumps(description))))
    if differing:
        raise SettingError(
            f"{folder} holds an interrupted run with other settings or data ({'; '.join(differing)}): "
            f"name another folder, or delete {run} to begin anew"
        )
    note(f"going on with the run in {folder}")
    return run


def find_log(folder: Path) -> Path | None:
    """The log of a folder that `salin train` and its like made, or of one that `salin run` trained in."""
    found = (path for path in (folder / _RUN / _LOG, folder / _LOG) if path.is_file())
    return next(found, None)


def finish_run(folder: Path, tagger: Tagger, description: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    """Puts the trained tagger, its card and the run's log in the place of the run's folder, all at once."""
    if is_main():
        _write_tagger(folder, tagger, description, figures)
    take_leave()


def finish_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Puts what a run has made, and its log, in the place of the run's folder, all at once.

    Args:
        folder: The run's.
        write: Writes what it has made into a folder.
    """
    with atomic_directory(folder, marker=_RUN) as temporary:
        write(temporary)
        (temporary / _RUN).mkdir()
        shutil.copy(folder / _RUN / _LOG, temporary / _RUN / _LOG)


def _write_tagger(folder: Path, tagger: Tagger, description: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    from salin.training.card import model_card

    provenance = {**description, "figures": dict(figures)}
    tagger.settings = tagger.settings.model_copy(update={"provenance": provenance})

    def write(temporary: Path) -> None:
        tagger.save_pretrained(temporary)
        with atomic_write(temporary / "README.md") as card:
            card.write(model_card(tagger))

    finish_folder(folder, write)
    note(f"{folder}: F1 {100 * figures['f1']:.2f} on dev at update {figures['step']:.0f}")
