"""The figure of prototypes: differences between two models, frequent words along models, effective ranks by block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salin.analysis.effective_rank import KINDS
from salin.analysis.prototypes import ModelRanks, Prototypes
from salin.evaluation.figures import COLOURS, MARKERS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of another number than the colours, so that the tenth line does not look like the fourth.
_MARKERS = MARKERS[:-1]
# A legend to the right of its panel hides nothing.
_BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "frameon": False, "fontsize": "small"}
# More words have no room to be named.
_NAMED = 20
_HEIGHT = 2.4


def plot_prototypes(found: Prototypes | None, ranks: Sequence[ModelRanks], file: str | Path) -> None:
    """Draws what there is.

    Args:
        found: What taggers think of words; None for encoders without a head.
        ranks: The effective ranks of the same models, in the same order.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When the figure cannot be written.
    """
    several = len(ranks) > 1
    rows = 1 + (found is not None) + (found is not None and several)
    with new_figure(file, 8.0, 0.4 + _HEIGHT * rows) as figure:
        parts = list(figure.subfigures(rows, 1, squeeze=False).flat)
        if found is not None and several:
            _draw_differences(parts[0].subplots(), found)
        if found is not None:
            panels = list(parts[-2].subplots(1, 2, sharey=True).flat)
            for panel, inside in zip(panels, (True, False), strict=True):
                _draw_frequent(panel, found, [ranked.model for ranked in ranks], inside)
        panels = list(parts[-1].subplots(1, len(KINDS), sharey=True).flat)
        for panel, kind in zip(panels, KINDS, strict=True):
            panel.set_title(kind, loc="left")
            panel.set_xlabel("block")
            panel.grid(axis="y")
            for number, model in enumerate(ranks):
                points = [(matrix.block, matrix.proportion) for matrix in model.matrices if matrix.kind == kind]
                panel.plot(
                    [block for block, _ in points], [rank for _, rank in points], color=_of(COLOURS, number),
                    marker=_of(_MARKERS, number), ms=4, lw=1, label=f"{number + 1} {_short(model.model)}",
                    gid=f"{kind.replace(' ', '-')}-{number}",
                )  # fmt: skip
        panels[0].set_ylabel("effective rank, share of full")
        panels[-1].legend(**_BESIDE, title="model")


def _draw_differences(panel: Axes, found: Prototypes) -> None:
    """Word by word where they have room, else the mean of each gold class."""
    if len(found.words) <= _NAMED:
        columns = [(f"{word.word}\n{word.gold}", word.difference) for word in found.words]
    else:
        columns = [(f"gold {gold}", means) for gold, means in found.mean_differences().items()]
    panel.axhline(0, color="black", lw=0.8)
    panel.grid(axis="y")
    panel.set_ylabel("difference of\nlog-probability")
    panel.set_xticks(range(len(columns)), [name for name, _ in columns])
    for number, name in enumerate(found.classes):
        panel.plot(
            range(len(columns)), [differences[name] for _, differences in columns], ls="", color=_of(COLOURS, number),
            marker=_of(_MARKERS, number), ms=5, label=name, gid=f"difference-{name}",
        )  # fmt: skip
    panel.set_title("last model minus first", loc="left")
    panel.legend(**_BESIDE, title="class")


def _draw_frequent(panel: Axes, found: Prototypes, models: Sequence[str], inside: bool) -> None:
    panel.set_title("frequent words of entities" if inside else "frequent other words", loc="left")
    panel.set_ylim(-0.03, 1.03)
    panel.grid(axis="y")
    panel.set_ylabel("p(correct tag)" if inside else "")
    panel.set_xticks(range(len(models)), [str(number + 1) for number in range(len(models))])
    panel.set_xlabel("model")
    chosen = [word for word in found.frequent if word.entity is inside]
    for number, word in enumerate(chosen):
        panel.plot(
            range(len(models)), word.correct, color=_of(COLOURS, number), marker=_of(_MARKERS, number), ms=4, lw=1,
            label=word.word, gid=f"correct-{'entity' if inside else 'other'}-{number}",
        )  # fmt: skip
    if chosen:
        panel.legend(**_BESIDE)


def _short(model: str) -> str:
    return "/".join(Path(model).parts[-2:])


def _of(values: Sequence[str], number: int) -> str:
    return values[number % len(values)]
