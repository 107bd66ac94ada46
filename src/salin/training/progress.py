"""What a training run tells: a bar for people, one JSON line a record for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from salin.files import atomic_write, named_refusals
from salin.values import is_object


class TrainingProgress:
    """A progress bar on standard error with the newest figures, and the run's JSONL log.

    Args:
        title: What stands before the bar.
        total: The number of steps.
        path: The log file; None keeps no log.
        first_step: The step a resumed run begins at: records behind it are dropped from the log, since they will be
            written again.
        show: Whether to draw a bar; without a terminal none is drawn.
    """

    def __init__(self, title: str, total: int, path: Path | None, first_step: int = 0, *, show: bool = True):
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(
            *columns, TimeRemainingColumn(), TextColumn("{task.fields[figures]}"), console=console,
            disable=not (show and console.is_terminal),
        )  # fmt: skip
        self._task = self._bar.add_task(title, total=total, completed=first_step, figures="")
        self._figures: dict[str, float] = {}
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _drop_records(path, first_step)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, step: int) -> None:
        """Moves the bar to `step` finished steps."""
        self._bar.update(self._task, completed=step)

    def record(self, step: int, figures: Mapping[str, Any]) -> None:
        """Shows the figures and appends them to the log, as one line in one write.

        Args:
            step: How many are finished.
            figures: Numbers go beside the bar, mappings of numbers on lines above it; whole numbers are not shown.
        """
        self._figures.update({k: v for k, v in figures.items() if isinstance(v, float)})
        for name, values in figures.items():
            if is_object(values) and not self._bar.disable:
                told = "  ".join(f"{key} {value:.3g}" for key, value in values.items())
                self._bar.console.print(Text(f"step {step:,} {name}  {told}", style="dim"))
        self._bar.update(self._task, figures=" ".join(f"{k} {v:.4g}" for k, v in self._figures.items()))
        if self._path is not None:
            line = json.dumps({"step": step, **figures}, ensure_ascii=False) + "\n"
            with named_refusals(self._path):
                descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                try:
                    os.write(descriptor, line.encode())
                finally:
                    os.close(descriptor)


def _drop_records(path: Path, first_step: int) -> None:
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= first_step:
                kept.append(line)
        except (json.JSONDecodeError, KeyError, TypeError):
            continue  # the line that a killed process was writing
    with atomic_write(path) as file:
        file.writelines(line + "\n" for line in kept)
