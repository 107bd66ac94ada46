"""How the systems of a recipe stand as far as its cells are finished: what its table and its figure are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from salin.errors import DataError
from salin.evaluation import compare
from salin.evaluation.comparison import ComparisonRow
from salin.evaluation.result import Result
from salin.experiments.cell import CellResult
from salin.experiments.experiment import Experiment
from salin.experiments.recipe import Recipe

Runs = Mapping[str, Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        name: `SYSTEM`, `SYSTEM+ADAPTATION` or `SYSTEM 5%`.
        tagger: What two rows have in common that use the same trained taggers, seed by seed.
        baseline: The row that it is tested against; None for the baseline itself.
        plain: For an adapted row, that of the same tagger without adaptation.
    """

    name: str
    tagger: str
    baseline: str | None
    plain: str | None = None


@dataclass(frozen=True, slots=True)
class Standings:
    """The finished cells of a recipe, row by row.

    Attributes:
        experiment: The recipe and its places.
        finished: The finished cells.
        stale: How many other cells have a result that was made with other settings or inputs; it is left out.
        rows: The rows of which any cell is finished, in the order of the recipe.
        runs: For each test of the recipe, the results of each row, one a seed, in the order of seeds.
        compared: The same rows with mean and interval, and with a test against their baseline.
        gains: For each test, what adaptation changes: the adapted rows against those of the same tagger without it.
    """

    experiment: Experiment
    finished: tuple[CellResult, ...]
    stale: int
    rows: tuple[Row, ...]
    runs: Mapping[str, Runs]
    compared: Mapping[str, Mapping[str, ComparisonRow]]
    gains: Mapping[str, Mapping[str, ComparisonRow]]

    @classmethod
    def read(cls, path: str | Path, results: str | Path = "results", encoder: str | None = None) -> Standings:
        """Reads what is finished.

        Args:
            path: The recipe.
            results: Where result files are.
            encoder: What stood in for the recipe's encoder, if anything.

        Raises:
            DataError: When no cell is finished.
        """
        experiment = Experiment(Path(path), Path(results), encoder=encoder)
        there = [cell for cell in experiment.cells if experiment.result_file(cell).exists()]
        found = [result for result in map(experiment.finished, there) if result is not None]
        stale = len(there) - len(found)
        if not found:
            folder = Path(results) / experiment.name
            reason = "no finished cell here" + f", but {stale} of other settings or inputs" * bool(stale)
            raise DataError(reason, path=folder, remedy=f"Run `salin run {path}` first")
        recipe = experiment.recipe
        tests = dict.fromkeys(test for labels in recipe.label_sets.values() for test in labels.tests)
        runs = {test: _by_row(cell.results.get(test, {}) for cell in found) for test in tests}
        named = {row for by_row in runs.values() for row in by_row} | {row for cell in found for row in cell.dev}
        rows = tuple(row for row in _rows(recipe) if row.name in named)
        taggers = {row.name: row.tagger for row in rows}

        def versus(by_row: Runs, row: Row, baseline: str | None) -> ComparisonRow:
            if baseline is None or baseline not in by_row:
                return compare(by_row[row.name]).rows[0]
            paired = taggers[baseline] == row.tagger
            return compare(by_row[baseline], by_row[row.name], paired=paired).rows[1]

        compared: dict[str, dict[str, ComparisonRow]] = {}
        gains: dict[str, dict[str, ComparisonRow]] = {}
        for test, by_row in runs.items():
            compared[test] = {row.name: versus(by_row, row, row.baseline) for row in rows if row.name in by_row}
            adapted = [row for row in rows if row.plain in by_row and row.name in by_row]
            gains[test] = {row.name: versus(by_row, row, row.plain) for row in adapted}
        return cls(experiment, tuple(found), stale, rows, runs, compared, gains)

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.experiment.recipe

    def baseline(self, test: str, row: str) -> ComparisonRow | None:
        """What a row stands against on a test, itself for a baseline; None where that is not finished."""
        name = next(known.baseline for known in self.rows if known.name == row)
        return self.compared[test].get(name or row)

    @property
    def encoder(self) -> str:
        """The name of the recipe's encoder, a folder as it lies from the recipe."""
        return self.experiment.as_written(self.recipe.encoder)

    @property
    def progress(self) -> str:
        """How many cells are finished, for people."""
        text = f"{len(self.finished)} of {len(self.experiment.cells)} cells finished"
        return text + (f", {self.stale} more of other settings or inputs left out." if self.stale else ".")


def _rows(recipe: Recipe) -> Iterator[Row]:
    """Every row that a recipe can have."""
    for name, system in recipe.systems.items():
        against = system.baseline or recipe.baseline
        if system.finetune is not None:
            for share in system.finetune.fractions:
                row = f"{name} {share:.0%}"
                yield Row(row, row, None if against == name else f"{against} {share:.0%}")
            continue
        tagger = name
        if system.untrained and (base := system.trained_by) is not None:
            tagger = f"{base.system} of {base.recipe or 'this recipe'}, {base.label_set or 'any'}"
            if base.recipe is None and base.label_set is None:
                tagger = base.system
        yield Row(name, tagger, None if against == name else against)
        if system.translate is not None and system.translate.combined:
            yield Row(f"{name}+direct", tagger, against, name)
        for key, how in system.adapt.items():
            yield Row(f"{name}+{key}", tagger, how.baseline or against, name)


def _by_row(parts: Iterable[Mapping[str, Result]]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for part in parts:
        for row, result in part.items():
            found.setdefault(row, []).append(result)
    return {row: sorted(results, key=lambda result: result.seeds) for row, results in found.items()}
