"""Tables made of result files alone: one for each recipe, also inside documents between two marks."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from salin.errors import DataError
from salin.evaluation import compare
from salin.evaluation.comparison import ComparisonRow
from salin.evaluation.report import ReportTable
from salin.evaluation.result import Result
from salin.experiments.cell import CellResult, cells
from salin.experiments.recipe import Recipe
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
    path = Path(path)
    recipe = Recipe.read(path)
    folder = Path(results) / path.stem
    files = [folder / f"{cell.name}.json" for cell in cells(recipe)]
    finished = [CellResult.load(file) for file in files if file.exists()]
    if not finished:
        raise DataError("no finished cell here", path=folder, remedy=f"Run `salin run {path}` first")
    tests = list(dict.fromkeys(test for labels in recipe.label_sets.values() for test in labels.tests))
    runs = {test: _by_row(cell.results.get(test, {}) for cell in finished) for test in tests}
    rows = list(dict.fromkeys(row for by_row in runs.values() for row in by_row))
    compared = {test: _compared(by_row, recipe.baseline) for test, by_row in runs.items()}
    footer = (
        "F1 in percent, strict entities, mean over seeds [95 % bootstrap interval over sentences and seeds]; p: paired "
        f"randomisation against {recipe.baseline}, not corrected for the number of rows; cost: seconds of tagging, "
        "retrieval included, over those of the same tagger without adaptation. "
        f"Encoder: {recipe.encoder}. {len(finished)} of {len(files)} cells finished.",
    )
    if len(tests) > _MOST_COLUMNS:
        return _long(recipe.title, runs, compared, footer)
    body = tuple(
        (row, str(max((len(runs[test].get(row, ())) for test in tests), default=0)),
         *(_figure(compared[test].get(row)) for test in tests), _cost(row, runs))
        for row in rows
    )  # fmt: skip
    return ReportTable(recipe.title, ("system", "seeds", *tests, "cost"), body, footer)


def _long(
    title: str, runs: Mapping[str, Mapping[str, Sequence[Result]]], compared: Mapping[str, Mapping[str, ComparisonRow]],
    footer: tuple[str, ...],
) -> ReportTable:  # fmt: skip
    """A line for each system on each test, where tests as columns would not fit a page."""
    body: list[tuple[str, ...]] = []
    for test, by_row in runs.items():
        for row, results in by_row.items():
            figure, _, p = _figure(compared[test][row]).partition(" p ")
            body.append((test, row, str(len(results)), figure, p, _cost(row, {test: by_row})))
    columns = ("test", "system", "seeds", "F1 [interval]", "p", "cost")
    return ReportTable(title, columns, tuple(body), footer, prose=(0, 1))


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


def _by_row(parts: Iterable[Mapping[str, Result]]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for part in parts:
        for row, result in part.items():
            found.setdefault(row, []).append(result)
    return found


def _compared(runs: Mapping[str, Sequence[Result]], baseline: str) -> dict[str, ComparisonRow]:
    """Each row with its interval, and tested against the baseline over the seeds that both have."""
    rows: dict[str, ComparisonRow] = {}
    for row, results in runs.items():
        # A fine-tuned row (`meta 5%`) stands against the baseline with the same share (`direct 5%`).
        same_share = f"{baseline} {row.partition(' ')[2]}"
        base_row = same_share if same_share in runs else baseline
        base = runs.get(base_row, ())
        whole = compare(results).rows[0]
        seeds = {seed for result in results for seed in result.seeds}
        same = [result for result in base if not seeds or set(result.seeds) <= seeds]
        own = [result for result in results if not result.seeds or any(set(result.seeds) <= set(b.seeds) for b in same)]
        if row != base_row and same and (len(own) == len(same) or len(own) == 1):
            whole = whole.model_copy(update={"versus": compare(same, own).rows[1].versus})
        rows[row] = whole
    return rows


def _cost(row: str, runs: Mapping[str, Mapping[str, Sequence[Result]]]) -> str:
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
