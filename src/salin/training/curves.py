"""What the log of a training run says, and its curves: loss and, where the run is evaluated, F1."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from salin.errors import DataError
from salin.evaluation.figures import BLUE, check_figure, new_figure
from salin.values import is_object

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What a record may hold, in the order of the log's attributes; and one more, an object of such figures.
_FIGURES = ("loss", "eval_f1", "eval_loss")
_BY_TYPE = "eval_f1_by_type"
_EVALUATED, _LOSS, _ACCURACY = "eval_", "_loss", "_accuracy"


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """The curves in a run's `log.jsonl`, which `TrainingProgress` writes.

    Attributes:
        losses: The loss that was minimised, of single batches, as `(step, loss)`.
        scores: F1 on dev in 0..1 as `(step, F1)`; empty for a run that is not evaluated, such as pretraining.
        held_out: The loss on held-out text as `(step, loss)`: of a tagger's run that dev loss chooses, the loss on dev.
        by_type: F1 on dev of each entity type, as `scores`; empty for runs older than it.
        best: The steps whose evaluation was the best so far; empty for runs older than it.
        by_objective: Of pretraining, the loss of each objective, as `losses`; objectives of one kind are one.
        held_out_by_objective: Of pretraining, the loss of each objective on held-out text, the mean over languages.
        accuracies: Of pretraining, the accuracy of each objective in single batches as `(step, accuracy)`, and that of
            the supports of episodes as `NAME_support`; in 0..1.
    """

    losses: tuple[tuple[int, float], ...]
    scores: tuple[tuple[int, float], ...]
    held_out: tuple[tuple[int, float], ...] = ()
    by_type: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict[str, tuple[tuple[int, float], ...]])
    best: tuple[int, ...] = ()
    by_objective: dict[str, tuple[tuple[int, float], ...]] = field(
        default_factory=dict[str, tuple[tuple[int, float], ...]]
    )
    held_out_by_objective: dict[str, tuple[tuple[int, float], ...]] = field(
        default_factory=dict[str, tuple[tuple[int, float], ...]]
    )
    accuracies: dict[str, tuple[tuple[int, float], ...]] = field(
        default_factory=dict[str, tuple[tuple[int, float], ...]]
    )

    @classmethod
    def read(cls, path: str | Path) -> TrainingLog:
        """Reads a log; the run may go on meanwhile, or have been killed: half a line at the end is left out.

        Args:
            path: The file.

        Raises:
            DataError: When it is missing, holds no figures, or is damaged before its last line.
        """
        path = Path(path)
        try:
            lines = path.read_bytes().rstrip().split(b"\n")
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", path=path) from error
        records: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            try:
                records.append(_record(line))
            except ValueError as error:
                if number < len(lines):
                    raise DataError(
                        f"no record of a training run: {error}", path=path, line=number, remedy="Delete this line"
                    ) from error
        losses, scores, held_out = (
            tuple((int(r["step"]), float(r[name])) for r in records if name in r) for name in _FIGURES
        )
        typed = [(r["step"], r[_BY_TYPE]) for r in records if _BY_TYPE in r]
        types = dict.fromkeys(label for _, f1s in typed for label in f1s)
        by_type = {name: tuple((step, f1s[name]) for step, f1s in typed if name in f1s) for name in types}
        best = tuple(int(r["step"]) for r in records if r.get("best"))
        log = cls(losses, scores, held_out, by_type, best, *_of_objectives(records), accuracies=_accuracies(records))
        if not log.losses and not log.scores:
            raise DataError(
                "holds no figures of a training run", path=path, remedy="Wait for the first, or name another"
            )
        return log

    @property
    def evaluations(self) -> tuple[dict[str, float], ...]:
        """The figures of each evaluation on dev: `step`, `f1`, and `loss` where the run has computed it."""
        losses = dict(self.held_out)
        return tuple(
            {"step": step, "f1": f1, **({"loss": losses[step]} if step in losses else {})} for step, f1 in self.scores
        )

    @property
    def chosen(self) -> tuple[int, float] | None:
        """Step and F1 of the checkpoint that is kept, as `fit` chooses it: the best, and the first of equals."""
        if self.best:
            return next((score for score in self.scores if score[0] == self.best[-1]), None)
        return max(self.scores, key=lambda score: score[1], default=None)


def plot_log(log: str | Path, file: str | Path, *, title: str = "") -> None:
    """Draws the curves of a run, finished or not, and marks the checkpoint that it has chosen so far.

    Args:
        log: The run's `log.jsonl`.
        file: The figure: .svg, .png or .pdf.
        title: What stands above it; by default the name of the log's folder.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When the log cannot be read or the figure cannot be written.
    """
    read = TrainingLog.read(log)
    check_figure(file)
    from matplotlib.ticker import MaxNLocator

    curves = [(name, curve) for name, curve in (("loss", read.losses), ("f1", read.scores)) if curve]
    with new_figure(file, 6.5, 0.6 + 2.2 * len(curves)) as figure:
        panels: list[Axes] = list(figure.subplots(len(curves), 1, sharex=True, squeeze=False).flat)
        for (name, curve), panel in zip(curves, panels, strict=True):
            steps, values = zip(*curve, strict=True)
            panel.grid(axis="y")
            if name == "loss":
                panel.set_ylabel("loss")
                panel.plot(steps, values, ".-", color=BLUE, lw=1.2, ms=3, gid="loss")
                if read.held_out:
                    at, held_out = zip(*read.held_out, strict=True)
                    panel.plot(at, held_out, "o--", color=BLUE, mfc="white", lw=1.2, ms=4, gid="held-out")
                    panel.set_title("broken: held out", loc="right")
            else:
                panel.set_ylabel("F1 on dev, percent")
                panel.plot(steps, [100 * f1 for f1 in values], "o-", color=BLUE, lw=1.2, ms=4, gid="f1")
        if read.chosen is not None:
            _mark(panels, *read.chosen)
        panels[-1].set_xlabel("step")
        panels[-1].xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        figure.suptitle(title or Path(log).resolve().parent.name, x=0.01, ha="left", fontweight="bold")


def _of_objectives(records: Sequence[Mapping[str, Any]]) -> tuple[dict[str, tuple[tuple[int, float], ...]], ...]:
    """Losses by objective of a pretraining run, which logs them on held-out text by language: `eval_NAME`."""
    measured = [
        (name.removeprefix(_EVALUATED), record["step"], losses)
        for record in records
        for name, losses in record.items()
        if is_object(losses) and losses and name != _BY_TYPE
    ]
    names = dict.fromkeys(name for name, _, _ in measured)
    training = {
        name: tuple((r["step"], float(r[key])) for r in records if (key := f"{name}{_LOSS}") in r) for name in names
    }
    held_out = {
        name: tuple((step, fmean(losses.values())) for other, step, losses in measured if other == name)
        for name in names
    }
    return {name: curve for name, curve in training.items() if curve}, held_out


def _accuracies(records: Sequence[Mapping[str, Any]]) -> dict[str, tuple[tuple[int, float], ...]]:
    keys = dict.fromkeys(key for record in records for key in record if key.endswith(_ACCURACY))
    return {
        key.removesuffix(_ACCURACY): tuple((int(r["step"]), float(r[key])) for r in records if key in r) for key in keys
    }


def _mark(panels: list[Axes], step: int, f1: float) -> None:
    """Marks the chosen checkpoint: a broken line through all panels, and a ring around its F1 in the last."""
    for panel in panels:
        panel.axvline(step, color="black", lw=0.8, ls="--", zorder=1)
    panels[-1].plot([step], [100 * f1], "o", color="black", mfc="none", ms=10, gid="chosen")
    panels[-1].set_title(f"chosen: step {step}, F1 {100 * f1:.1f}", loc="right")


def _record(line: bytes) -> dict[str, Any]:
    """One line of the log.

    Raises:
        ValueError: When it is no JSON object of a step and its figures.
    """
    try:
        record = json.loads(line.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON ({error.msg})") from error
    if not is_object(record) or type(record.get("step")) is not int:
        raise ValueError("no object with a whole number as its step")
    for name in _FIGURES:
        if name in record and type(record[name]) not in (int, float):
            raise ValueError(f"{name} is {record[name]!r} and no number")
    typed = record.get(_BY_TYPE, {})
    if not is_object(typed) or any(type(f1) not in (int, float) for f1 in typed.values()):
        raise ValueError(f"{_BY_TYPE} is {typed!r} and no object of numbers")
    return record
