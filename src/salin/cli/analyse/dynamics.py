"""`salin analyse dynamics`: how fast runs learned, as far as their logs can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import typer

from salin.cli import options

if TYPE_CHECKING:
    from salin.analysis.convergence import Convergence, Difference
    from salin.analysis.dynamics import RunDynamics
    from salin.evaluation import ReportTable


def dynamics(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of training or pretraining runs, or their log.jsonl.", metavar="RUN..."),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", metavar="RUN", help="A run to compare with; give it again for a group of them."),
    ] = None,
    paired: Annotated[
        bool,
        typer.Option("--paired", help="The runs of both groups belong together, in the order in which they are given."),
    ] = False,
    plot: options.Plot = None,
    as_json: options.AsJson = False,
) -> None:
    """Describe how losses fall: t90 between two records of the log, mean loss, first slope; and F1 by type.

    t90 is the first record at or below L0 - 0.9 (L0 - Lend), where L0 and Lend are the first and the last loss. The log
    knows nothing between two records, so t90 is shown as the steps between which the loss came down to there.
    """
    from salin.analysis.dynamics import compare_runs, plot_dynamics
    from salin.cli.console import note, output, print_json
    from salin.errors import SettingError
    from salin.evaluation.figures import check_figure

    if paired and not against:
        raise SettingError("--paired is about two groups of runs: give --against too")
    if plot is not None:
        check_figure(plot)
    first, second = _read(runs), _read(against or [])
    differences = compare_runs(first, second, paired=paired) if second else {}
    if plot is not None:
        plot_dynamics(first, plot, second)
        note(f"{plot}: the curves")
    if as_json:
        groups = {"runs": [asdict(run) for run in first], "against": [asdict(run) for run in second]}
        listed = {name: [asdict(difference) for difference in found] for name, found in differences.items()}
        print_json({**groups, "differences": listed})
        return
    for name in dict.fromkeys(name for run in (*first, *second) for name in run.convergence):
        output.print(_losses(name, (*first, *second)), soft_wrap=True)
    if any(run.f1 for run in (*first, *second)):
        output.print(_scores((*first, *second)), soft_wrap=True)
    if any(run.accuracies for run in (*first, *second)):
        output.print(_accuracies((*first, *second)), soft_wrap=True)
    for name, found in differences.items():
        output.print(_differences(name, found, len(first), len(second)), soft_wrap=True)


def _read(paths: Sequence[Path]) -> list[RunDynamics]:
    from salin.analysis.dynamics import RunDynamics
    from salin.cli.run_folder import find_log
    from salin.errors import DataError

    found: list[RunDynamics] = []
    for path in paths:
        log = path if path.is_file() else find_log(path)
        if log is None:
            raise DataError("holds no log.jsonl of a run", path=path, remedy="Name the folder of a run, or its log")
        found.append(RunDynamics.read(log, path.resolve().name if path.is_dir() else str(path)))
    return found


def _losses(name: str, runs: Sequence[RunDynamics]) -> ReportTable:
    from salin.evaluation import ReportTable

    headings = ("run", "records", "first", "last", "t90 in steps", "settled", "mean loss", "slope per 1,000 steps")
    rows = tuple((run.run, *_row(run.convergence[name])) for run in runs if name in run.convergence)
    return ReportTable(
        name, headings, rows,
        ("t90: after one record and by the next. settled: from there on no record is above that level.",),
    )  # fmt: skip


def _row(found: Convergence) -> tuple[str, ...]:
    t90 = ("none", "") if found.t90 is None else (f"{found.t90.after:,} to {found.t90.by:,}", f"{found.t90.settled:,}")
    slope = "too few records" if found.slope is None else f"{1000 * found.slope:.3g}"
    first, last = (f"{loss:.4g} at {step:,}" for loss, step in ((found.start, found.first), (found.end, found.last)))
    return (f"{found.records:,}", first, last, *t90, f"{found.mean_loss:.4g}", slope)


def _scores(runs: Sequence[RunDynamics]) -> ReportTable:
    from salin.evaluation import ReportTable

    types = sorted({label for run in runs for label in run.f1})
    rows: list[tuple[str, ...]] = []
    for run in runs:
        best = max(run.f1.get("", ()), key=lambda score: score[1], default=None)
        by_step: dict[int, dict[str, float]] = {}
        for label, curve in run.f1.items():
            for step, f1 in curve:
                by_step.setdefault(step, {})[label] = f1
        for step, f1s in by_step.items():
            mark = " *" if best is not None and step == best[0] else ""
            rows.append((run.run, f"{step:,}{mark}", *(f"{100 * f1s[t]:.1f}" if t in f1s else "" for t in types)))
    return ReportTable(
        "F1 on dev", ("run", "step", *(label or "all" for label in types)), tuple(rows),
        ("In percent, strict entities. *: the checkpoint that was kept.",),
    )  # fmt: skip


def _accuracies(runs: Sequence[RunDynamics]) -> ReportTable:
    from salin.evaluation import ReportTable

    rows: list[tuple[str, ...]] = []
    for run in runs:
        for name, curve in run.accuracies.items():
            (first, start), (last, _) = curve[0], curve[-1]
            late = [accuracy for step, accuracy in curve if step >= 0.9 * last]
            shown = f"{100 * start:.1f} at {first:,}", f"{100 * fmean(late):.1f} from {0.9 * last:,.0f} on"
            rows.append((run.run, name.replace("_support", ", supports"), f"{len(curve):,}", *shown))
    return ReportTable(
        "accuracy in training batches", ("run", "of", "records", "first", "mean of the last"), tuple(rows),
        ("In percent. Supports as low as queries: the head does not fit; higher: what fits does not all carry over.",),
    )  # fmt: skip


def _differences(name: str, found: Sequence[Difference], first: int, second: int) -> ReportTable:
    from salin.evaluation import ReportTable

    rows: list[tuple[str, ...]] = []
    for measured in found:
        times, unit = (1000, " per 1,000 steps") if measured.measure == "slope" else (1, "")
        values = (measured.first, measured.second, measured.difference)
        bounds = (measured.interval, measured.resolution)
        rows.append((
            measured.measure + unit,
            *("" if value is None else f"{times * value:.4g}" for value in values),
            *("" if pair is None else f"[{times * pair[0]:.4g}, {times * pair[1]:.4g}]" for pair in bounds),
        ))  # fmt: skip
    headings = (
        "mean of",
        f"runs ({first})",
        f"against ({second})",
        "difference",
        "95 % over runs",
        "what the logs allow",
    )
    return ReportTable(
        f"{name}: difference", headings, tuple(rows),
        (
            "What the logs allow follows from the steps between records alone: where it holds 0 they cannot tell the "
            "groups apart, and noise comes on top of it. An interval over runs needs two of each.",
        ),
    )  # fmt: skip
