"""A recipe of what is shared with the places of its files: which parts are finished, and of which taggers they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from salin.analysis.fisher_report import FisherReport
from salin.analysis.mask_overlap import MaskOverlap
from salin.analysis.pruning import PrunedScore
from salin.errors import SettingError
from salin.experiments.cell import Cell
from salin.experiments.experiment import Experiment
from salin.experiments.result_file import ResultFile
from salin.experiments.shared_recipe import SharedCell, SharedRecipe, shared_cells, taggers_of


class SharedResult(ResultFile):
    """What a finished part leaves behind.

    Attributes:
        cell: Its name.
        fingerprint: Of all settings that it depends on, those of the taggers among them.
        inputs: Checksums of what the taggers and it have read, by name.
        code: Checksum of salin's own code, for people who wonder why a number moved.
        fisher: Of a part `fisher`.
        masks: Of a part `masks`.
        scores: Of a part `pruned`.
        seconds: What it took.
        peak_megabytes: The largest resident size of its process.
    """

    is_none: ClassVar[str] = "not a part of a recipe"
    remedy: ClassVar[str] = "Delete it and run again"

    cell: str
    fingerprint: str
    inputs: dict[str, str]
    code: str
    fisher: FisherReport | None = None
    masks: tuple[MaskOverlap, ...] = ()
    scores: tuple[PrunedScore, ...] = ()
    seconds: float
    peak_megabytes: float


@dataclass(frozen=True)
class SharedExperiment:
    """A recipe of what is shared, and where its results and the taggers are.

    Attributes:
        path: The recipe's file.
        results: Where result files go: `RESULTS/RECIPE/CELL.json`.
        runs: Where the trained taggers are.
    """

    path: Path
    results: Path = Path("results")
    runs: Path = Path("runs")

    @cached_property
    def recipe(self) -> SharedRecipe:
        """The recipe."""
        return SharedRecipe.read(self.path)

    @cached_property
    def trained(self) -> Experiment:
        """The recipe that trains the taggers.

        Raises:
            SettingError: When it has not the systems and label sets that are named.
        """
        experiment = Experiment(self.recipe.recipe, self.results, self.runs)
        for network in self.recipe.networks.values():
            sets, systems = (*network.fisher, *network.pruned, network.union), (*network.systems,)
            known = experiment.recipe
            missing = [n for n in sets if n not in known.label_sets] + [n for n in systems if n not in known.systems]
            if missing:
                raise SettingError(f"{self.path}: {self.recipe.recipe.name} has nothing called {missing[0]!r}")
        return experiment

    def chosen(self, only: Collection[str] = ()) -> list[SharedCell]:
        """The cells whose names begin as one of those given; none given means all.

        Raises:
            SettingError: When no cell has such a name.
        """
        every = shared_cells(self.recipe)
        chosen = [cell for cell in every if not only or cell.name.startswith(tuple(only))]
        if not chosen:
            known = ", ".join(cell.name for cell in every)
            raise SettingError(f"{self.path}: no cell is called {' or '.join(only)}. There are: {known}")
        return chosen

    def taggers(self, cell: SharedCell) -> list[tuple[str, Cell]]:
        """The taggers that a cell looks into: what each is, and the cell of the other recipe that trains it."""
        network = self.recipe.networks[cell.network]
        if cell.part == "fisher":
            tuned = [("finetuned", Cell(network.finetuned, label_set, cell.seed)) for label_set in network.fisher]
            return [("poly", Cell(network.poly, network.union, cell.seed)), *tuned]
        every = list(taggers_of(network, cell.seed))
        return every if cell.part == "masks" else [one for one in every if (one[0], one[1].label_set) == cell.pruned]

    def result_file(self, cell: SharedCell) -> Path:
        """Where a cell's result goes."""
        return self.results / self.path.stem / f"{cell.name}.json"

    def fingerprint(self, cell: SharedCell) -> str:
        """A checksum of all settings that a cell depends on; those of the taggers that it looks into are among them."""
        recipe, network = self.recipe, self.recipe.networks[cell.network]
        own: dict[str, Any] = {"masks": {"sparsities": recipe.sparsities}, "fisher": {}, "pruned": {}}
        own["fisher"] = {"top": recipe.top, "sentences": recipe.sentences, "languages": network.fisher}
        own["pruned"] = {
            "sparsities": recipe.sparsities,
            "retrained": recipe.retrained,
            "retraining": network.settings(cell.seed).model_dump(mode="json"),
            "tests": network.pruned if cell.kind == "poly" else (),
        }
        taggers = {one.name: self.trained.fingerprint(one) for _, one in self.taggers(cell)}
        text = json.dumps([cell.part, own[cell.part], taggers], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def inputs(self, cell: SharedCell) -> dict[str, str | None]:
        """Checksums of what the taggers and the cell read, by name; None where one is not on this machine."""
        found: dict[str, str | None] = {}
        for _, one in self.taggers(cell):
            found |= self.trained.inputs(one)
        return found

    def finished(self, cell: SharedCell) -> SharedResult | None:
        """The cell's result, where there is one of the same settings and of the same inputs."""
        file = self.result_file(cell)
        if not file.exists():
            return None
        result, now = SharedResult.load(file), self.inputs(cell)
        same = result.fingerprint == self.fingerprint(cell)
        # What is not on this machine cannot be compared, and tables are made where corpora are not.
        return result if same and all(now.get(n, c) in (c, None) for n, c in result.inputs.items()) else None

    def state(self, cell: SharedCell) -> Literal["finished", "stale", "missing"]:
        """Whether a cell is finished: a stale one has a result, but of other settings or inputs."""
        if self.finished(cell) is not None:
            return "finished"
        return "stale" if self.result_file(cell).exists() else "missing"
