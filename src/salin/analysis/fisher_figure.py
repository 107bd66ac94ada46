"""The figure of Fisher information: a matrix of languages for each layer; how far weights moved by their importance."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from salin.analysis.fisher_report import FisherReport
from salin.evaluation.figures import COLOURS, MARKERS, new_figure
from salin.evaluation.heat_map import draw_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

# Of another number than the colours, so that the tenth line does not look like the fourth.
_MARKERS = MARKERS[:-1]
_ACROSS = 4
# Inches: of a panel of lines, of what stands around a matrix, of a language in it; of a line of the footer.
_PANEL, _AROUND, _LANGUAGE, _LINE = 2.2, 0.75, 0.3, 0.17
_SMALL = 16


def plot_fisher(reports: Sequence[FisherReport], file: str | Path) -> None:
    """Draws what was found.

    Args:
        reports: Of the same languages and layers: one for each seed, of which means are drawn.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When the figure cannot be written.
    """
    report = reports[0]
    matrix = max(1.5, _AROUND + _LANGUAGE * len(report.languages))
    layers = list(dict.fromkeys(one.layer for one in report.overlaps))
    moved = list(dict.fromkeys(one.layer for one in report.movements))
    across = min(_ACROSS, len(layers))
    heights = [matrix * math.ceil(len(layers) / across)]
    if moved:
        heights.append(_PANEL * math.ceil(len(moved) / across))
    width = across * max(matrix, _PANEL)
    footer = textwrap.wrap(_footer(reports), int(width * _SMALL))
    with new_figure(file, width, sum(heights) + _LINE * (len(footer) + 2)) as figure:
        parts: list[SubFigure] = list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).flat)
        for panel, layer in _panels(parts[0], layers, across):
            _draw_overlap(panel, reports, layer)
        if moved:
            for panel, layer in _panels(parts[1], moved, across):
                _draw_movement(panel, reports, layer)
        figure.supxlabel("\n".join(footer), x=0.01, ha="left", fontsize="small")


def _panels(part: SubFigure, layers: Sequence[str], across: int) -> Iterator[tuple[Axes, str]]:
    panels: list[Axes] = list(part.subplots(math.ceil(len(layers) / across), across, squeeze=False).flat)
    yield from zip(panels, layers, strict=False)
    for panel in panels[len(layers) :]:
        panel.set_visible(False)


def _draw_overlap(panel: Axes, reports: Sequence[FisherReport], layer: str) -> None:
    """Below the diagonal it is what is above it."""
    languages = reports[0].languages
    found: dict[tuple[str, str], list[float]] = {}
    chances: list[float] = []
    for report in reports:
        for one in report.overlaps:
            if one.layer == layer:
                chances.append(one.measured.chance)
                for pair in {(one.first, one.second), (one.second, one.first)}:
                    found.setdefault(pair, []).append(100 * one.measured.overlap)
    values = [[fmean(found[row, column]) for column in languages] for row in languages]
    chance = 100 * fmean(chances)
    draw_heat_map(panel, values, languages, languages, bounds=(chance, 100), name=f"overlap-{layer.replace(' ', '-')}")
    panel.set_title(f"{layer} (chance {chance:.0f})", loc="left")


def _draw_movement(panel: Axes, reports: Sequence[FisherReport], layer: str) -> None:
    """What parts of a layer moved, as a multiple of what it did on average."""
    panel.set_title(layer, loc="left")
    panel.axhline(1, color="black", lw=0.8)
    panel.grid(axis="y")
    panel.set_xlabel("importance before, tenths")
    panel.set_ylabel("moved, times mean")
    for number, language in enumerate(dict.fromkeys(one.language for one in reports[0].movements)):
        runs = [
            [part / one.distance for part in one.bins]
            for report in reports
            for one in report.movements
            if (one.language, one.layer) == (language, layer) and one.distance
        ]
        if runs:
            means = [fmean(parts) for parts in zip(*runs, strict=True)]
            panel.plot(
                range(1, len(means) + 1), means, color=COLOURS[number % len(COLOURS)], lw=1, ms=3,
                marker=_MARKERS[number % len(_MARKERS)], label=language,
                gid=f"moved-{layer.replace(' ', '-')}-{language}",
            )  # fmt: skip
    if panel.get_legend_handles_labels()[0]:
        panel.legend(frameon=False, fontsize="x-small", ncols=2)


def _footer(reports: Sequence[FisherReport]) -> str:
    report = reports[0]
    text = (
        f"Matrices: of the {report.top:.0%} of a layer's parameters that matter most in one language, the percentage "
        f"that is among those of the other, by halves of {report.sentences} sentences of each; on the diagonal, by two "
        "halves of the same. White is what chance gives. "
    )
    if report.movements:
        text += (
            "Lines: how far fine-tuning on a language moved the parameters, from the tenth that mattered least in it "
            "before to the one that mattered most. "
        )
    text += f"Means over {len(reports)} seeds. " if len(reports) > 1 else "One seed. "
    return (text + report.without).rstrip()
