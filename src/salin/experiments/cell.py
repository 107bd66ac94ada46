"""A cell: one system, one seed, one label set; trained once, tested on everything, written to one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from salin.errors import DataError
from salin.evaluation.result import Result
from salin.experiments.recipe import Recipe
from salin.experiments.result_file import ResultFile
from salin.values import is_object


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a recipe.

    Attributes:
        system: Name of the system.
        label_set: Name of the label set.
        seed: None for systems without chance.
    """

    system: str
    label_set: str
    seed: int | None

    @property
    def name(self) -> str:
        """`SYSTEM-LABELSET-SEED`, as its files are called."""
        return "-".join([self.system, self.label_set, *map(str, self.seeds)])

    @property
    def seeds(self) -> list[int]:
        """Its seed, as results name it; none for a system without chance."""
        return [] if self.seed is None else [self.seed]


class CellResult(ResultFile):
    """What a finished cell leaves behind.

    Attributes:
        cell: Its name.
        fingerprint: Of all settings that the cell depends on.
        inputs: Checksums of the files and the encoder that it read, by name.
        code: Checksum of salin's own code, for people who wonder why a number moved.
        encoder: The encoder's name.
        settings: Of the training.
        selection: The figures of the chosen checkpoint on source dev.
        curve: The same figures of each evaluation while the tagger was trained, `loss` only where that chose; empty
            where the cell trains none or chooses nothing, where the log of its training is gone, and in results that
            are older.
        dev: F1 on the first 1,000 sentences of source dev and on its switched copies, by row, in 0..1: what settings
            may be chosen by.
        sure: For each row that combines direct transfer with translation (`SYSTEM+direct`), the score from which on
            entities of direct transfer are kept, as it was chosen on source dev; None where none is good enough. Empty
            in results that are older.
        results: For each test, the result of each row (`SYSTEM`, `SYSTEM+ADAPTATION`).
        seconds: Of the process that wrote this: training, which takes none where the tagger was there, and testing.
        peak_megabytes: Its largest resident size since the cell began, or since its training did.
        training: `seconds` and `peak_megabytes` of all processes that trained the tagger; empty where the cell trains
            none, and in results that are older.
    """

    is_none: ClassVar[str] = "not a cell of a recipe"
    remedy: ClassVar[str] = "Delete it and run again"

    cell: str
    fingerprint: str
    inputs: dict[str, str] = Field(default_factory=dict[str, str])
    code: str = ""
    encoder: str
    settings: dict[str, Any]
    selection: dict[str, float]
    curve: tuple[dict[str, float], ...] = ()
    dev: dict[str, dict[str, float]]
    sure: dict[str, float | None] = Field(default_factory=dict[str, float | None])
    results: dict[str, dict[str, Result]]
    seconds: dict[str, float]
    peak_megabytes: float
    training: dict[str, float] = Field(default_factory=dict[str, float])


def load_results(path: Path, test: str | None = None) -> list[Result]:
    """The results in a file: the one of an evaluation, or those of all rows of a cell on one of its tests.

    Args:
        path: What `salin evaluate` or `salin run` wrote.
        test: Which test of a cell; None where it has no other.

    Raises:
        DataError: When it is neither, or a cell has no such test, or several.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [Result.load(path)]  # which says what is wrong
    if not is_object(given) or "cell" not in given:
        return [Result.load(path)]
    results = CellResult.load(path).results
    if test is None and len(results) == 1:
        return list(next(iter(results.values())).values())
    if test not in results:
        which = f"the test {test!r} is not among those of this cell" if test else "this cell has several tests"
        raise DataError(which, path=path, remedy=f"Choose one with --test: {', '.join(results)}")
    return list(results[test].values())


def cells(recipe: Recipe) -> list[Cell]:
    """All cells, seed by seed, so that a table that is half done has every system in it."""
    found: list[Cell] = []
    most = max([len(recipe.seeds), *(len(s.seeds) for s in recipe.systems.values() if s.seeds)])
    for place in range(most):
        for name, system in recipe.systems.items():
            seeds = (None,) if system.method == "rules" else system.seeds or recipe.seeds
            if place < len(seeds):
                found.extend(Cell(name, label_set, seeds[place]) for label_set in recipe.label_sets_of(name))
    return found
