"""Two ways to the same adapted tags: all tasks at once by fast weights, or one after another on the weights themselves.

The sequential engine is slow and obvious: it is what the batched one is tested against, and it serves where a network
has no layer that the batched one can adapt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from salin.adaptation.fast_weights import FastWeights
from salin.adaptation.gradients import Gradients
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import Rule
from salin.adaptation.trunk import Trunk
from salin.encoding import Batch, Window, collate
from salin.models.losses import Aggregation, Gold, task_losses
from salin.models.network import TaggingNetwork
from salin.models.parameters import AdaptedParameters, adapted_parameters

_LOG = logging.getLogger(__name__)
#: Rows and pieces of a probe: no sizes of any real weight, so that its shape is not met by accident.
PROBE = (3, 7)
#: What of such a probe has a row for each window, beside its last dimension: piece by piece, or all pieces in one.
OF_WINDOWS: tuple[tuple[int, ...], ...] = (PROBE, (PROBE[0] * PROBE[1],))


def find_adaptable(network: TaggingNetwork, frozen_blocks: int | None = None) -> AdaptedParameters:
    """Runs a probe through the network and keeps the modules whose every input has a row for each window.

    A module that also takes inputs without a task axis (DeBERTa's projections of relative positions) cannot have a
    weight for each task, and is left out.

    Args:
        network: A tagger's network; its mode is put back.
        frozen_blocks: See [adapted_parameters][salin.models.parameters.adapted_parameters].
    """
    candidates = adapted_parameters(network, frozen_blocks)
    if not candidates.modules:
        return candidates
    shapes = probed_inputs(network, candidates.modules)
    modules: list[str] = []
    excluded = list(candidates.excluded)
    for name, seen in shapes.items():
        if not seen:
            excluded.append((name, "the forward pass does not use it"))
        elif all(s[:-1] in OF_WINDOWS for s in seen):
            modules.append(name)
        else:
            excluded.append((name, "it also takes inputs that do not belong to one sentence"))
    return AdaptedParameters(tuple(modules), tuple(excluded))


@torch.no_grad()
def probed_inputs(network: TaggingNetwork, names: Iterable[str]) -> dict[str, list[tuple[int, ...]]]:
    """Runs a probe of the size `PROBE` through a network: the shapes of what modules are given, call by call.

    Args:
        network: A tagger's network; its mode is put back.
        names: Of modules.
    """
    shapes: dict[str, list[tuple[int, ...]]] = {name: [] for name in names}

    def recorder(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def record(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            shapes[name].append(tuple(arguments[0].shape))

        return record

    handles = [network.get_submodule(name).register_forward_hook(recorder(name)) for name in shapes]
    training = network.training
    network.eval()
    try:
        ids = torch.ones(PROBE, dtype=torch.long, device=network.device)
        network(ids, torch.ones_like(ids))
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
    return shapes


class BatchedAdaptation:
    """Steps on every task at once.

    Args:
        network: The network; only its hooks are touched, and only during a call.
        modules: What is adapted.
        rule: The update rule.
        steps: Gradient steps on the supports.
        max_weight: The weight of the max loss in these steps.
        aggregation: What their loss is the mean of.
    """

    def __init__(
        self,
        network: TaggingNetwork,
        modules: tuple[str, ...],
        rule: Rule,
        steps: int = 1,
        max_weight: float = 0,
        aggregation: Aggregation = "token-mean",
    ):
        self.network, self.steps, self.max_weight = network, steps, max_weight
        self.aggregation: Aggregation = aggregation
        self.fast = FastWeights(network, modules, rule)
        self.trunk = Trunk(network, modules)

    @contextmanager
    def adapted(self, support: TaskBatch, gold: Gold) -> Generator[FastWeights]:
        """Within it, `forward` of what is yielded sees each task adapted to its supports.

        Args:
            support: The support windows of each task.
            gold: Their tags.
        """
        with self.fast.attached():
            with self.trunk.computed_once():
                for _ in range(self.steps):
                    self.fast.take(self._gradients(support, gold))
            yield self.fast

    @contextmanager
    def adapted_by(self, gradients: Gradients) -> Generator[FastWeights]:
        """The same after one step with gradients that are known already; of none, the network as it is."""
        with self.fast.attached():
            self.fast.take(gradients)
            yield self.fast

    def gradients(self, support: TaskBatch, gold: Gold) -> Gradients:
        """The gradients of each task's loss at the weights as they are; arguments as for `adapted`."""
        with self.fast.attached():
            return self._gradients(support, gold)

    def _gradients(self, support: TaskBatch, gold: Gold) -> Gradients:
        with self.fast.capturing():
            emissions = self.fast.forward(support)
            losses = task_losses(self.network, emissions, gold, self.max_weight, self.aggregation)
            return self.fast.gradients(losses, support)


@dataclass(frozen=True, slots=True)
class SequentialTask:
    """One task of the sequential engine: its support windows, their gold tags, and the windows to tag."""

    support: Sequence[Window]
    gold: Gold
    query: Sequence[Window]


class SequentialAdaptation:
    """Steps on one task after another, on the weights themselves, which are put back on every way out.

    Args:
        network: The network.
        modules: What is adapted.
        rule: The update rule.
        pad: The padding piece.
        steps: Gradient steps on the supports.
        max_weight: The weight of the max loss in these steps.
    """

    def __init__(
        self,
        network: TaggingNetwork,
        modules: tuple[str, ...],
        rule: Rule,
        pad: int,
        steps: int = 1,
        max_weight: float = 0,
    ):
        self.network, self.rule, self.pad, self.steps, self.max_weight = network, rule, pad, steps, max_weight
        self._parameters = [
            (parameter, isinstance(module, nn.Linear) and parameter is module.weight)
            for module in map(network.get_submodule, modules)
            for parameter in module.parameters(recurse=False)
        ]

    def emissions(self, task: SequentialTask) -> Tensor:
        """Scores at the decided words of the task's query windows after its steps, `[words, tags]`."""
        with self.adapted(task), torch.no_grad():
            return self._forward(collate(task.query, self.pad))

    @contextmanager
    def adapted(self, task: SequentialTask) -> Generator[None]:
        """Within it the network's weights are those of the task."""
        kept = [parameter.detach().clone() for parameter, _ in self._parameters]
        required = [parameter.requires_grad for parameter, _ in self._parameters]
        gradients: list[list[Tensor]] = [[] for _ in self._parameters]
        try:
            for _ in range(self.steps if task.support else 0):
                self._step(task, kept, gradients)
            self._require(required)
            yield
        finally:
            self._require(required)
            with torch.no_grad():
                for (parameter, _), weights in zip(self._parameters, kept, strict=True):
                    parameter.copy_(weights)

    def _require(self, required: Sequence[bool]) -> None:
        for (parameter, _), wanted in zip(self._parameters, required, strict=True):
            parameter.requires_grad_(wanted)

    def _step(self, task: SequentialTask, kept: list[Tensor], gradients: list[list[Tensor]]) -> None:
        # Also what a user has frozen for training is adapted.
        self._require([True] * len(self._parameters))
        with torch.enable_grad():
            emissions = self._forward(collate(task.support, self.pad))
            loss = task_losses(self.network, emissions, task.gold, self.max_weight).sum()
            found = torch.autograd.grad(loss, [parameter for parameter, _ in self._parameters])
        with torch.no_grad():
            for (parameter, decays), weights, seen, gradient in zip(
                self._parameters, kept, gradients, found, strict=True
            ):
                seen.append(gradient[None])
                parameter.copy_(weights - self.rule.delta(seen, weights, decays=decays)[0])

    def _forward(self, batch: Batch) -> Tensor:
        return batch.at_words(self.network(batch.input_ids, batch.attention_mask))
