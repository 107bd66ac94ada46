"""The loss on text that training never draws, of each objective in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from salin.pretraining.objective import PretrainingObjective
from salin.training.processes import Processes


@dataclass(frozen=True)
class HeldOutLoss:
    """Measures a model on the same rows each time.

    Attributes:
        objectives: By name and language.
        weights: What each objective counts in the mean.
        rows: Of each objective in each language.
        bf16: Whether to compute as training does.
        seed: Decides which rows.
    """

    objectives: Mapping[str, Mapping[str, PretrainingObjective[Any]]]
    weights: Mapping[str, float]
    rows: int = 16
    bf16: bool = False
    seed: int = 0

    def __call__(self, model: nn.Module) -> dict[str, Any]:
        """The figures, the same in every process, which share the work.

        Args:
            model: In eval mode.

        Returns:
            `loss`, the mean over objectives by weight of the mean over their languages, and under each objective's name
            its loss in each language. Objectives with nothing held out are left out.
        """
        processes = Processes.here()
        tasks = [(name, code) for name, languages in self.objectives.items() for code in languages]
        mine = [(name, code, self._loss(model, name, code)) for name, code in processes.part.of(tasks)]
        by_name: dict[str, dict[str, float]] = {}
        for name, code, loss in processes.gather(mine):
            if loss is not None:
                by_name.setdefault(name, {})[code] = loss
        if not by_name:
            return {}
        weights = [self.weights[name] for name in by_name]
        means = [float(np.mean(list(losses.values()))) for losses in by_name.values()]
        return {"loss": float(np.average(means, weights=weights)), **by_name}

    def _loss(self, model: nn.Module, name: str, code: str) -> float | None:
        objective = self.objectives[name][code]
        examples = objective.draw(self.rows, np.random.default_rng(self.seed))
        if not objective.weight(examples):
            return None
        device = next(model.parameters()).device
        batch: dict[str, Tensor] = {key: value.to(device) for key, value in objective.collate(examples).items()}
        # Not without gradients: inside an objective there may be steps that need some.
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            return float(objective.loss(model, batch)["loss"].detach())
