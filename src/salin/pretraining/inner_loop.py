"""The inner loop of an episode: steps on its supports, by a linear head alone or by the model's upper blocks as well.

A head begins at zero. The classes of an episode come in no order, so its start may not tell them apart; and of what is
the same for all classes a softmax knows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from salin.adaptation.fast_weights import FastWeights
from salin.adaptation.gradients import Factored, ModuleGradient
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import Rule
from salin.encoding import Batch
from salin.models.parameters import block_stack, is_norm
from salin.pretraining.hidden_words import HiddenWords


def fitted_head(states: Tensor, labels: Tensor, ways: int, rule: Rule, steps: int) -> tuple[Tensor, Tensor]:
    """The linear heads of several episodes after their steps, with the states held constant.

    Args:
        states: Of the supports, `[episodes, supports, hidden]`.
        labels: Their classes, `[episodes, supports]`.
        ways: Classes of an episode.
        rule: The update rule.
        steps: Of gradient descent on the mean cross-entropy.

    Returns:
        Weights `[episodes, ways, hidden]` and biases `[episodes, ways]`.
    """
    states = states.detach()
    start, start_bias = states.new_zeros(ways, states.shape[-1]), states.new_zeros(ways)
    weights, bias = start.expand(len(states), -1, -1), start_bias.expand(len(states), -1)
    wanted = functional.one_hot(labels, ways).to(states.dtype)
    of_weights: list[Tensor] = []
    of_bias: list[Tensor] = []
    with torch.no_grad():
        for _ in range(steps):
            # The gradient of the mean cross-entropy at the scores.
            wrong = (head_scores(states, weights, bias).softmax(-1) - wanted) / labels.shape[1]
            of_weights.append(wrong.transpose(1, 2) @ states)
            of_bias.append(wrong.sum(1))
            weights = start - rule.delta(of_weights, start, decays=True)
            bias = start_bias - rule.delta(of_bias, start_bias, decays=False)
    return weights, bias


def head_scores(states: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """What each episode's own head says, `[episodes, words, ways]`, of `[episodes, words, hidden]`."""
    return states @ weights.transpose(1, 2) + bias[:, None]


class EpisodeNetwork(nn.Module):
    """A language model below a linear head of zeros, for the steps of an episode that change the model too.

    Args:
        model: A language model; its own head is not used.
        ways: Classes of an episode.
    """

    def __init__(self, model: PreTrainedModel, ways: int):
        super().__init__()
        self.backbone = cast(PreTrainedModel, model.base_model)
        self.head = nn.Linear(model.config.hidden_size, ways, device=model.device, dtype=model.dtype)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head.requires_grad_(False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of each class at each piece, `[rows, length, ways]`."""
        return self.head(self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state)

    @property
    def adapted(self) -> tuple[str, ...]:
        """The linear layers and norms that are adapted: of the head, and of the upper two thirds of the blocks."""
        blocks = self.backbone.config.num_hidden_layers
        stack = block_stack(self.backbone, blocks)
        assert stack is not None
        upper = tuple(f"backbone.{stack}.{number}." for number in range(blocks // 3, blocks))
        modules = cast(Iterator[tuple[str, nn.Module]], self.named_modules())
        return tuple(
            name
            for name, module in modules
            if (isinstance(module, nn.Linear) or is_norm(module)) and (name == "head" or name.startswith(upper))
        )


def adapted_scores(
    network: EpisodeNetwork, supports: HiddenWords, labels: Tensor, queries: HiddenWords, rule: Rule, steps: int
) -> tuple[Tensor, Tensor]:
    """What each episode's own model and head say of its queries, and what they said of its supports.

    Args:
        network: The model and a head.
        supports: Those of the episodes one behind another.
        labels: Their classes, `[episodes, supports]`.
        queries: Likewise.
        rule: The update rule.
        steps: Of gradient descent on the mean cross-entropy of the supports.

    Returns:
        Scores of the queries, `[episodes, queries of an episode, ways]`; and those of the supports that the last step
        began with, `[episodes, supports, ways]`, since those behind it would take another run of the model.
    """
    episodes = len(labels)
    tasks = _by_episode(supports, episodes)
    fast = FastWeights(network, network.adapted, _AsMatrices(rule))
    begun_with = labels.new_zeros(0)
    with fast.attached():
        for _ in range(steps):
            with fast.capturing():
                scores = wide(fast.forward(tasks))
                losses = functional.cross_entropy(scores, labels.flatten(), reduction="none").view(episodes, -1).mean(1)
                gradients = fast.gradients(losses, tasks)
            begun_with = scores.detach()
            fast.take({name: _formed(gradient) for name, gradient in gradients.items()})
        scores = fast.forward(_by_episode(queries, episodes))
    return scores.view(episodes, -1, scores.shape[-1]), begun_with.view(episodes, -1, scores.shape[-1])


@dataclass(frozen=True, slots=True)
class _Formed(Factored):
    """Gradients whose product is formed once, and whose factors are gone."""

    product: Tensor | None = None

    def dense(self) -> Tensor:
        assert self.product is not None
        return self.product


def _formed(gradient: ModuleGradient) -> ModuleGradient:
    weight = gradient.weight
    if not isinstance(weight, Factored):
        return gradient
    return ModuleGradient(_Formed(weight.inputs[:, :0], weight.outputs[:, :0], product=weight.dense()), gradient.bias)


@dataclass(frozen=True, slots=True)
class _AsMatrices:
    """A rule whose updates of linear layers are never factors: an episode has more pieces than a layer has inputs."""

    rule: Rule

    @property
    def rate(self) -> float:
        return self.rule.rate

    @property
    def clip(self) -> float:
        return self.rule.clip

    def delta(self, gradients: Sequence[Tensor], weights: Tensor, *, decays: bool) -> Tensor:
        return self.rule.delta(gradients, weights, decays=decays)


def wide(values: Tensor) -> Tensor:
    """Values in a precision that sums and softmaxes can be taken in."""
    return values.float() if values.dtype == torch.bfloat16 else values


def _by_episode(words: HiddenWords, episodes: int) -> TaskBatch:
    """Rows of several episodes, as many of each, in the layout that fast weights ask for."""
    rows = torch.arange(len(words.ids), device=words.ids.device)
    attended = words.mask.view(episodes, -1).bool()
    counts = attended.sum(1)
    most = int(counts.max())
    # Attended places first, in their order.
    places = torch.argsort(~attended, dim=1, stable=True)[:, :most]
    present = torch.arange(most, device=rows.device)[None] < counts[:, None]
    valid = places + attended.shape[1] * torch.arange(episodes, device=rows.device)[:, None]
    batch = Batch(words.ids, words.mask, rows, words.places)
    absent = torch.nonzero(~present.flatten()).flatten()
    return TaskBatch(batch, episodes, len(rows) // episodes, valid, present, absent)
