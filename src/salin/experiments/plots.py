"""The figure of a recipe: a panel for each test, in it a dot and an interval for each row of the table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from salin.errors import DataError, SettingError
from salin.evaluation.figures import BLUE, check_figure, new_figure
from salin.experiments.recipe import Recipe
from salin.experiments.standings import Standings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: of a panel, of a row in it, of what stands around its rows, of the rows' names, of a line of text.
_PANEL, _ROW, _AROUND, _NAMES, _LINE = 3.0, 0.24, 0.65, 1.5, 0.17
# Characters an inch, also in the fonts that a reader of an SVG has instead.
_BOLD, _SMALL = 11, 16
# A row reaches half a row to each side: the lines of neighbours that have the same baseline meet.
_HALF = 0.5


def plot_recipe(path: str | Path, results: str | Path, file: str | Path, encoder: str | None = None) -> None:
    """Draws the table of a recipe as far as its cells are finished.

    Each row has the same height in all panels, so that a gap is a system that has not been tested there yet.

    Args:
        path: The recipe.
        results: Where result files are.
        file: The figure: .svg, .png or .pdf.
        encoder: What stood in for the recipe's encoder, if anything.

    Raises:
        SettingError: When the suffix is another, matplotlib is not installed, or the recipe tests nothing.
        DataError: When no cell is finished, or the figure cannot be written.
    """
    check_plot(path, file)
    plot_standings(Standings.read(path, results, encoder), file)


def check_plot(path: str | Path, file: str | Path) -> None:
    """Refuses what `plot_recipe` could not draw once all cells of the recipe are finished.

    Raises:
        SettingError: When the suffix is not known, matplotlib is not installed, or the recipe tests nothing.
    """
    check_figure(file)
    if not any(labels.tests for labels in Recipe.read(path).label_sets.values()):
        raise SettingError(f"{path}: no label set of it has tests, so there is nothing to draw")


def plot_standings(standings: Standings, file: str | Path) -> None:
    """Draws a recipe whose finished cells have been read already; see `plot_recipe`."""
    rows = [row.name for row in standings.rows if any(row.name in by_row for by_row in standings.runs.values())]
    if not rows:
        raise DataError("not drawn: no cell with a test is finished", path=file)
    size = _NAMES, _PANEL, _AROUND + _ROW * len(rows)
    with panels_of_tests(standings, file, size, "F1 in percent", _footer(standings), sharey=True) as panels:
        for test, panel in panels.items():
            _draw(panel, standings, test, rows)


@contextmanager
def panels_of_tests(
    standings: Standings, file: str | Path, size: tuple[float, float, float], label: str, footer: str, *, sharey: bool
) -> Generator[dict[str, Axes]]:
    """Gives a panel for each test of a recipe, in a figure which is written when the block ends without an error.

    Args:
        standings: The recipe; its title stands above.
        file: The figure.
        size: In inches: what stands to the left of the panels, then width and height of a panel.
        label: Of the panels' x axes, which are the same.
        footer: Stands below.
        sharey: Whether the panels' y axes are the same too.
    """
    tests = list(standings.runs)
    across = 2 if len(tests) == 4 else min(len(tests), 3)
    down = math.ceil(len(tests) / across)
    width = size[0] + size[1] * max(across, 2)
    above = textwrap.wrap(standings.recipe.title, int(width * _BOLD))
    below = textwrap.wrap(footer, int(width * _SMALL))
    height = down * size[2] + _LINE * (len(above) + len(below) + 2)
    with new_figure(file, width, height) as figure:
        figure.set_layout_engine("constrained", wspace=0.06)
        panels: Sequence[Axes] = list(figure.subplots(down, across, sharex=True, sharey=sharey, squeeze=False).flat)
        yield dict(zip(tests, panels, strict=False))
        for number, (test, panel) in enumerate(zip(tests, panels, strict=False)):
            panel.set_title(test, loc="left")
            # The lowest of its column, also where the last line of panels is not full.
            panel.tick_params(labelbottom=True)
            if number + across >= len(tests):
                panel.set_xlabel(label)
        for panel in panels[len(tests) :]:
            panel.set_visible(False)
        figure.suptitle("\n".join(above), x=0.01, ha="left", fontweight="bold")
        figure.supxlabel("\n".join(below), x=0.01, ha="left", fontsize="small")


def _draw(panel: Axes, standings: Standings, test: str, rows: Sequence[str]) -> None:
    """One panel. What is drawn has a name, which is an id in an SVG: `intervals-es`, `baseline-es`, ..."""
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - _HALF, -_HALF)
    panel.tick_params(left=False)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="x")
    compared = standings.compared[test]
    if not compared:
        panel.text(0.5, 0.5, "no finished cell", transform=panel.transAxes, ha="center", va="center", style="italic")
        return
    found = [(place, compared[row]) for place, row in enumerate(rows) if row in compared]
    panel.hlines(
        [place for place, _ in found],
        [100 * row.interval.low for _, row in found],
        [100 * row.interval.high for _, row in found],
        BLUE, lw=2.2, zorder=2, gid=f"intervals-{test}",
    )  # fmt: skip
    # A piece in each row, since fine-tuned rows stand against baselines of their own.
    lines = [(place, base.f1) for place, row in enumerate(rows) if (base := standings.baseline(test, row))]
    panel.vlines(
        [100 * f1 for _, f1 in lines],
        [place - _HALF for place, _ in lines],
        [place + _HALF for place, _ in lines],
        "black", lw=0.8, zorder=3, gid=f"baseline-{test}",
    )  # fmt: skip
    rules = {name for name, system in standings.recipe.systems.items() if system.method == "rules"}
    _dots(panel, [(place, row.f1) for place, row in found if rows[place] not in rules], BLUE, f"means-{test}")
    _dots(panel, [(place, row.f1) for place, row in found if rows[place] in rules], "white", f"rules-{test}")


def _dots(panel: Axes, means: Sequence[tuple[int, float]], filling: str, name: str) -> None:
    places, percents = [place for place, _ in means], [100 * f1 for _, f1 in means]
    panel.plot(percents, places, "o", color=BLUE, markerfacecolor=filling, markersize=5.5, zorder=4, gid=name)


def _footer(standings: Standings) -> str:
    seeds = max(len(results) for by_row in standings.runs.values() for results in by_row.values())
    return (
        f"Dot: mean F1 over seeds (at most {seeds} so far), strict entities; hollow for rules without weights. "
        "Bar: 95 % bootstrap interval over sentences and seeds. Line: what the row is tested against. "
        f"Encoder: {standings.encoder}. {standings.progress}"
    )
