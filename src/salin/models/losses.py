"""What a network's scores cost against gold tags, for each of several tasks at once.

A *task* is a set of sentences whose loss is one number: a whole batch in direct training, a support set or a query in
meta-learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from salin.errors import SettingError
from salin.models.network import TaggingNetwork

Aggregation = Literal["token-mean", "sentence-mean"]


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


def task_losses(
    network: TaggingNetwork,
    emissions: Tensor,
    gold: Gold,
    max_weight: float = 0.0,
    aggregation: Aggregation = "token-mean",
) -> Tensor:
    """The loss of each task, `[tasks]`.

    With a softmax head it is the mean cross-entropy of the task's words plus `max_weight` times the mean, over its
    windows, of the largest one (Wu et al. 2020, "max loss"); where scores are log-probabilities already, their own
    take the place of the cross-entropy. With a CRF it is the negative log-likelihood of its
    sentences, divided by its words.

    Args:
        network: The network that the scores come from.
        emissions: Scores at the decided words, `[words, tags]`.
        gold: What they should be.
        max_weight: The weight lambda of the max loss.
        aggregation: What the mean is taken over: `token-mean`, the words of a task, so that a long sentence counts for
            more; `sentence-mean`, the means of its sentences.

    Raises:
        SettingError: When a max loss is asked of a CRF, whose loss does not fall into words.
    """
    if network.crf is not None:
        if max_weight:
            raise SettingError("the max loss needs a loss for each word, which a CRF head does not have. Set it to 0")
        return _chain_losses(network, emissions, gold, aggregation)
    losses = _word_losses(network, emissions, gold)
    if aggregation == "token-mean":
        total = _mean_by(losses, gold.tasks, gold.count)
    else:
        sentence_of_word, task_of_sentence = _parts(gold.rows if gold.chains is None else gold.chains, gold)
        of_sentences = _mean_by(losses, sentence_of_word, len(task_of_sentence))
        total = _mean_by(of_sentences, task_of_sentence, gold.count)
    if not max_weight:
        return total
    window_of_word, task_of_window = _parts(gold.rows, gold)
    largest = losses.new_full((len(task_of_window),), -torch.inf).scatter_reduce(0, window_of_word, losses, "amax")
    return total + max_weight * _mean_by(largest, task_of_window, gold.count)


def _word_losses(network: TaggingNetwork, emissions: Tensor, gold: Gold) -> Tensor:
    """The loss of each word, `[words]`."""
    if network.gives_log_probabilities:
        if gold.annotated is not None:
            raise SettingError(
                "this network learns a label for each byte, so that all its corpora have to annotate the same types: "
                "leave out those of other types, or drop what not all have (--map)"
            )
        return -emissions.gather(1, gold.tags[:, None])[:, 0]
    if gold.annotated is not None:
        emissions = emissions.masked_fill(~gold.annotated, -torch.inf)
    emissions = emissions.float() if emissions.dtype == torch.bfloat16 else emissions
    return functional.cross_entropy(emissions, gold.tags, reduction="none")


def _parts(of_words: Tensor, gold: Gold) -> tuple[Tensor, Tensor]:
    """What words belong to, numbered without gaps, `[words]`, and the task of each such part, `[parts]`."""
    parts, part_of_word = cast(tuple[Tensor, Tensor], torch.unique(of_words, return_inverse=True))
    return part_of_word, torch.zeros_like(parts).scatter(0, part_of_word, gold.tasks)


def _chain_losses(network: TaggingNetwork, emissions: Tensor, gold: Gold, aggregation: Aggregation) -> Tensor:
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
    if aggregation == "sentence-mean":
        return _mean_by(losses / counts, gold.tasks[first], gold.count)
    summed = losses.new_zeros(gold.count).index_add(0, gold.tasks[first], losses)
    return summed / torch.bincount(gold.tasks, minlength=gold.count).clamp(min=1)


def _mean_by(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """The mean of `values` in each group, `[count]`; 0 for an empty group."""
    sums = values.new_zeros(count).index_add(0, groups, values)
    return sums / torch.bincount(groups, minlength=count).clamp(min=1)
