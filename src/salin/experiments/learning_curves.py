"""Learning curves: a panel for each label set, in it F1 or loss on dev over the steps of each system's training."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from salin.errors import DataError
from salin.evaluation.figures import COLOURS, MARKERS, new_figure
from salin.experiments.cell import CellResult
from salin.experiments.standings import Standings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Figure = Literal["f1", "loss"]
# Inches: of a panel, of what stands beside all of them, of a line of text; characters an inch.
_ACROSS, _DOWN, _LEGEND, _LINE, _BOLD, _SMALL = 2.5, 1.9, 1.4, 0.17, 11, 16
_LABELS: Mapping[Figure, str] = {"f1": "F1 on dev, percent", "loss": "loss on dev"}


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """What one panel shows.

    Attributes:
        label_set: Whose dev set it is.
        figure: What chose the checkpoints of these systems.
        systems: The finished cells of each system, in the order of seeds.
    """

    label_set: str
    figure: Figure
    systems: Mapping[str, Sequence[CellResult]]


def curve_panels(standings: Standings) -> list[CurvePanel]:
    """The panels of a recipe: none where no finished cell holds a curve, since none trained or all are older.

    Args:
        standings: The recipe as far as its cells are finished.
    """
    cells = {cell.name: cell for cell in standings.experiment.cells}
    found: dict[tuple[str, Figure], dict[str, list[CellResult]]] = {}
    for result in standings.finished:
        if result.curve:
            cell, figure = cells[result.cell], "loss" if "loss" in result.curve[0] else "f1"
            found.setdefault((cell.label_set, figure), {}).setdefault(cell.system, []).append(result)
    order = list(standings.recipe.label_sets)
    return [
        CurvePanel(label_set, figure, {name: systems[name] for name in standings.recipe.systems if name in systems})
        for (label_set, figure), systems in sorted(found.items(), key=lambda item: order.index(item[0][0]))
    ]


def plot_learning_curves(standings: Standings, file: str | Path) -> None:
    """Draws the learning curves of a recipe.

    Args:
        standings: The recipe as far as its cells are finished.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When no finished cell holds a curve, or the figure cannot be written.
    """
    panels = curve_panels(standings)
    if not panels:
        raise DataError("not drawn: no finished cell holds a learning curve", path=file)
    shown = [name for name in standings.recipe.systems if any(name in panel.systems for panel in panels)]
    # Colours and markers together tell more systems than there are colours.
    looks = {
        name: (COLOURS[place % len(COLOURS)], MARKERS[(place + place // len(COLOURS)) % len(MARKERS)])
        for place, name in enumerate(shown)
    }
    across = 2 if len(panels) == 4 else min(len(panels), 3 if len(panels) < 10 else 4)
    width = _ACROSS * max(across, 2) + _LEGEND
    above = textwrap.wrap(standings.recipe.title, int(width * _BOLD))
    below = textwrap.wrap(_footer(standings), int(width * _SMALL))
    down = math.ceil(len(panels) / across)
    with new_figure(file, width, down * _DOWN + _LINE * (len(above) + len(below) + 2)) as figure:
        axes: list[Axes] = list(figure.subplots(down, across, squeeze=False).flat)
        for number, (panel, one) in enumerate(zip(panels, axes, strict=False)):
            _draw(one, panel, looks)
            if number + across >= len(panels):
                one.set_xlabel("step")
        for one in axes[len(panels) :]:
            one.set_visible(False)
        # Empty lines for the legend, since no line that is drawn has both the colour and the marker.
        for name, (colour, marker) in looks.items():
            axes[0].plot([], [], color=colour, marker=marker, ms=4, lw=1.6, label=name)
        figure.legend(loc="outside right upper", frameon=False, fontsize="small")
        figure.suptitle("\n".join(above), x=0.01, ha="left", fontweight="bold")
        figure.supxlabel("\n".join(below), x=0.01, ha="left", fontsize="small")


def _draw(axes: Axes, panel: CurvePanel, looks: Mapping[str, tuple[str, str]]) -> None:
    """One panel. What is drawn has a name, which is an id in an SVG: `mean-es-mono`, `seed-es-mono-95`, ..."""
    from matplotlib.ticker import MaxNLocator

    axes.grid(axis="y")
    axes.set_title(panel.label_set, loc="left")
    axes.set_ylabel(_LABELS[panel.figure])
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for system, results in panel.systems.items():
        (colour, marker), name = looks[system], f"{panel.label_set}-{system}"
        curves = [_values(result, panel.figure) for result in results]
        for result, curve in zip(results, curves, strict=True):
            axes.plot(list(curve), list(curve.values()), color=colour, lw=0.7, alpha=0.45, gid=f"seed-{result.cell}")
        common = [step for step in curves[0] if all(step in curve for curve in curves)]
        means = [fmean(curve[step] for curve in curves) for step in common]
        axes.plot(common, means, color=colour, lw=1.6, gid=f"mean-{name}")
        kept = [(int(result.selection["step"]), curve) for result, curve in zip(results, curves, strict=True)]
        x, y = [step for step, _ in kept], [curve[step] for step, curve in kept]
        axes.plot(x, y, marker, color=colour, ms=4, gid=f"kept-{name}")


def _values(result: CellResult, figure: Figure) -> dict[int, float]:
    """The curve of a cell by step; F1 in percent."""
    return {int(point["step"]): point[figure] * (100 if figure == "f1" else 1) for point in result.curve}


def _footer(standings: Standings) -> str:
    return (
        "The figure that chose the checkpoint, on the dev set of the label set, over the steps of the training, which "
        "a tagger that begins with another's weights counts anew. Thin lines: seeds; thick lines: their mean, as far "
        "as all of them go; marks: the checkpoints that were kept. The losses of a CRF and of a softmax are of "
        "different kinds. "
        f"Encoder: {standings.encoder}. {standings.progress}"
    )
