"""F1 by source and target: a heat map of a recipe whose systems are taggers of one language each."""

from __future__ import annotations

import textwrap
from pathlib import Path

from salin.errors import DataError
from salin.evaluation.figures import new_figure
from salin.evaluation.heat_map import draw_heat_map
from salin.experiments.standings import Standings

# Inches: of a cell, of what stands around the matrix; characters an inch of small text.
_CELL, _ACROSS, _DOWN, _SMALL = 0.36, 1.4, 1.5, 16


def plot_transfer_matrix(standings: Standings, file: str | Path) -> None:
    """Draws a recipe as a matrix: a row for each system, a column for each test.

    Args:
        standings: The recipe as far as its cells are finished.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When no cell with a test is finished, or the figure cannot be written.
    """
    tests = list(standings.runs)
    rows = [row.name for row in standings.rows if any(row.name in by_row for by_row in standings.runs.values())]
    if not rows:
        raise DataError("not drawn: no cell with a test is finished", path=file)
    values = [
        [100 * compared.f1 if (compared := standings.compared[test].get(row)) else None for test in tests]
        for row in rows
    ]
    best = [
        (max(found)[1], column)
        for column in range(len(tests))
        if (found := [(-1.0 if tests[column] == rows[row] else value, row) for row in range(len(rows))
                      if (value := values[row][column]) is not None])
    ]  # fmt: skip
    width = max(5.0, _ACROSS + _CELL * len(tests))
    footer = textwrap.wrap(
        "Mean F1 over seeds in percent, strict entities. Rows: what the tagger was trained on; columns: what it was "
        f"tested on. Framed: the best in its column, but for the tagger of the same name. {standings.progress}",
        int(width * _SMALL),
    )
    with new_figure(file, width, _DOWN + _CELL * len(rows) + 0.17 * len(footer)) as figure:
        panel = figure.subplots()
        draw_heat_map(panel, values, rows, tests, bounds=(0, 100), marked=best, name="f1")
        panel.set_ylabel("trained on")
        panel.set_xlabel("tested on")
        figure.suptitle(standings.recipe.title, x=0.01, ha="left", fontweight="bold")
        figure.supxlabel("\n".join(footer), x=0.01, ha="left", fontsize="small")
