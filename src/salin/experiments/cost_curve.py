"""F1 against cost: a panel for each test, in it a dot for each way to adapt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from salin.errors import DataError
from salin.evaluation.figures import BLUE
from salin.experiments.plots import panels_of_tests
from salin.experiments.standings import Standings
from salin.experiments.tables import cost

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: the width of a panel with its labels, the height of a label, what stands around a panel.
_PANEL, _LABEL, _AROUND = 4.2, 0.22, 0.8


@dataclass(frozen=True, slots=True)
class _Dot:
    """A row of the table: its cost, its F1 in percent, and for an adapted one where that lies by what it gains."""

    name: str
    cost: float
    f1: float
    interval: tuple[float, float] | None


def plot_cost_curve(standings: Standings, file: str | Path) -> None:
    """Draws F1 against cost for the adapted rows of a recipe and their taggers without adaptation.

    Args:
        standings: The recipe as far as its cells are finished.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When no adapted row has been tested, or the figure cannot be written.
    """
    dots = {test: _dots(standings, test) for test in standings.runs}
    if not any(dots.values()):
        raise DataError("not drawn: no finished cell has a row that adapts", path=file)
    size = 0.0, _PANEL, _AROUND + _LABEL * max(map(len, dots.values()))
    label = "cost, as a multiple of plain tagging"
    with panels_of_tests(standings, file, size, label, _footer(standings), sharey=False) as panels:
        for test, panel in panels.items():
            _draw(panel, test, dots[test])


def _dots(standings: Standings, test: str) -> list[_Dot]:
    """The adapted rows whose cost on a test is known, and behind them the plain ones that they are measured by."""
    of_test, compared = {test: standings.runs[test]}, standings.compared[test]
    found: list[_Dot] = []
    plain: dict[str, _Dot] = {}
    for row in standings.rows:
        gain, ratio = standings.gains[test].get(row.name), cost(row, of_test)
        if row.plain is None or gain is None or ratio is None:
            continue
        base = plain.setdefault(row.plain, _Dot(row.plain, 1.0, 100 * compared[row.plain].f1, None))
        assert gain.versus is not None
        bounds = base.f1 + 100 * gain.versus.interval.low, base.f1 + 100 * gain.versus.interval.high
        found.append(_Dot(row.name, ratio, 100 * compared[row.name].f1, bounds))
    return [*found, *plain.values()]


def _draw(panel: Axes, test: str, dots: Sequence[_Dot]) -> None:
    """One panel. What is drawn has a name, which is an id in an SVG: `means-es`, `front-es`, ..."""
    panel.set_ylabel("F1 in percent")
    if not dots:
        panel.set_yticks([])
        panel.text(0.5, 0.5, "no finished cell", transform=panel.transAxes, ha="center", va="center", style="italic")
        return
    panel.grid()
    panel.margins(x=0.1)
    bars = [(dot.cost, *dot.interval) for dot in dots if dot.interval is not None]
    costs, lows, highs = map(list, zip(*bars, strict=True))
    panel.vlines(costs, lows, highs, BLUE, lw=1.0, alpha=0.5, zorder=2, gid=f"intervals-{test}")
    for plain in (dot for dot in dots if dot.interval is None):
        panel.axhline(plain.f1, color="black", lw=0.8, zorder=1)
    front = _front(dots)
    panel.plot(
        [dot.cost for dot in front], [dot.f1 for dot in front], color=BLUE, lw=1.4, zorder=3, gid=f"front-{test}"
    )
    for adapted, filling, name in ((True, BLUE, "means"), (False, "white", "plain")):
        some = [dot for dot in dots if (dot.interval is not None) == adapted]
        x, y = [dot.cost for dot in some], [dot.f1 for dot in some]
        panel.plot(x, y, "o", color=BLUE, markerfacecolor=filling, markersize=5.5, zorder=4, gid=f"{name}-{test}")
    # In a column beside the panel, the best above: beside their dots they would lie on each other.
    for place, dot in enumerate(sorted(dots, key=lambda dot: -dot.f1)):
        panel.annotate(
            dot.name, (dot.cost, dot.f1), (1.06, 1 - (place + 0.5) / len(dots)), textcoords="axes fraction",
            fontsize="small", va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "0.6", "lw": 0.5, "shrinkB": 3, "relpos": (0, 0.5)},
        )  # fmt: skip


def _front(dots: Sequence[_Dot]) -> list[_Dot]:
    """The dots that none is both cheaper and better than, from the cheapest on."""
    found: list[_Dot] = []
    for dot in sorted(dots, key=lambda dot: (dot.cost, -dot.f1)):
        if not found or dot.f1 > found[-1].f1:
            found.append(dot)
    return found


def _footer(standings: Standings) -> str:
    return (
        "Dot: mean F1 over seeds, strict entities, and median cost: seconds of tagging, retrieval included, over those "
        "of the same tagger without adaptation (hollow, with a level line). Bar: 95 % bootstrap interval of the "
        "difference to that tagger. Blue line: what nothing cheaper exceeds. "
        f"Encoder: {standings.encoder}. {standings.progress}"
    )
