"""What a network's scores cost against gold tags, for each of several tasks at once.

A *task* is a set of sentences whose loss is one number: a whole batch in direct training, a support set or a query in
meta-learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from salin.errors import SettingError
from salin.models.network import TaggingNetwork


@dataclass(frozen=True, slots=True)
class Gold:
    """What is known of the decided words of a batch.

    Attributes:
        tags: Tag index of each word, `[words]`.
        annotated: Whether each tag is annotated where the word comes from, `[words, tags]`; None where all are. Tags
            that are not take no part in the loss of a word: nobody knows whether they would be right.
        rows: The window of each word, `[words]`.
        tasks: The task of each word, `[words]`.
        count: The number of tasks.
        chains: The sentence of each word, `[words]`: the chain of a CRF runs on from one window of a sentence to the
            next. None where each window is a sentence.
    """

    tags: Tensor
    annotated: Tensor | None
    rows: Tensor
    tasks: Tensor
    count: int
    chains: Tensor | None = None

    def to(self, device: torch.device) -> Gold:
        """The same on another device."""
        annotated, chains = (None if t is None else t.to(device) for t in (self.annotated, self.chains))
        return Gold(self.tags.to(device), annotated, self.rows.to(device), self.tasks.to(device), self.count, chains)


def task_losses(network: TaggingNetwork, emissions: Tensor, gold: Gold, max_weight: float = 0.0) -> Tensor:
    """The loss of each task, `[tasks]`.

    With a softmax head it is the mean cross-entropy of the task's words plus `max_weight` times the mean, over its
    windows, of the largest one (Wu et al. 2020, "max loss"). With a CRF it is the negative log-likelihood of its
    sentences, divided by its words.

    Args:
        network: The network that the scores come from.
        emissions: Scores at the decided words, `[words, tags]`.
        gold: What they should be.
        max_weight: The weight lambda of the max loss.

    Raises:
        SettingError: When a max loss is asked of a CRF, whose loss does not fall into words.
    """
    if network.crf is not None:
        if max_weight:
            raise SettingError("the max loss needs a loss for each word, which a CRF head does not have. Set it to 0")
        return _chain_losses(network, emissions, gold)
    if gold.annotated is not None:
        emissions = emissions.masked_fill(~gold.annotated, -torch.inf)
    losses = functional.cross_entropy(emissions.float() if emissions.dtype == torch.bfloat16 else emissions, gold.tags,
                                      reduction="none")  # fmt: skip
    total = _mean_by(losses, gold.tasks, gold.count)
    if not max_weight:
        return total
    windows, window_of_word = cast(tuple[Tensor, Tensor], torch.unique(gold.rows, return_inverse=True))
    largest = losses.new_full((len(windows),), -torch.inf).scatter_reduce(0, window_of_word, losses, "amax")
    task_of_window = torch.zeros_like(windows).scatter(0, window_of_word, gold.tasks)
    return total + max_weight * _mean_by(largest, task_of_window, gold.count)


def _chain_losses(network: TaggingNetwork, emissions: Tensor, gold: Gold) -> Tensor:
    assert network.crf is not None
    chains = gold.rows if gold.chains is None else gold.chains
    found, counts = cast(tuple[Tensor, Tensor], torch.unique_consecutive(chains, return_counts=True))
    if len(found) != torch.unique(chains).numel():
        raise ValueError("the words of a sentence must stand together")
    if not len(found):
        return emissions.new_zeros(gold.count) + emissions.sum()
    sizes: list[int] = counts.tolist()
    if gold.annotated is not None:
        emissions = emissions.masked_fill(~gold.annotated, -1e4)
    padded = torch.nn.utils.rnn.pad_sequence(list(torch.split(emissions.float(), sizes)), batch_first=True)
    tags = torch.nn.utils.rnn.pad_sequence(list(torch.split(gold.tags, sizes)), batch_first=True)
    losses = -network.crf.log_likelihood(padded, tags, counts)
    first = counts.cumsum(0) - counts
    summed = losses.new_zeros(gold.count).index_add(0, gold.tasks[first], losses)
    return summed / torch.bincount(gold.tasks, minlength=gold.count).clamp(min=1)


def _mean_by(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """The mean of `values` in each group, `[count]`; 0 for an empty group."""
    sums = values.new_zeros(count).index_add(0, groups, values)
    return sums / torch.bincount(groups, minlength=count).clamp(min=1)
