"""How the systems of a recipe stand as far as its cells are finished: what its table and its figure are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from salin.errors import DataError
from salin.evaluation import compare
from salin.evaluation.comparison import ComparisonRow
from salin.evaluation.result import Result
from salin.experiments.cell import CellResult, cells
from salin.experiments.recipe import Recipe

Runs = Mapping[str, Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Standings:
    """The finished cells of a recipe, row by row.

    Attributes:
        recipe: The recipe.
        finished: How many cells are finished.
        cells: How many there are.
        runs: For each test of the recipe, the results of each row, one a seed. A row (`SYSTEM`, `SYSTEM+ADAPTATION`,
            `SYSTEM 5%`) is missing where none of its cells is finished.
        compared: The same rows with mean and interval, and with a test against the baseline where they have its seeds.
    """

    recipe: Recipe
    finished: int
    cells: int
    runs: Mapping[str, Runs]
    compared: Mapping[str, Mapping[str, ComparisonRow]]

    @classmethod
    def read(cls, path: str | Path, results: str | Path = "results") -> Standings:
        """Reads what is finished.

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
        tests = dict.fromkeys(test for labels in recipe.label_sets.values() for test in labels.tests)
        runs = {test: _by_row(cell.results.get(test, {}) for cell in finished) for test in tests}
        compared = {test: _compared(by_row, recipe.baseline) for test, by_row in runs.items()}
        return cls(recipe, len(finished), len(files), runs, compared)

    @property
    def rows(self) -> list[str]:
        """Every row of any test, in the order of the cells."""
        return list(dict.fromkeys(row for by_row in self.runs.values() for row in by_row))

    def baseline(self, test: str, row: str) -> ComparisonRow | None:
        """What a row stands against on a test; None where that is not finished."""
        return self.compared[test].get(_base_row(row, self.runs[test], self.recipe.baseline))


def _by_row(parts: Iterable[Mapping[str, Result]]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for part in parts:
        for row, result in part.items():
            found.setdefault(row, []).append(result)
    return found


def _base_row(row: str, runs: Runs, baseline: str) -> str:
    """The row that a row stands against: for a fine-tuned one (`meta 5%`) that with the same share (`direct 5%`)."""
    same_share = f"{baseline} {row.partition(' ')[2]}"
    return same_share if same_share in runs else baseline


def _compared(runs: Runs, baseline: str) -> dict[str, ComparisonRow]:
    """Each row with its interval, and tested against the baseline over the seeds that both have."""
    rows: dict[str, ComparisonRow] = {}
    for row, results in runs.items():
        base_row = _base_row(row, runs, baseline)
        base = runs.get(base_row, ())
        whole = compare(results).rows[0]
        seeds = {seed for result in results for seed in result.seeds}
        same = [result for result in base if not seeds or set(result.seeds) <= seeds]
        own = [result for result in results if not result.seeds or any(set(result.seeds) <= set(b.seeds) for b in same)]
        if row != base_row and same and (len(own) == len(same) or len(own) == 1):
            whole = whole.model_copy(update={"versus": compare(same, own).rows[1].versus})
        rows[row] = whole
    return rows
