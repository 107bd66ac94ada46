"""A recipe of what is shared: which taggers, trained by another recipe, are looked into, and how."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from salin.errors import SettingError
from salin.experiments.cell import Cell
from salin.settings import StrictSettings
from salin.training.methods import MethodSettings
from salin.validation import check_kind, explain, place_of


class SharedNetwork(StrictSettings):
    """Taggers of one kind of network: for one language each, for all, and from that on for one language each.

    Attributes:
        mono: The system of the first.
        poly: The system of the second.
        union: The label set that it was trained on.
        finetuned: The system of the third.
        fisher: Label sets whose dev sentences are compared by Fisher information.
        pruned: Label sets whose tests pruned taggers are scored on.
        retraining: Settings of training again what pruning has left.
    """

    mono: str
    poly: str
    union: str
    finetuned: str
    fisher: tuple[str, ...] = Field(min_length=2)
    pruned: tuple[str, ...] = Field(min_length=1)
    retraining: dict[str, Any]

    @property
    def systems(self) -> tuple[str, str, str]:
        """The three systems."""
        return self.mono, self.poly, self.finetuned

    def settings(self, seed: int) -> MethodSettings:
        """The settings of training again, with a seed.

        Raises:
            ValidationError: When one does not exist or has a wrong value.
        """
        loop = {**self.retraining.get("loop", {}), "seed": seed}
        return MethodSettings.model_validate({**self.retraining, "loop": loop, "seed": seed})


class SharedRecipe(StrictSettings):
    """What is looked into.

    Attributes:
        title: Stands over tables.
        recipe: What has trained the taggers.
        seeds: Of these taggers.
        top: The share of a layer's parameters that are called the most important.
        sentences: Of each language, for Fisher information.
        sparsities: Shares of weights that are left out.
        retrained: Those of them after which training goes on.
        networks: By name.
    """

    title: str
    recipe: Path
    seeds: tuple[int, ...] = Field(min_length=1)
    top: float = Field(0.1, gt=0, lt=1)
    sentences: int = Field(500, ge=2)
    sparsities: tuple[float, ...] = Field(min_length=1)
    retrained: tuple[float, ...] = ()
    networks: dict[str, SharedNetwork] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> SharedRecipe:
        if wrong := [share for share in self.sparsities if not 0 < share < 1]:
            raise ValueError(f"`sparsities` holds {wrong[0]}, which is not between 0 and 1")
        if more := sorted(set(self.retrained) - set(self.sparsities)):
            raise ValueError(f"`retrained` holds {more[0]}, which is none of the sparsities")
        return self

    @classmethod
    def read(cls, path: Path) -> SharedRecipe:
        """Reads a recipe; paths in it are taken from its own folder.

        Raises:
            SettingError: When it is missing, is no TOML, or holds a setting that does not exist.
        """
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: no recipe: {error}") from error
        check_kind(raw, path, "networks")
        if isinstance(raw.get("recipe"), str):
            raw["recipe"] = str(path.resolve().parent / raw["recipe"])
        try:
            recipe = cls.model_validate(raw)
            for network in recipe.networks.values():
                network.settings(recipe.seeds[0])
        except ValidationError as error:
            raise SettingError(f"{place_of(error, path)}: {explain(error, (SharedRecipe, MethodSettings))}") from error
        return recipe


Part = Literal["fisher", "masks", "pruned"]


@dataclass(frozen=True, slots=True)
class SharedCell:
    """One part of a recipe of what is shared, which leaves one file.

    Attributes:
        network: Which of its networks.
        part: `fisher` compares languages, `masks` what pruning leaves of the taggers, `pruned` scores a pruned one.
        seed: Of the taggers.
        kind: Of the tagger that is pruned: `mono`, `poly` or `finetuned`.
        label_set: Of what it was trained on.
    """

    network: str
    part: Part
    seed: int
    kind: str = ""
    label_set: str = ""

    @property
    def name(self) -> str:
        """`NETWORK-PART-SEED`, with the tagger that is pruned in it, as its file is called."""
        return "-".join(filter(None, [self.network, self.part, *self.pruned, str(self.seed)]))

    @property
    def pruned(self) -> tuple[str, str]:
        """Kind and label set of the tagger that is pruned; empty where none is."""
        return self.kind, self.label_set


def shared_cells(recipe: SharedRecipe) -> list[SharedCell]:
    """All cells, seed by seed, those of Fisher information first: they are the quick ones."""
    return [cell for seed in recipe.seeds for name in recipe.networks for cell in _cells(recipe, name, seed)]


def _cells(recipe: SharedRecipe, name: str, seed: int) -> Iterator[SharedCell]:
    network = recipe.networks[name]
    yield SharedCell(name, "fisher", seed)
    yield SharedCell(name, "masks", seed)
    for kind, one in taggers_of(network, seed):
        yield SharedCell(name, "pruned", seed, kind, one.label_set)


def taggers_of(network: SharedNetwork, seed: int) -> Iterator[tuple[str, Cell]]:
    """The taggers that are pruned: what each is, and the cell of the other recipe that trains it."""
    for label_set in network.pruned:
        yield "mono", Cell(network.mono, label_set, seed)
    yield "poly", Cell(network.poly, network.union, seed)
    for label_set in network.pruned:
        yield "finetuned", Cell(network.finetuned, label_set, seed)
