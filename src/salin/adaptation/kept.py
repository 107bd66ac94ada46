"""Gradients of single source sentences, kept from one query to the next.

For *one* step with the mean loss of a task's words, the gradient of a support set is the mean of its sentences' own
gradients, each as heavy as it has words; and a sentence's own gradient depends on the trained weights alone. So it is
computed once, kept as factors, and combined anew for every query that has the sentence among its neighbours: exact, not
an approximation, before each tensor is clipped. Hubs, which are near to many queries, make that frequent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from cachetools import LRUCache
from torch import Tensor

from salin.adaptation.engines import BatchedAdaptation
from salin.adaptation.gradients import Factored, Gradients, ModuleGradient
from salin.adaptation.supports import Supports, SupportSet
from salin.encoding import length_buckets

_PIECES_A_BATCH = 2048


@dataclass(frozen=True, slots=True)
class SentenceGradient:
    """What a sentence's own loss says of every adapted module.

    Attributes:
        words: How many words its loss is the mean of.
        factors: For each linear layer its inputs `[positions, in]` and the loss's gradient at its outputs
            `[positions, out]`.
        norms: The norm of the gradient of each linear layer's weight.
        vectors: The gradients of norms' weights and of all biases, by parameter name, `[size]`.
        bytes: What all that takes.
    """

    words: int
    factors: dict[str, tuple[Tensor, Tensor]]
    norms: dict[str, float]
    vectors: dict[str, Tensor]
    bytes: int


class KeptGradients:
    """The gradients of source sentences, least recently used ones forgotten where they do not fit the budget.

    Args:
        engine: Computes those that are not there; its network must not change afterwards.
        supports: The source sentences.
        budget: Bytes.
        dtype: What they are kept in.
    """

    def __init__(self, engine: BatchedAdaptation, supports: Supports, budget: int, dtype: torch.dtype):
        self._engine, self._supports, self._dtype = engine, supports, dtype
        self._kept: LRUCache[int, SentenceGradient] = LRUCache(budget, getsizeof=lambda gradient: gradient.bytes)
        self.hits, self.misses = 0, 0

    @property
    def bytes(self) -> int:
        """What is kept now takes, in bytes."""
        return int(self._kept.currsize)

    def of(self, indices: Iterable[int]) -> dict[int, SentenceGradient]:
        """The gradients of the source sentences with these indices, by index.

        Each is counted as a hit or a miss as often as it occurs.
        """
        found: dict[int, SentenceGradient] = {}
        missing: dict[int, None] = {}
        for index in indices:
            if index not in found and index not in missing:
                if (gradient := self._kept.get(index)) is None:
                    missing[index] = None
                    self.misses += 1
                    continue
                found[index] = gradient
            self.hits += 1
        sets = {index: self._supports.of([index]) for index in missing}
        costs = [sum(map(len, sets[index].windows)) for index in sets]
        order = list(sets)
        for group in length_buckets(costs, _PIECES_A_BATCH):
            chosen = [order[place] for place in group]
            for index, gradient in zip(chosen, self._computed([sets[index] for index in chosen]), strict=True):
                found[index] = gradient
                if gradient.bytes <= self._kept.maxsize:
                    self._kept[index] = gradient
        return found

    def _computed(self, sentences: Sequence[SupportSet]) -> list[SentenceGradient]:
        """The gradients of some sentences, each as a task of its own."""
        tasks, gold = self._supports.laid_out(sentences)
        gradients = self._engine.gradients(tasks, gold)
        norms: dict[str, list[float]] = {
            name: g.weight.norm().tolist() for name, g in gradients.items() if isinstance(g.weight, Factored)
        }
        positions: list[int] = tasks.present.sum(1).tolist()
        words: list[int] = torch.bincount(gold.tasks, minlength=len(sentences)).tolist()
        most = tasks.present.shape[1]
        kept: list[SentenceGradient] = []
        for task in range(len(sentences)):
            # Layers that are given the same (a block's queries, keys and values) share one copy of it.
            copies: dict[int, Tensor] = {}
            factors: dict[str, tuple[Tensor, Tensor]] = {}
            vectors: dict[str, Tensor] = {}
            for name, gradient in gradients.items():
                if isinstance(gradient.weight, Factored):
                    inputs, outputs = gradient.weight.inputs, gradient.weight.outputs
                    if id(inputs) not in copies:
                        copies[id(inputs)] = self._copy(inputs[task], positions[task], most)
                    factors[name] = copies[id(inputs)], self._copy(outputs[task], positions[task], most)
                else:
                    vectors[f"{name}.weight"] = gradient.weight[task].to(self._dtype, copy=True)
                if gradient.bias is not None:
                    vectors[f"{name}.bias"] = gradient.bias[task].to(self._dtype, copy=True)
            tensors = [*copies.values(), *(outputs for _, outputs in factors.values()), *vectors.values()]
            own = {name: values[task] for name, values in norms.items()}
            kept.append(SentenceGradient(words[task], factors, own, vectors, sum(tensor.nbytes for tensor in tensors)))
        return kept

    def _copy(self, rows: Tensor, positions: int, most: int) -> Tensor:
        """The real positions of a task, from each of the calls of its module."""
        real = rows.reshape(-1, most, rows.shape[-1])[:, :positions]
        return real.reshape(-1, rows.shape[-1]).to(self._dtype, copy=True)


def combined(tasks: Sequence[Sequence[SentenceGradient]]) -> Gradients:
    """The gradients of support sets, from those of their sentences.

    Args:
        tasks: The sentences of each task; some task has one.

    Returns:
        One gradient a task, each module's factors padded to the task that has most positions.
    """
    distinct = list({id(gradient): gradient for task in tasks for gradient in task}.values())
    places = {id(gradient): place for place, gradient in enumerate(distinct)}
    first = distinct[0]
    some = next(iter(first.vectors.values()), next(iter(first.factors.values()))[0])
    shares = torch.zeros(len(tasks), len(distinct), dtype=torch.promote_types(some.dtype, torch.float32))
    for row, task in enumerate(tasks):
        for gradient, share in zip(task, _shares(task), strict=True):
            shares[row, places[id(gradient)]] += share
    factored = _factored(tasks, distinct, shares)
    vectors = {
        name: shares.to(some.device) @ torch.stack([gradient.vectors[name] for gradient in distinct]).to(shares.dtype)
        for name in first.vectors
    }
    modules = dict.fromkeys([*factored, *(name.rpartition(".")[0] for name in vectors)])
    return {
        name: ModuleGradient(
            factored[name] if name in factored else vectors[f"{name}.weight"], vectors.get(f"{name}.bias")
        )
        for name in modules
    }


def _shares(task: Sequence[SentenceGradient]) -> list[float]:
    words = sum(gradient.words for gradient in task)
    return [gradient.words / words for gradient in task]


def _factored(
    tasks: Sequence[Sequence[SentenceGradient]], distinct: Sequence[SentenceGradient], shares: Tensor
) -> dict[str, Factored]:
    weights: dict[tuple[int, ...], Tensor] = {}
    # Tensors that several layers share are gathered once, and are known by the first sentence's.
    gathered: dict[int, Tensor] = {}
    found: dict[str, Factored] = {}
    for name in distinct[0].factors:
        sizes = [[len(gradient.factors[name][0]) for gradient in task] for task in tasks]
        most = max(map(sum, sizes))
        parts: list[Tensor] = []
        for part in (0, 1):
            tensors = [[gradient.factors[name][part] for gradient in task] for task in tasks]
            key = id(next(tensor for task in tensors for tensor in task))
            if key not in gathered:
                gathered[key] = _padded(tensors, most)
            parts.append(gathered[key])
        signature = tuple(size for task in sizes for size in task)
        if signature not in weights:
            rows = [
                [shares.new_full((size,), share) for size, share in zip(known, _shares(task), strict=True)]
                for task, known in zip(tasks, sizes, strict=True)
            ]
            weights[signature] = _padded(rows, most).to(parts[0].device)
        norms = torch.tensor([gradient.norms[name] for gradient in distinct], dtype=shares.dtype)
        found[name] = Factored(parts[0], parts[1], weights[signature], (shares @ norms).to(parts[0].device))
    return found


def _padded(tasks: Sequence[Sequence[Tensor]], most: int) -> Tensor:
    """Puts the rows of each task one below another, with zeros up to `most`: `[tasks, most, ...]`."""
    some = next(tensor for task in tasks for tensor in task)
    nothing = some.new_zeros(most, *some.shape[1:])
    rows: list[Tensor] = []
    for task in tasks:
        rows.extend([*task, nothing[sum(map(len, task)) :]])
    return torch.cat(rows).view(len(tasks), most, *some.shape[1:])
