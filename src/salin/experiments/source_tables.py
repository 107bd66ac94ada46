"""How often a ranking of sources was right, as tables and as what a document shows."""

from __future__ import annotations

from salin.analysis.source_choice import TOGETHER
from salin.evaluation import ReportTable
from salin.experiments.source_ranking import RankingResult, SourceRanking
from salin.experiments.standings import Standings


def source_block(standings: Standings) -> str:
    """What a document shows of the usual ranking, in Markdown: its tables, or what is to be done for them.

    Args:
        standings: Of a recipe whose systems are taggers of one language each.
    """
    ranking = SourceRanking(standings)
    recipe = f"recipes/{standings.experiment.path.name}"
    if not ranking.transfer.f1:
        return f"No target of it has two sources yet: `salin run {recipe}` runs more. {standings.progress}\n"
    result = ranking.finished()
    if result is None:
        there = ranking.result_file.exists()
        state = "What was measured is of other cells, corpora or weights than there are" if there else "Not measured"
        return f"{state} {'now' if there else 'yet'}: `salin analyse sources {recipe}` does it.\n"
    return "\n".join(table.markdown() for table in ranking_tables(standings, result))


def ranking_tables(standings: Standings, result: RankingResult) -> tuple[ReportTable, ReportTable]:
    """The sources of each target, and how often each way to choose one was right.

    Args:
        standings: The recipe.
        result: Of it.
    """
    return _targets(result), _choosers(standings, result)


def _targets(result: RankingResult) -> ReportTable:
    rows: list[tuple[str, ...]] = []
    for truth in result.targets:
        first, best = truth.ranked[0].name, max(truth.f1, key=lambda name: truth.f1[name])
        f1 = (f"{100 * truth.f1[name]:.1f}" for name in (first, best))
        rows.append((truth.name, first, next(f1), best, next(f1), " ".join(one.name for one in truth.ranked)))
    columns = ("target", "first", "its F1", "best", "its F1", "ranking")
    return ReportTable(f"{TOGETHER}: first and best sources", columns, tuple(rows), prose=(0, 1, 3, 5))


def _choosers(standings: Standings, result: RankingResult) -> ReportTable:
    rows = tuple(
        (rate.chooser, f"{rate.best:.0%}", f"{rate.among:.0%}", f"{100 * rate.lost:.1f}",
         "" if rate.correlation is None else f"{rate.correlation:.2f}")
        for rate in result.choosers
    )  # fmt: skip
    footer = (
        "first is best, best of three: shares of targets. lost: F1 in points that the first source reaches less than "
        "the best, on average. correlation: Spearman's, of nearness and F1 over the sources of a target, on average. "
        f"Representations are those of {result.encoder} ({result.vectors}). Sources that are alike stand in the order "
        f"of their sizes. Targets: {len(result.targets)}; with few of them most differences are chance. "
        f"{standings.progress}",
    )
    headings = ("chosen by", "first is best", "best of three", "lost", "correlation")
    return ReportTable("How often a ranking is right", headings, rows, footer)
