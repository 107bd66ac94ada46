"""The batches of pretraining: a step is some groups of rows, each with an objective that is drawn by weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.errors import SettingError
from salin.pretraining.cost import flops
from salin.pretraining.objective import PretrainingObjective
from salin.training.processes import WHOLE, Part


@dataclass(frozen=True)
class ObjectiveBatch:
    """The examples of one objective in a step, as far as they are this part's.

    Attributes:
        name: Of the objective.
        objective: Says how wrong a model is on it.
        tensors: What it collated.
        groups: The share of the step's groups that have this objective.
        part: What share of their weight is this part's.
    """

    name: str
    objective: PretrainingObjective[Any]
    tensors: dict[str, Tensor]
    groups: float
    part: float


@dataclass(frozen=True)
class Mixture:
    """Says what each step trains on, as a pure function of `(seed, step)`; for any number of processes the same.

    Attributes:
        objectives: By name; those of one class are computed together, under the first of their names.
        weights: How often each is drawn; those without one never are.
        rows: Of a step.
        groups: Into how many groups of as many rows these fall.
        seed: Decides everything.
    """

    objectives: Mapping[str, PretrainingObjective[Any]]
    weights: Mapping[str, float]
    rows: int
    groups: int
    seed: int
    _read: list[np.ndarray] = field(default_factory=list[np.ndarray], init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if missing := [name for name in self.weights if name not in self.objectives]:
            raise SettingError(f"there is no objective {missing[0]!r} here; there are {', '.join(self.objectives)}")
        if not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            raise SettingError("the weights of a mixture are numbers of at least 0, and not all of them 0")
        if self.rows % self.groups:
            raise SettingError(f"{self.rows} rows do not fall into {self.groups} groups of the same size")

    def __call__(self, step: int, part: Part = WHOLE) -> list[ObjectiveBatch] | None:
        """What a part computes of a step: a batch for each class of objectives; None where it has nothing to do."""
        together: dict[type, tuple[str, list[Any], int]] = {}
        for number, name in enumerate(self.names(step)):
            objective = self.objectives[name]
            examples = objective.draw(self.rows // self.groups, np.random.default_rng([self.seed, step, number]))
            first, drawn, groups = together.get(type(objective), (self._first(type(objective)), [], 0))
            together[type(objective)] = first, [*drawn, *examples], groups + 1
        batches: list[ObjectiveBatch] = []
        for name, examples, groups in sorted(together.values(), key=lambda entry: entry[0]):
            objective = self.objectives[name]
            mine = part.of(examples)
            if weight := objective.weight(mine) if mine else 0.0:
                share = weight / objective.weight(examples)
                batches.append(ObjectiveBatch(name, objective, objective.collate(mine), groups / self.groups, share))
        return batches or None

    def names(self, step: int) -> list[str]:
        """The objective of each group of a step."""
        names = sorted(self.weights)
        shares = np.array([self.weights[name] for name in names], float)
        drawn = np.random.default_rng([self.seed, step]).choice(len(names), self.groups, p=shares / shares.sum())
        return [names[number] for number in drawn]

    def tokens(self, steps: int) -> dict[str, int]:
        """How many pieces of text the first so many steps read: `tokens`, and `NAME_tokens` of each objective."""
        names = sorted(self.weights)
        while len(self._read) <= steps:
            before = self._read[-1] if self._read else np.zeros(len(names), np.int64)
            drawn = self.names(len(self._read) - 1) if self._read else []
            self._read.append(before + np.array([drawn.count(name) for name in names], np.int64))
        rows = self.rows // self.groups
        read = {
            name: int(groups) * rows * self.objectives[name].tokens_per_row
            for name, groups in zip(names, self._read[steps], strict=True)
        }
        return {"tokens": sum(read.values()), **{f"{name}_tokens": count for name, count in read.items()}}

    def flops(self, model: PreTrainedModel, steps: int) -> float:
        """How many floating-point operations the first so many steps take, as far as they are matrix products."""
        tokens = self.tokens(steps)
        total = 0.0
        for name in self.weights:
            objective = self.objectives[name]
            rows = tokens[f"{name}_tokens"] / objective.tokens_per_row
            total += rows * flops(model, objective.passes_per_row)
        return total

    def _first(self, kind: type) -> str:
        return next(name for name in self.objectives if name in self.weights and type(self.objectives[name]) is kind)


def mixture_loss(model: nn.Module, batch: Sequence[ObjectiveBatch]) -> dict[str, Tensor]:
    """What the loop minimises: the mean over the groups of a step, and every figure of each objective by its name.

    Args:
        model: With a head for each objective.
        batch: What `Mixture` gives.

    Returns:
        `loss` and `NAME_FIGURE`, as far as this part of the step adds to them.
    """
    device = next(model.parameters()).device
    scalars: dict[str, Tensor] = {}
    total: Tensor | None = None
    for one in batch:
        figures = one.objective.loss(model, {name: tensor.to(device) for name, tensor in one.tensors.items()})
        loss = one.groups * one.part * figures["loss"]
        total = loss if total is None else total + loss
        for name, value in figures.items():
            scalars[f"{one.name}_{name}"] = one.part * value.detach()
    assert total is not None
    return {"loss": total, **scalars}
