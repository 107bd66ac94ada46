"""What the methods minimise, in small pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from salin.adaptation.engines import BatchedAdaptation
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import Rule, RuleName, make_rule
from salin.encoding import Batch
from salin.models.losses import Aggregation, Gold, task_losses
from salin.models.network import TaggingNetwork


@dataclass(frozen=True)
class DirectBatch:
    """Windows and their tags, as one task.

    Attributes:
        batch: The windows of this process's part of a step.
        gold: Their tags.
        words: The share of the step's words that this part has.
        windows: The share of its windows.
    """

    batch: Batch
    gold: Gold
    words: float
    windows: float


@dataclass(frozen=True)
class DirectObjective:
    """Cross-entropy plus `max_weight` times the max loss; a CRF's negative log-likelihood with a CRF head.

    Attributes:
        max_weight: Lambda of Wu et al. 2020.
    """

    max_weight: float = 0.0

    def __call__(self, model: nn.Module, batch: DirectBatch) -> Mapping[str, Tensor]:
        """What a part adds to the loss of the whole batch, whose means are over all words and all windows."""
        assert isinstance(model, TaggingNetwork)
        inputs, gold = batch.batch.to(model.device), batch.gold.to(model.device)
        emissions = inputs.at_words(model(inputs.input_ids, inputs.attention_mask))
        max_weight = self.max_weight * batch.windows / batch.words
        return {"loss": batch.words * task_losses(model, emissions, gold, max_weight).sum()}


@dataclass(frozen=True)
class TaskGroup:
    """Pseudo-tasks of like length, which go through the network together: supports and queries with their tags."""

    support: TaskBatch
    support_gold: Gold
    query: TaskBatch
    query_gold: Gold


@dataclass(frozen=True)
class MetaBatch:
    """The pseudo-tasks of this process's part of a step.

    Attributes:
        groups: The tasks.
        rate_share: How far the schedule is.
        tasks: The share of the step's tasks that this part has.
    """

    groups: tuple[TaskGroup, ...]
    rate_share: float
    tasks: float

    def portions(self) -> Iterator[MetaBatch]:
        """Its groups, each as a batch: what a step takes of memory is what a group takes, however many tasks it has."""
        total = sum(group.query.tasks for group in self.groups)
        for group in self.groups:
            yield MetaBatch((group,), self.rate_share, self.tasks * group.query.tasks / total)


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
        aggregation: What the supports' loss is the mean of; to a query, which is one sentence, it makes no difference.
    """

    modules: tuple[str, ...]
    rule: RuleName
    rate: float
    steps: int
    max_weight: float
    aggregation: Aggregation = "token-mean"

    def __call__(self, model: nn.Module, batch: MetaBatch) -> Mapping[str, Tensor]:
        """What a part adds to the mean query loss of a batch of tasks."""
        assert isinstance(model, TaggingNetwork)
        rule: Rule = make_rule(self.rule, self.rate * batch.rate_share)
        engine = BatchedAdaptation(model, self.modules, rule, self.steps, self.max_weight, self.aggregation)
        losses: list[Tensor] = []
        for group in batch.groups:
            with engine.adapted(group.support.to(model.device), group.support_gold.to(model.device)) as fast:
                emissions = fast.forward(group.query.to(model.device))
            losses.append(task_losses(model, emissions, group.query_gold.to(model.device), self.max_weight))
        return {"loss": batch.tasks * torch.cat(losses).mean()}
