"""Whether systems are ordered as a recipe says: a line for each test and each two neighbours in the ordering."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from salin.evaluation import compare
from salin.evaluation.comparison import Versus
from salin.evaluation.report import ReportTable
from salin.experiments.standings import Standings
from salin.experiments.tables import difference

_YES, _NO, _UNCLEAR = "yes", "no", "unclear"


def ordering_table(standings: Standings) -> ReportTable:
    """For each test and each claim that one system is better than another, what their runs say.

    Args:
        standings: Of a recipe that has an `ordering`; the table is empty until two neighbours in it are finished.
    """
    recipe = standings.recipe
    rows: list[tuple[str, ...]] = []
    found: dict[str, Counter[str]] = {}
    for test, runs in standings.runs.items():
        for worse, better in (pair for chain in recipe.ordering for pair in pairwise(chain)):
            if worse not in runs or better not in runs:
                continue
            lower, higher = compare(runs[worse], runs[better]).rows
            assert higher.versus is not None
            claim, verdict = f"{worse} < {better}", _verdict(higher.versus)
            found.setdefault(claim, Counter())[verdict] += 1
            f1s = (f"{100 * row.f1:.1f}" for row in (lower, higher))
            rows.append((test, claim, *f1s, difference(higher), verdict))
    summary = "; ".join(
        f"{claim}: {', '.join(f'{verdict} in {counts[verdict]}' for verdict in (_YES, _NO, _UNCLEAR))} of "
        f"{counts.total()}"
        for claim, counts in found.items()
    )
    footer = (
        f"{summary}.",
        "F1 in percent, mean over seeds, of the two systems; their difference in points [95 % bootstrap interval over "
        "sentences and seeds] and p, the larger of a paired randomisation over sentences and a permutation of runs. "
        "holds: yes or no where the interval leaves out 0, which is less strict than p: with three runs of each, p is "
        f"never below 0.1. {standings.progress}",
    )
    columns = ("test", "claim", "left", "right", "difference", "holds")
    return ReportTable(f"{recipe.title}: does the order hold?", columns, tuple(rows), footer, prose=(0, 1, 4, 5))


def _verdict(versus: Versus) -> str:
    if versus.interval.low > 0:
        return _YES
    return _NO if versus.interval.high < 0 else _UNCLEAR
