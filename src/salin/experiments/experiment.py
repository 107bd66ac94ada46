"""A recipe with the places of its files: what is finished, what is stale, and what a cell begins with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from salin.errors import DataError, SettingError
from salin.experiments.cell import Cell, CellResult, cells
from salin.experiments.inputs import encoder_checksum, file_checksum
from salin.experiments.pretrained import PretrainedEncoder
from salin.experiments.recipe import Recipe
from salin.experiments.system import System, TrainedBy
from salin.settings import compared

# What the names of encoders among a cell's inputs begin with.
_ENCODER = "encoder "


@dataclass(frozen=True)
class Experiment:
    """A recipe, and where its results and runs are.

    Attributes:
        path: The recipe's file.
        results: Where result files go: `RESULTS/RECIPE/CELL.json`.
        runs: Where logs, checkpoints and trained taggers go.
        encoder: Stands in for the recipe's encoder; the results then go to a folder named for it.
    """

    path: Path
    results: Path = Path("results")
    runs: Path = Path("runs")
    encoder: str | None = None

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe."""
        return Recipe.read(self.path, self.encoder)

    @property
    def name(self) -> str:
        """`RECIPE` or `RECIPE@ENCODER`, as its folders are called."""
        return self.path.stem + ("" if self.encoder is None else "@" + self.encoder.replace("/", "--"))

    @property
    def cells(self) -> list[Cell]:
        """All cells."""
        return cells(self.recipe)

    def system(self, cell: Cell) -> System:
        """The system of a cell."""
        return self.recipe.systems[cell.system]

    def encoder_of(self, cell: Cell) -> str:
        """The name of the encoder that a cell is trained on."""
        own = self.pretrained(cell)
        return own.name if own else self.system(cell).encoder or self.recipe.encoder

    def pretrained(self, cell: Cell) -> PretrainedEncoder | None:
        """The encoder of a cell, where a pretraining recipe makes it."""
        how = self.system(cell).pretrained_by
        return None if how is None or cell.seed is None else PretrainedEncoder(how, cell.seed, self.runs)

    def result_file(self, cell: Cell) -> Path:
        """Where a cell's result goes."""
        return self.results / self.name / f"{cell.name}.json"

    def run_folder(self, cell: Cell) -> Path:
        """A cell's folder for checkpoints: another one for other settings, corpora, dictionaries or weights.

        It follows what training reads alone, so that another test or another adaptation trains nothing anew.
        """
        made_of = [self._training_fingerprint(cell), self._trained_on(cell)]
        return self.runs / self.name / f"{cell.name}.{_checksum(made_of)}"

    def base(self, cell: Cell) -> tuple[Experiment, Cell] | None:
        """The cell whose tagger a cell begins with, and the experiment that it belongs to.

        Raises:
            SettingError: When there is no such system.
        """
        how: TrainedBy | None = self.system(cell).trained_by
        if how is None:
            return None
        experiment = self if how.recipe is None else replace(self, path=how.recipe)
        recipe = experiment.recipe
        label_set = how.label_set or cell.label_set
        if how.system not in recipe.systems or label_set not in recipe.label_sets:
            raise SettingError(f"{experiment.path}: has no system {how.system!r} with label set {label_set!r}")
        return experiment, Cell(how.system, label_set, cell.seed)

    def finished(self, cell: Cell) -> CellResult | None:
        """The cell's result, where there is one of the same settings and of the same inputs."""
        file = self.result_file(cell)
        if not file.exists():
            return None
        result = CellResult.load(file)
        return result if self._up_to_date(result, cell) else None

    def state(self, cell: Cell) -> Literal["finished", "stale", "missing"]:
        """Whether a cell is finished: a stale one has a result, but of other settings or inputs."""
        if self.finished(cell) is not None:
            return "finished"
        return "stale" if self.result_file(cell).exists() else "missing"

    def chosen(self, only: Collection[str] = ()) -> list[Cell]:
        """The cells whose names begin as one of those given; none given means all.

        Raises:
            SettingError: When no cell has such a name.
        """
        chosen = [cell for cell in self.cells if not only or cell.name.startswith(tuple(only))]
        if not chosen:
            known = ", ".join(cell.name for cell in self.cells)
            raise SettingError(f"{self.path}: no cell is called {' or '.join(only)}. There are: {known}")
        return chosen

    def check_files(self, chosen: Iterable[Cell]) -> None:
        """Refuses cells that are not finished, and could not be, since a file that they read is not there.

        Raises:
            DataError: With the recipe, the cell and the file.
        """
        for cell in chosen:
            if self.finished(cell) is None:
                inputs = self.inputs(cell).items()
                # An encoder may still be fetched or made.
                missing = [name for name, found in inputs if found is None and not name.startswith(_ENCODER)]
                if missing:
                    reason = f"{cell.name} needs {missing[0]}, and there is no such file"
                    raise DataError(reason, path=self.path, remedy="Paths are taken from the recipe's folder")

    def _up_to_date(self, result: CellResult, cell: Cell) -> bool:
        if result.fingerprint != self.fingerprint(cell):
            return False
        # What is not on this machine cannot be compared, and tables are made where corpora are not.
        now = self.inputs(cell)
        return all(now.get(name, checksum) in (checksum, None) for name, checksum in result.inputs.items())

    def fingerprint(self, cell: Cell) -> str:
        """A checksum of all settings that a cell depends on; those of the tagger that it begins with are among them."""
        system, labels = self.system(cell), self.recipe.label_sets[cell.label_set]
        parts = {
            "training": self._training_fingerprint(cell),
            "adapt": {
                name: _without(("baseline",), how) | {"rate": how.resolved_rule.rate}
                for name, how in system.adapt.items()
            },
            "tests": labels.tests,
            "switched_dev": self.recipe.switched_dev,
            **({"unannotated": labels.unannotated} if labels.unannotated else {}),
            **({"translate": compared(system.translate)} if system.translate else {}),
        }
        return _checksum(self.as_written(parts))

    def _training_fingerprint(self, cell: Cell) -> str:
        """A checksum of the settings that the cell's tagger depends on."""
        system, base = self.system(cell), self.base(cell)
        settings = None
        if system.rules is None and not system.untrained:
            settings = self.recipe.settings_of(system, cell.seed or 0)
        parts = {
            "encoder": self.encoder_of(cell),
            "settings": compared(settings),
            "tagger": compared(self.recipe.shape_of(system)),
            "method": system.method,
            "rules": system.rules,
            "finetune": compared(system.finetune),
            "label_set": _without(("tests", "unannotated"), self.recipe.label_sets[cell.label_set]),
            "base": base[0]._training_fingerprint(base[1]) if base else None,
            **({"silver": compared(system.silver)} if system.silver else {}),
        }
        return _checksum(self.as_written(parts))

    def inputs(self, cell: Cell) -> dict[str, str | None]:
        """Checksums of the files and the encoder that a cell reads, by name; None where one is not on this machine."""
        labels, system = self.recipe.label_sets[cell.label_set], self.system(cell)
        tested_on = (labels.tests, system.adapt, self.recipe.switched_dev)
        found = {**self._trained_on(cell), **self._checksums(tested_on)}
        if own := self.pretrained(cell):
            found[self._encoder_input(cell)] = encoder_checksum(str(own.folder))
        return found

    def _trained_on(self, cell: Cell) -> dict[str, str | None]:
        """Those of its inputs that its tagger depends on."""
        labels, system = self.recipe.label_sets[cell.label_set], self.system(cell)
        found = self._checksums((labels.source, labels.dev))
        if system.rules is not None:
            return found
        settings = self.recipe.settings_of(system, cell.seed or 0)
        found |= self._checksums((settings, system.finetune, system.silver))
        if system.silver is not None:
            found |= self._checksums(labels.tests)  # of whose sentences none is trained on
        if self.pretrained(cell) is None:
            # One that is pretrained here says by its name what it is made of, also before it is there.
            found[self._encoder_input(cell)] = encoder_checksum(self.encoder_of(cell))
        base = self.base(cell)
        return found | base[0]._trained_on(base[1]) if base else found

    def with_encoder(self, cell: Cell) -> dict[str, str | None]:
        """The inputs of a cell whose encoder has been loaded: a Hugging Face id is on this machine then."""
        found = self.inputs(cell)
        if self.system(cell).rules is None and self.pretrained(cell) is None:
            found[self._encoder_input(cell)] = encoder_checksum(self.encoder_of(cell), fetch=True)
        return found

    def _encoder_input(self, cell: Cell) -> str:
        return f"{_ENCODER}{self.as_written(self.encoder_of(cell))}"

    def _checksums(self, settings: Any) -> dict[str, str | None]:
        return {self.as_written(path): file_checksum(path) for path in _paths(settings)}

    def as_written(self, value: Any) -> Any:
        """Settings with paths as they lie from the recipe, so that results are the same on every machine."""
        if isinstance(value, dict):
            return {key: self.as_written(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.as_written(item) for item in value]
        if isinstance(value, Path | str):
            return str(value).replace(f"{self.path.resolve().parent}/", "")
        return value


def _checksum(settings: Any) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _without(names: Collection[str], settings: BaseModel) -> dict[str, Any]:
    return {key: value for key, value in compared(settings).items() if key not in names}


def _paths(value: Any) -> Iterator[Path]:
    """Every path in a structure of settings."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, BaseModel):
        yield from _paths(value.model_dump())
    elif isinstance(value, dict):
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)
