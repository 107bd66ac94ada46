"""The figure of pruning: F1 over sparsity, a row of panels for each test, a column for each way to prune."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from salin.analysis.pruning import PrunedScore
from salin.evaluation.figures import COLOURS, MARKERS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: of a panel, of a line of the footer; its characters an inch.
_ACROSS, _DOWN, _LINE, _SMALL = 2.3, 1.9, 0.17, 16


def plot_pruning(scores: Mapping[str, Sequence[PrunedScore]], file: str | Path) -> None:
    """Draws F1 over sparsity.

    Args:
        scores: By name of a tagger, or of several that were trained in the same way (each language's own, several
            seeds). Where more than one has been scored alike, their mean is drawn.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When the figure cannot be written.
    """
    every = [one for some in scores.values() for one in some]
    tests = list(dict.fromkeys(one.test for one in every))
    # Before training again, then after it.
    ways = sorted(dict.fromkeys((one.scope, one.retrained) for one in every), key=lambda way: way[1])
    width = max(5.0, _ACROSS * len(ways))
    footer = textwrap.wrap(
        "Micro-F1 of entities in percent over the share of weights that is left out, the smallest first: compared with "
        f"all others (global) or within their layer (layer). {_bars(scores)}",
        int(width * _SMALL),
    )
    with new_figure(file, width, _DOWN * len(tests) + _LINE * (len(footer) + 1) + 0.3) as figure:
        panels: list[Axes] = list(figure.subplots(len(tests), len(ways), sharex=True, sharey="row", squeeze=False).flat)
        for place, panel in enumerate(panels):
            row, column = divmod(place, len(ways))
            _draw(panel, scores, tests[row], ways[column])
            if row == 0:
                scope, retrained = ways[column]
                panel.set_title(scope + (", trained again" if retrained else ""), loc="left")
            if row == len(tests) - 1:
                panel.set_xlabel("left out, percent")
            if column == 0:
                panel.set_ylabel(f"{tests[row]}\nF1 in percent")
        panels[0].legend(frameon=False, fontsize="small")
        figure.supxlabel("\n".join(footer), x=0.01, ha="left", fontsize="small")


def _bars(scores: Mapping[str, Sequence[PrunedScore]]) -> str:
    alike = max(max(Counter(map(_alike, some)).values()) for some in scores.values())
    if alike == 1:
        return "Bars: 95 % bootstrap interval over sentences."
    return f"Means over {alike} seeds; bars: the lowest and the highest."


def _alike(one: PrunedScore) -> tuple[str, str, bool, float]:
    return one.test, one.scope, one.retrained, one.sparsity


def _draw(panel: Axes, scores: Mapping[str, Sequence[PrunedScore]], test: str, way: tuple[str, bool]) -> None:
    panel.grid(axis="y")
    for number, (name, some) in enumerate(scores.items()):
        found: dict[float, list[PrunedScore]] = {}
        for one in some:
            if (one.test, one.scope, one.retrained) == (test, *way):
                found.setdefault(one.sparsity, []).append(one)
        if not found:
            continue
        points = [(100 * sparsity, found[sparsity]) for sparsity in sorted(found)]
        colour, x = COLOURS[number % len(COLOURS)], [place for place, _ in points]
        panel.plot(
            x, [100 * fmean(one.f1 for one in alike) for _, alike in points], color=colour,
            marker=MARKERS[number % len(MARKERS)], ms=3.5, lw=1.2, label=name,
            gid=f"{'again' if way[1] else 'pruned'}-{way[0]}-{test}-{name}",
        )  # fmt: skip
        single = all(len(alike) == 1 for _, alike in points)
        lows, highs = (
            [100 * end(getattr(one, known) if single else one.f1 for one in alike) for _, alike in points]
            for end, known in ((min, "low"), (max, "high"))
        )
        panel.vlines(x, lows, highs, colour, lw=1.2, alpha=0.5)
