"""Tables made of result files alone: one for each recipe, also inside documents between two marks."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from salin.errors import DataError
from salin.evaluation.comparison import ComparisonRow
from salin.evaluation.report import ReportTable
from salin.experiments.standings import Runs, Standings
from salin.files import atomic_write

# More tests than this do not fit side by side on a page or a terminal.
_MOST_COLUMNS = 4
_MARKED = re.compile(r"(<!-- results:(?P<name>[\w.@-]+) -->\n).*?(<!-- /results -->)", re.DOTALL)


def recipe_table(path: str | Path, results: str | Path = "results") -> ReportTable:
    """The table of a recipe as far as its cells are finished.

    Each figure is the mean F1 over seeds in percent with a 95 % bootstrap interval over sentences and seeds, and, where
    the row has the seeds of the baseline, p of a paired randomisation test against it.

    Args:
        path: The recipe.
        results: Where result files are.

    Raises:
        DataError: When no cell is finished.
    """
    return standings_table(Standings.read(path, results))


def standings_table(standings: Standings) -> ReportTable:
    """The table of a recipe whose finished cells have been read already; see `recipe_table`."""
    recipe, runs, compared = standings.recipe, standings.runs, standings.compared
    footer = (
        "F1 in percent, strict entities, mean over seeds [95 % bootstrap interval over sentences and seeds]; p: paired "
        f"randomisation against {recipe.baseline}, not corrected for the number of rows; cost: seconds of tagging, "
        "retrieval included, over those of the same tagger without adaptation. "
        f"Encoder: {recipe.encoder}. {standings.finished} of {standings.cells} cells finished.",
    )
    if len(runs) > _MOST_COLUMNS:
        return _long(standings, footer)
    body = tuple(
        (row, str(max(len(by_row.get(row, ())) for by_row in runs.values())),
         *(_figure(compared[test].get(row)) for test in runs), _cost(row, runs))
        for row in standings.rows
    )  # fmt: skip
    return ReportTable(recipe.title, ("system", "seeds", *runs, "cost"), body, footer)


def _long(standings: Standings, footer: tuple[str, ...]) -> ReportTable:
    """A line for each system on each test, where tests as columns would not fit a page."""
    body: list[tuple[str, ...]] = []
    for test, by_row in standings.runs.items():
        for row, results in by_row.items():
            figure, _, p = _figure(standings.compared[test][row]).partition(" p ")
            body.append((test, row, str(len(results)), figure, p, _cost(row, {test: by_row})))
    columns = ("test", "system", "seeds", "F1 [interval]", "p", "cost")
    return ReportTable(standings.recipe.title, columns, tuple(body), footer, prose=(0, 1))


def write_tables(
    documents: Sequence[str | Path], recipes: str | Path = "recipes", results: str | Path = "results"
) -> int:
    """Fills in each `<!-- results:NAME --> ... <!-- /results -->` of some documents with the table of a recipe.

    Args:
        documents: Markdown files.
        recipes: Where `NAME.toml` is.
        results: Where result files are.

    Returns:
        How many tables were written.

    Raises:
        DataError: When a document names a recipe that does not exist or has no results.
    """
    count = 0
    for document in map(Path, documents):
        text = document.read_text(encoding="utf-8")

        def filled(match: re.Match[str], document: Path = document) -> str:
            recipe = Path(recipes) / f"{match['name']}.toml"
            if not recipe.exists():
                raise DataError(f"it names results of {match['name']!r}, for which there is no recipe", path=document)
            return f"{match[1]}\n{recipe_table(recipe, results).markdown()}\n{match[3]}"

        new, found = _MARKED.subn(filled, text)
        count += found
        if new != text:
            with atomic_write(document) as file:
                file.write(new)
    return count


def _cost(row: str, runs: Mapping[str, Runs]) -> str:
    """The median ratio of an adapted row's seconds to those of its plain row in the same cell."""
    plain, _, adapted = row.rpartition("+")
    if not adapted or not any(plain in by_row for by_row in runs.values()):
        return ""
    ratios = []
    for by_row in runs.values():
        for own, base in zip(by_row.get(row, ()), by_row.get(plain, ()), strict=False):
            if own.seconds and base.seconds:
                ratios.append(own.seconds / base.seconds)
    return f"{statistics.median(ratios):.1f}" if ratios else ""


def _figure(row: ComparisonRow | None) -> str:
    if row is None:
        return ""
    text = f"{100 * row.f1:.1f} [{100 * row.interval.low:.1f}, {100 * row.interval.high:.1f}]"
    return (
        text if row.versus is None else f"{text} p {row.versus.p:.3f}" if row.versus.p >= 0.001 else f"{text} p < 0.001"
    )
