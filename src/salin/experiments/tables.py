"""Tables made of result files alone: scores, tests of significance, and figures on source data."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from salin.evaluation.comparison import ComparisonRow, Versus
from salin.evaluation.report import ReportTable
from salin.experiments.cell import CellResult
from salin.experiments.standings import Row, Runs, Standings

# More tests than this do not fit side by side on a page or a terminal.
_MOST_COLUMNS = 4


def recipe_table(path: str | Path, results: str | Path = "results", encoder: str | None = None) -> ReportTable:
    """The scores of a recipe as far as its cells are finished; those on source dev where it tests nothing.

    Args:
        path: The recipe.
        results: Where result files are.
        encoder: What stood in for the recipe's encoder, if anything.

    Raises:
        DataError: When no cell is finished.
    """
    standings = Standings.read(path, results, encoder)
    return score_table(standings) if standings.runs else dev_table(standings)


def score_table(standings: Standings) -> ReportTable:
    """Mean F1 of each row on each test, with its interval, and what adaptation costs."""

    def figure(test: str, row: Row) -> str:
        compared = standings.compared[test].get(row.name)
        return "" if compared is None else f"{100 * compared.f1:.1f} {_bounds(compared)}"

    footer = (
        "F1 in percent, strict entities, mean over seeds [95 % bootstrap interval over sentences and seeds]. cost: "
        "seconds of tagging, retrieval included, over those of the same tagger without adaptation. "
        f"Encoder: {standings.encoder}. {standings.progress}",
    )
    tests = list(standings.runs)
    if len(tests) > _MOST_COLUMNS:
        long = tuple(
            (test, row.name, _seeds(runs, row), figure(test, row), _cost(row, runs))
            for test, row, runs in _by_test(standings)
        )
        columns = ("test", "system", "seeds", "F1 [interval]", "cost")
        return ReportTable(standings.recipe.title, columns, long, footer, prose=(0, 1))
    body = tuple(
        (row.name, _seeds(standings.runs, row), *(figure(test, row) for test in tests), _cost(row, standings.runs))
        for row in standings.rows
        if any(row.name in by_row for by_row in standings.runs.values())
    )
    return ReportTable(standings.recipe.title, ("system", "seeds", *tests, "cost"), body, footer)


def significance_table(standings: Standings) -> ReportTable:
    """Each row beside its baseline, and each adapted one beside the same tagger without adaptation."""
    footer = (
        "Difference of mean F1 in points [95 % bootstrap interval over sentences and seeds] and p: the larger of a "
        "paired randomisation over sentences and a test over runs, which is a permutation of them, or a paired t-test "
        "where both rows use the same trained taggers; * marks one over sentences alone, which speaks of these trained "
        f"models and not of other seeds. Not corrected for the number of rows. {standings.progress}",
    )
    tests = list(standings.runs)
    pairs = [(row, against, found) for row in standings.rows for against, found in _comparisons(standings, row)]
    title = f"{standings.recipe.title}: tests"
    if len(tests) > _MOST_COLUMNS:
        long = tuple(
            (test, row.name, against, difference(found(test)))
            for test in tests
            for row, against, found in pairs
            if difference(found(test))
        )
        return ReportTable(title, ("test", "system", "against", "difference"), long, footer, prose=(0, 1, 2))
    body = tuple((row.name, against, *(difference(found(test)) for test in tests)) for row, against, found in pairs)
    return ReportTable(
        title, ("system", "against", *tests), tuple(cells for cells in body if any(cells[2:])), footer, prose=(0, 1)
    )


def dev_table(standings: Standings) -> ReportTable:
    """The figures by which settings may be chosen: F1 on source dev and on its pseudo-foreign copies."""
    copies = list(dict.fromkeys(name for cell in standings.finished for by in cell.dev.values() for name in by))
    body: list[tuple[str, ...]] = []
    for row in standings.rows:
        found = [cell.dev[row.name] for cell in standings.finished if row.name in cell.dev]
        if not found:  # a row that reads no dev, such as rules or a translator
            continue
        means = [100 * statistics.mean(figures[copy] for figures in found) for copy in copies]
        body.append((row.name, str(len(found)), *(f"{mean:.1f}" for mean in means)))
    footer = (
        "F1 in percent on the first 1,000 sentences of source dev, as they are and with most words replaced by "
        "dictionary translations; mean over seeds. No target label and no test file is read. "
        f"Encoder: {standings.encoder}. {standings.progress}",
    )
    return ReportTable(f"{standings.recipe.title}: source dev", ("system", "seeds", *copies), tuple(body), footer)


def training_table(standings: Standings) -> ReportTable:
    """What training each kind of tagger cost: time, memory, and how far the chosen checkpoint is."""
    cells = {cell.name: cell for cell in standings.experiment.cells}
    found: dict[tuple[str, str], list[CellResult]] = {}
    for result in standings.finished:
        cell = cells[result.cell]
        if result.training:
            found.setdefault((cell.system, cell.label_set), []).append(result)
    body = tuple(
        (
            system,
            label_set,
            str(len(results)),
            f"{statistics.median(result.selection['step'] for result in results):,.0f}",
            _percent(statistics.fmean(result.selection["f1"] for result in results)),
            _highest(results),
            f"{statistics.median(result.training['seconds'] for result in results) / 60:.1f}",
            f"{max(result.training['peak_megabytes'] for result in results):,.0f}",
        )
        for (system, label_set), results in found.items()
    )
    footer = (
        "update: the median update whose weights were kept. F1 on dev: theirs in percent, and the highest of all "
        "evaluations of a run, which shows what it cost that the loss chose and ended the run; means over seeds. "
        "minutes: median, evaluations included, without what the tagger began with. MiB: the most memory that was "
        f"resident in any run. {standings.progress}",
    )
    columns = ("system", "label set", "seeds", "update", "F1 on dev", "highest", "minutes", "MiB")
    return ReportTable(f"{standings.recipe.title}: training", columns, body, footer, prose=(0, 1))


def _highest(results: Sequence[CellResult]) -> str:
    """Where each of them has a curve: the mean of the highest F1 in it."""
    if not all(result.curve for result in results):
        return ""
    return _percent(statistics.fmean(max(point["f1"] for point in result.curve) for result in results))


def _percent(f1: float) -> str:
    return f"{100 * f1:.1f}"


def _comparisons(standings: Standings, row: Row) -> Iterator[tuple[str, Callable[[str], ComparisonRow | None]]]:
    """What a row is tested against, and how it stands there on a test."""
    if row.baseline is not None and row.baseline != row.plain:
        yield row.baseline, lambda test: standings.compared[test].get(row.name)
    if row.plain is not None:
        yield row.plain, lambda test: standings.gains[test].get(row.name)


def _by_test(standings: Standings) -> Iterator[tuple[str, Row, Mapping[str, Runs]]]:
    """A line for each row on each test, where tests as columns would not fit a page."""
    for test, by_row in standings.runs.items():
        yield from ((test, row, {test: by_row}) for row in standings.rows if row.name in by_row)


def _seeds(runs: Mapping[str, Runs], row: Row) -> str:
    return str(max(len(by_row.get(row.name, ())) for by_row in runs.values()))


def _cost(row: Row, runs: Mapping[str, Runs]) -> str:
    ratio = cost(row, runs)
    return "" if ratio is None else f"{ratio:.1f}"


def cost(row: Row, runs: Mapping[str, Runs]) -> float | None:
    """The median ratio of an adapted row's seconds to those of its plain row in the same cell; None where none is.

    Args:
        row: The row.
        runs: The results of all rows, for each test that is to count.
    """
    ratios: list[float] = []
    for by_row in runs.values():
        plain = {tuple(result.seeds): result.seconds for result in by_row.get(row.plain or "", ())}
        for own in by_row.get(row.name, ()):
            if own.seconds and (base := plain.get(tuple(own.seeds))):
                ratios.append(own.seconds / base)
    return statistics.median(ratios) if ratios else None


def difference(row: ComparisonRow | None) -> str:
    """How a row stands against what it was tested against; empty for one that was not."""
    if row is None or row.versus is None:
        return ""
    between = f"[{100 * row.versus.interval.low:+.1f}, {100 * row.versus.interval.high:+.1f}]"
    return f"{100 * row.versus.difference:+.1f} {between} p {_p(row.versus)}"


def _bounds(row: ComparisonRow) -> str:
    return f"[{100 * row.interval.low:.1f}, {100 * row.interval.high:.1f}]"


def _p(versus: Versus) -> str:
    text = "< 0.001" if versus.p < 0.001 else f"{versus.p:.3f}"
    return text + "*" * (versus.scope == "these models")
