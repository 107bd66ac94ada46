"""What the methods minimise, in small pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from salin.adaptation.engines import BatchedAdaptation
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import Rule, RuleName, make_rule
from salin.encoding import Batch
from salin.models.losses import Gold, task_losses
from salin.models.network import TaggingNetwork


@dataclass(frozen=True)
class DirectBatch:
    """Windows and their tags, as one task."""

    batch: Batch
    gold: Gold


@dataclass(frozen=True)
class DirectObjective:
    """Cross-entropy plus `max_weight` times the max loss; a CRF's negative log-likelihood with a CRF head.

    Attributes:
        max_weight: Lambda of Wu et al. 2020.
    """

    max_weight: float = 0.0

    def __call__(self, model: nn.Module, batch: DirectBatch) -> Mapping[str, Tensor]:
        """The loss of a batch."""
        device = next(model.parameters()).device
        inputs, gold = batch.batch.to(device), batch.gold.to(device)
        emissions = inputs.at_words(model(inputs.input_ids, inputs.attention_mask))
        loss = task_losses(_network(model), emissions, gold, self.max_weight).sum()
        return {"loss": loss}


@dataclass(frozen=True)
class TaskGroup:
    """Pseudo-tasks of like length, which go through the network together: supports and queries with their tags."""

    support: TaskBatch
    support_gold: Gold
    query: TaskBatch
    query_gold: Gold


@dataclass(frozen=True)
class MetaBatch:
    """The pseudo-tasks of a step, and how far the schedule is."""

    groups: tuple[TaskGroup, ...]
    rate_share: float


@dataclass(frozen=True)
class MetaObjective:
    """First-order MAML over a batch of pseudo-tasks (Finn et al. 2017; Wu et al. 2020, algorithm 1).

    Each task takes its inner steps on its supports; the mean of the queries' losses with the stepped weights is
    minimised as if these steps were constants.

    Attributes:
        modules: What the inner steps change.
        rule: The inner update rule.
        rate: Its peak step size.
        steps: Inner steps.
        max_weight: Lambda, in both losses.
    """

    modules: tuple[str, ...]
    rule: RuleName
    rate: float
    steps: int
    max_weight: float

    def __call__(self, model: nn.Module, batch: MetaBatch) -> Mapping[str, Tensor]:
        """The mean query loss of a batch of tasks."""
        network, device = _network(model), next(model.parameters()).device
        rule: Rule = make_rule(self.rule, self.rate * batch.rate_share)
        engine = BatchedAdaptation(network, self.modules, rule, self.steps, self.max_weight)
        losses: list[Tensor] = []
        for group in batch.groups:
            with engine.adapted(group.support.to(device), group.support_gold.to(device)) as fast:
                emissions = fast.forward(group.query.to(device))
            losses.append(task_losses(network, emissions, group.query_gold.to(device), self.max_weight))
        return {"loss": torch.cat(losses).mean()}


def _network(model: nn.Module) -> TaggingNetwork:
    """The tagging network inside what accelerate may have wrapped."""
    inner = getattr(model, "module", model)
    assert isinstance(inner, TaggingNetwork)
    return inner
