"""A cell: one system, one seed, one label set; trained once, tested on everything, written to one file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from salin.errors import DataError
from salin.evaluation.result import Result
from salin.experiments.recipe import Recipe, System
from salin.files import write_json


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
        return "-".join([self.system, self.label_set, *([] if self.seed is None else [str(self.seed)])])


class CellResult(BaseModel):
    """What a finished cell leaves behind.

    Attributes:
        cell: Its name.
        fingerprint: Of everything in the recipe that the cell depends on.
        encoder: The encoder's name.
        settings: Of the training.
        selection: The figures of the chosen checkpoint on source dev.
        dev: F1 on the first 1,000 sentences of source dev and on its switched copies, by row, in 0..1: what settings
            may be chosen by.
        results: For each test, the result of each row (`SYSTEM`, `SYSTEM+ADAPTATION`).
        seconds: Training and testing.
        peak_megabytes: The process's largest resident size so far.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: str
    fingerprint: str
    encoder: str
    settings: dict
    selection: dict[str, float]
    dev: dict[str, dict[str, float]]
    results: dict[str, dict[str, Result]]
    seconds: dict[str, float]
    peak_megabytes: float

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> CellResult:
        """Reads the file.

        Raises:
            DataError: When it is no cell.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"not a cell of a recipe: {error}", path=path, remedy="Delete it and run again") from error


def cells(recipe: Recipe) -> list[Cell]:
    """All cells, seed by seed, so that a table that is half done has every system in it."""
    found: list[Cell] = []
    most = max([len(recipe.seeds), *(len(s.seeds) for s in recipe.systems.values() if s.seeds)])
    for place in range(most):
        for name, system in recipe.systems.items():
            seeds = (None,) if system.method == "rules" else system.seeds or recipe.seeds
            if place < len(seeds):
                sets = system.label_sets or tuple(recipe.label_sets)
                found.extend(Cell(name, label_set, seeds[place]) for label_set in sets)
    return found


def fingerprint(recipe: Recipe, cell: Cell, folder: Path) -> str:
    """A checksum of what the cell depends on; paths count as they lie from the recipe's folder.

    Args:
        recipe: The recipe.
        cell: One of its cells.
        folder: The recipe's folder.
    """
    system: System = recipe.systems[cell.system]
    parts = {
        "encoder": system.encoder or recipe.encoder,
        "settings": None
        if system.method == "rules"
        else recipe.settings_of(system, cell.seed or 0).model_dump(mode="json"),
        "system": system.model_dump(
            mode="json", exclude={"settings", "seeds", "label_sets", "encoder"}, exclude_none=True
        ),
        "label_set": recipe.label_sets[cell.label_set].model_dump(mode="json"),
        "switched_dev": {k: list(map(str, v)) for k, v in recipe.switched_dev.items()},
    }
    text = json.dumps(parts, sort_keys=True).replace(str(folder.resolve()), ".")
    return hashlib.sha256(text.encode()).hexdigest()[:16]
