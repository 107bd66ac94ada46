"""Pruning as tables: F1 over sparsity, and what the masks of two taggers have in common; means over runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from salin.analysis.layers import ALL
from salin.analysis.mask_overlap import MaskOverlap
from salin.analysis.pruning import PrunedScore
from salin.evaluation import ReportTable


def pruning_table(scores: Mapping[str, Sequence[PrunedScore]], title: str) -> ReportTable:
    """A row for each tagger on each test, pruned in each way; a column for each sparsity.

    Args:
        scores: As for [plot_pruning][salin.analysis.pruning_figure.plot_pruning].
        title: Stands above.
    """
    every = [one for some in scores.values() for one in some]
    sparsities = sorted({one.sparsity for one in every})
    rows: list[tuple[str, ...]] = []
    for test in dict.fromkeys(one.test for one in every):
        for name, some in scores.items():
            own = [one for one in some if one.test == test]
            for scope, retrained in sorted(dict.fromkeys((one.scope, one.retrained) for one in own)):
                found: dict[float, list[float]] = {}
                for one in own:
                    if (one.scope, one.retrained) == (scope, retrained):
                        found.setdefault(one.sparsity, []).append(100 * one.f1)
                cells = (f"{fmean(found[s]):.1f}" if s in found else "" for s in sparsities)
                rows.append((test, name, scope, "yes" if retrained else "", *cells))
    footer = (
        "F1 in percent, strict entities, when so many per cent of the weights of linear and recurrent layers are left "
        "out, the smallest first: of all (global) or of each layer (layer). again: trained again with the rest.",
    )
    columns = ("test", "tagger", "scope", "again", *(f"{100 * sparsity:g}" for sparsity in sparsities))
    return ReportTable(title, columns, tuple(rows), footer, prose=(0, 1, 2, 3))


def mask_table(overlaps: Sequence[MaskOverlap], title: str) -> ReportTable:
    """A row for each two taggers, pruned globally: the overlap of what they keep, over all layers.

    Args:
        overlaps: What was found; of several runs, one behind another.
        title: Stands above.
    """
    chosen = [one for one in overlaps if (one.scope, one.layer) == ("global", ALL)]
    sparsities = sorted({one.sparsity for one in chosen})
    found: dict[tuple[str, str], dict[float, list[MaskOverlap]]] = {}
    for one in chosen:
        found.setdefault((one.first, one.second), {}).setdefault(one.sparsity, []).append(one)
    rows = tuple(
        (
            *pair,
            *(
                f"{100 * fmean(one.measured.iou for one in by[s]):.1f}"
                f" ({100 * fmean(one.measured.chance_iou for one in by[s]):.1f})"
                if s in by
                else ""
                for s in sparsities
            ),
        )
        for pair, by in found.items()
    )
    footer = (
        "Of the weights that either tagger keeps, the percentage that both do, when so many per cent are left out "
        "globally (and what chance gives). Taggers that began with the same numbers overlap without having learned "
        "anything alike.",
    )
    columns = ("tagger", "and", *(f"{100 * sparsity:g}" for sparsity in sparsities))
    return ReportTable(title, columns, rows, footer, prose=(0, 1))
