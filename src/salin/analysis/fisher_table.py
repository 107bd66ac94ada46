"""Fisher information as tables: what languages have in common, and what fine-tuning moved; means over runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from salin.analysis.fisher_report import FisherReport
from salin.evaluation import ReportTable


def overlap_table(reports: Sequence[FisherReport], title: str) -> ReportTable:
    """A row for each layer: how much it matters, and what its most important parameters have in common.

    Args:
        reports: Of the same languages and layers, one a seed.
        title: Stands above.
    """
    report = reports[0]
    rows: list[tuple[str, ...]] = []
    for layer in dict.fromkeys(one.layer for one in report.overlaps):
        found = [one for some in reports for one in some.overlaps if one.layer == layer]
        pairs: dict[str, list[float]] = {}
        for one in found:
            if one.first != one.second:
                pairs.setdefault(f"{one.first} {one.second}", []).append(one.measured.overlap)
        means = {pair: fmean(values) for pair, values in pairs.items()}
        rows.append(
            (
                layer,
                f"{report.layers.get(layer, sum(report.layers.values())):,}",
                _percent(one.share for some in reports for one in some.importance if one.layer == layer),
                f"{_percent(o.measured.chance for o in found)} ± {100 * max(o.measured.deviation for o in found):.2g}",
                _percent(means.values()),
                _extreme(means, min),
                _extreme(means, max),
                _percent(one.measured.overlap for one in found if one.first == one.second),
            )
        )
    footer = (
        "information: the layer's share of the network's. Then, of the "
        f"{report.top:.0%} of its parameters that matter most in one language, the percentage that is among those of "
        "another: by chance (± the standard deviation of sets that are drawn), in two languages (mean, the least and "
        "the most alike pair), and in two halves of the sentences of one. "
        f"{report.sentences} sentences of each of {', '.join(report.languages)}; {_runs(reports)}."
        f" {report.without}".rstrip(),
    )
    columns = (
        "layer",
        "parameters",
        "information",
        "chance",
        "two languages",
        "least alike",
        "most alike",
        "one language",
    )
    return ReportTable(title, columns, tuple(rows), footer, prose=(0, 5, 6))


def movement_table(reports: Sequence[FisherReport], title: str) -> ReportTable:
    """A row for each layer of each fine-tuned tagger: how far it moved, and whether by what was important.

    Args:
        reports: Of the same languages and layers, one a seed.
        title: Stands above.
    """
    rows: list[tuple[str, ...]] = []
    for language, layer in dict.fromkeys((one.language, one.layer) for one in reports[0].movements):
        found = [
            one for some in reports for one in some.movements if (one.language, one.layer) == (language, layer)
        ]  # fmt: skip
        others = [value for one in found for code, value in one.before.items() if code != language]
        rows.append(
            (
                language,
                layer,
                f"{fmean(one.distance for one in found):.2g}",
                _mean(one.before[language] for one in found),
                _mean(others),
                _mean(one.after for one in found),
                _mean(one.stays for one in found),
                _percent(one.kept.overlap for one in found),
            )
        )
    footer = (
        "moved: how far a parameter went on average. before, others, after: Spearman's correlation of that with how "
        "important it was in this language before, in the other ones before, and in this language afterwards. stays: "
        "that of its importance before and afterwards; kept: the percentage of the most important ones that still are, "
        f"by two halves of the sentences. {_runs(reports).capitalize()}."
        f" {reports[0].without}".rstrip(),
    )
    columns = ("fine-tuned on", "layer", "moved", "before", "others", "after", "stays", "kept")
    return ReportTable(title, columns, tuple(rows), footer, prose=(0, 1))


def _percent(shares: Iterable[float]) -> str:
    found = list(shares)
    return f"{100 * fmean(found):.1f}" if found else ""


def _mean(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{fmean(known):.2f}" if known else ""


def _extreme(means: Mapping[str, float], chosen: Callable[[Iterable[tuple[float, str]]], tuple[float, str]]) -> str:
    if not means:
        return ""
    value, pair = chosen((value, pair) for pair, value in means.items())
    return f"{100 * value:.1f} ({pair})"


def _runs(reports: Sequence[FisherReport]) -> str:
    return "one seed" if len(reports) == 1 else f"means over {len(reports)} seeds"
