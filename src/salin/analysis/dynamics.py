"""How runs learn: the convergence of their losses, F1 of each entity type along the way, and how groups of runs differ.

Training and pretraining write the same log, so both can be described. Mind that a tagger's log holds the losses of
single batches, which are noisy; pretraining also logs its loss on held-out text, which is not. A pretraining run has a
curve for each objective, since the mean over a mixture is no loss that runs with another mixture have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from salin.analysis.convergence import Convergence, Difference, compare_groups, finite_records
from salin.errors import DataError, SettingError
from salin.evaluation.figures import BLUE, MARKERS, new_figure
from salin.training.curves import TrainingLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINING, HELD_OUT = "training loss", "held-out loss"


@dataclass(frozen=True, slots=True)
class RunDynamics:
    """What the log of one run says.

    Attributes:
        run: Its name.
        curves: Its finite losses as `(step, loss)`, by name: of training batches, and on held-out text where there are
            two or more; of a pretraining run these by objective (`held-out loss, causal`).
        convergence: Statistics of each of these.
        f1: F1 on dev as `(step, F1)`, in 0..1, of all entities (`""`) and of each type, as far as the log has it.
        accuracies: Of a pretraining run, those of each objective in training batches as `(step, accuracy)`, in 0..1; of
            the supports of episodes as `NAME_support`.
    """

    run: str
    curves: dict[str, tuple[tuple[int, float], ...]]
    convergence: dict[str, Convergence]
    f1: dict[str, tuple[tuple[int, float], ...]]
    accuracies: dict[str, tuple[tuple[int, float], ...]]

    @classmethod
    def read(cls, log: Path, run: str) -> RunDynamics:
        """Reads a run's `log.jsonl`; the run may go on meanwhile.

        Args:
            log: The file.
            run: What to call the run.

        Raises:
            DataError: When it is missing or damaged, or holds less than two losses.
        """
        read = TrainingLog.read(log)
        training, held_out = read.by_objective, read.held_out_by_objective
        found = {f"{TRAINING}, {name}": curve for name, curve in training.items()} or {TRAINING: read.losses}
        found |= {f"{HELD_OUT}, {name}": curve for name, curve in held_out.items()} or {HELD_OUT: read.held_out}
        curves = {name: finite_records(curve) for name, curve in found.items()}
        curves = {name: curve for name, curve in curves.items() if len(curve) > 1 or name.startswith(TRAINING)}
        try:
            convergence = {name: Convergence.of(curve) for name, curve in curves.items()}
        except DataError as error:
            raise DataError(error.reason, path=log, remedy=error.remedy) from error
        f1 = {**({"": read.scores} if read.scores else {}), **read.by_type}
        accuracies = {name: finite_records(curve) for name, curve in read.accuracies.items()}
        return cls(run, curves, convergence, f1, {name: curve for name, curve in accuracies.items() if curve})


def compare_runs(
    first: Sequence[RunDynamics], second: Sequence[RunDynamics], *, paired: bool = False
) -> dict[str, list[Difference]]:
    """How two groups of runs differ, by the name of each loss that all of them have.

    Args:
        first: One group.
        second: The other, which is subtracted.
        paired: Whether the i-th runs of both belong together.

    Raises:
        SettingError: When a group is empty, or paired groups are not of one size.
    """
    if not first or not second:
        raise SettingError("a comparison needs runs on both sides")
    shared = [name for name in first[0].convergence if all(name in run.convergence for run in (*first, *second))]
    return {
        name: compare_groups(*([run.convergence[name] for run in group] for group in (first, second)), paired=paired)
        for name in shared
    }


def plot_dynamics(first: Sequence[RunDynamics], file: str | Path, second: Sequence[RunDynamics] = ()) -> None:
    """Draws losses, with a bar from the last record above the level of t90 to the first at or below it, and F1.

    Args:
        first: One group of runs, drawn in full lines.
        file: The figure: .svg, .png or .pdf.
        second: The other, drawn in broken black ones.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When the figure cannot be written.
    """
    runs = [*((run, BLUE, "-") for run in first), *((run, "black", "--") for run in second)]
    losses = list(dict.fromkeys(name for run, *_ in runs for name in run.curves))
    types = sorted({label for run, *_ in runs for label in run.f1})
    with new_figure(file, 6.5, 0.6 + 2.2 * (len(losses) + bool(types))) as figure:
        panels: list[Axes] = list(figure.subplots(len(losses) + bool(types), 1, sharex=True, squeeze=False).flat)
        for name, panel in zip(losses, panels, strict=False):
            panel.set_ylabel(name)
            for number, (run, colour, line) in enumerate(runs):
                if name in run.curves:
                    _draw_loss(
                        panel, run, name, colour, line, f"{name.replace(' loss', '').replace(', ', '-')}-{number}"
                    )
        if types:
            panels[-1].set_ylabel("F1 on dev, percent")
            for place, label in enumerate(types):
                _draw_f1(panels[-1], label, runs, MARKERS[place % len(MARKERS)])
            panels[-1].legend(frameon=False)
        for panel in panels:
            panel.grid(axis="y")
        for panel in panels[: len(losses)]:  # not every run has every loss
            panel.legend(frameon=False)
        panels[-1].set_xlabel("step")
        figure.suptitle("Learning dynamics", x=0.01, ha="left", fontweight="bold")


def _draw_loss(panel: Axes, run: RunDynamics, name: str, colour: str, line: str, part: str) -> None:
    steps, losses = _columns(run.curves[name])
    panel.plot(steps, losses, ls=line, color=colour, lw=1, label=run.run, gid=part)
    if (t90 := run.convergence[name].t90) is not None:
        panel.plot([t90.after, t90.by], [t90.level] * 2, "|-", color=colour, lw=3, ms=8, gid=f"t90-{part}")


def _draw_f1(panel: Axes, label: str, runs: Sequence[tuple[RunDynamics, str, str]], marker: str) -> None:
    """Curves of one entity type, or of all, in all runs; the legend names the type once."""
    name = label or "all"
    for number, (run, colour, line) in enumerate(runs):
        if label in run.f1:
            steps, f1s = _columns(run.f1[label])
            panel.plot(
                steps, [100 * f1 for f1 in f1s], ls=line, color=colour, marker=marker, ms=4, lw=1,
                markerfacecolor="white" if label else None, label=name, gid=f"f1-{label or 'all'}-{number}",
            )  # fmt: skip
            name = "_"  # matplotlib leaves out of legends what begins so


def _columns(curve: Iterable[tuple[int, float]]) -> tuple[list[int], list[float]]:
    points = list(curve)
    return [step for step, _ in points], [value for _, value in points]
