"""A matrix of numbers as a panel of a figure: each stands in its cell, and the darker a cell the higher it is."""

# matplotlib types its functions only in part.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From white to a blue on which black would be hard to read.
_MAP = "Blues"
_DARK = 0.6


def draw_heat_map(
    panel: Axes,
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    bounds: tuple[float, float],
    digits: int = 0,
    marked: Sequence[tuple[int, int]] = (),
    name: str,
) -> None:
    """Draws a matrix.

    Args:
        panel: Where.
        values: Row by row; None leaves a cell empty.
        rows: The names of the rows, from the top.
        columns: The names of the columns.
        bounds: What is white, and what is darkest.
        digits: Behind the point, of the numbers.
        marked: Rows and columns of cells that are framed.
        name: Of what is drawn: the numbers are ids in an SVG, `NAME-row-column`.
    """
    import numpy as np
    from matplotlib.patches import Rectangle

    low, high = bounds
    shown = np.array([[np.nan if value is None else value for value in row] for row in values], dtype=float)
    panel.pcolormesh(shown, cmap=_MAP, vmin=low, vmax=high, edgecolors="white", linewidth=0.8, gid=name)
    panel.set_xticks([place + 0.5 for place in range(len(columns))], columns, rotation=90 if len(columns) > 6 else 0)
    panel.set_yticks([place + 0.5 for place in range(len(rows))], rows)
    panel.set_ylim(len(rows), 0)
    panel.tick_params(length=0)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    for row, across in enumerate(values):
        for column, value in enumerate(across):
            if value is not None:
                dark = high > low and (value - low) / (high - low) > _DARK
                panel.text(
                    column + 0.5, row + 0.5, f"{value:.{digits}f}", ha="center", va="center", fontsize="x-small",
                    color="white" if dark else "black", gid=f"{name}-{row}-{column}",
                )  # fmt: skip
    for row, column in marked:
        panel.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", lw=1.0))
