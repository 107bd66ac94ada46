"""Gradients of single source sentences, kept from one query to the next.

For *one* step with the mean loss of a task's words, the gradient of a support set is the mean of its sentences' own
gradients, each as heavy as it has words; and a sentence's own gradient depends on the trained weights alone. So it is
computed once, kept as factors, and combined anew for every query that has the sentence among its neighbours: exact, not
an approximation, before each tensor is clipped. Hubs, which are near to many queries, make that frequent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from cachetools import LRUCache

from salin.adaptation.combined import Space, combined, norms_of_sum
from salin.adaptation.engines import BatchedAdaptation
from salin.adaptation.gradients import Factored, Gradients
from salin.adaptation.rules import Sgd
from salin.adaptation.sentence_gradients import Packing, SentenceGradient, separated
from salin.adaptation.store import GradientStore
from salin.adaptation.supports import Supports
from salin.encoding import length_buckets
from salin.models.tagger import Tagger

# Numbers in one layer's output. On a CPU the memory that a larger group takes costs more than larger products save.
_NUMBERS_A_BATCH = {"cpu": 3 << 16, "cuda": 3 << 19}
_GROUPS_TOGETHER = 4
_NORMS = 1 << 16


def pieces_a_batch(tagger: Tagger, numbers: Mapping[str, int]) -> int:
    """How many pieces make up a batch on the tagger's device, whose layers give so many numbers in all."""
    return numbers["cpu" if tagger.device.type == "cpu" else "cuda"] // tagger.network.classifier.config.hidden_size


class KeptGradients:
    """The gradients of source sentences, least recently used ones forgotten where they do not fit the budget.

    Args:
        engine: Computes those that are not there; its network must not change afterwards.
        supports: The source sentences.
        budget: Bytes; 0 keeps none beyond the call that computes them.
        dtype: What they are kept in.
        store: Gradients on disk, looked for there before they are computed.
    """

    def __init__(
        self,
        engine: BatchedAdaptation,
        supports: Supports,
        budget: int,
        dtype: torch.dtype,
        store: GradientStore | None = None,
    ):
        self.supports, self.dtype, self.budget = supports, dtype, budget
        self._engine, self.store = engine, store
        rule = engine.fast.rule
        # What is smaller is clipped by no rule: the other one clips gradients that it has made whole.
        self.clip = rule.clip if isinstance(rule, Sgd) and rule.clip else math.inf
        self._packing: Packing | None = None
        self._kept: LRUCache[int, SentenceGradient] = LRUCache(budget, getsizeof=lambda gradient: gradient.bytes)
        # Neighbours come in the same pairs again and again, so that the norms of their sums are kept too.
        self._norms: LRUCache[tuple[int, ...], list[float]] = LRUCache(_NORMS if budget else 0)
        self._space = Space()
        self.hits, self.read, self.misses = 0, 0, 0

    @property
    def bytes(self) -> int:
        """What is kept in memory now takes, in bytes."""
        return int(self._kept.currsize)

    def __len__(self) -> int:
        """How many sentences' gradients are kept in memory now."""
        return len(self._kept)

    def of_groups(self, groups: Sequence[Sequence[Sequence[int]]]) -> Iterator[Gradients]:
        """The gradients of the support sets of several batches, each of which is gone when the next one comes.

        Args:
            groups: For each batch the support sets of its tasks, as indices of source sentences.
        """
        for start in range(0, len(groups), _GROUPS_TOGETHER):
            # What is missing of one batch alone would not make up batches of its own.
            some = groups[start : start + _GROUPS_TOGETHER]
            found = self.of(index for tasks in some for task in tasks for index in task)
            for tasks in some:
                yield self._combined(tasks, found)

    def _combined(self, tasks: Sequence[Sequence[int]], found: Mapping[int, SentenceGradient]) -> Gradients:
        sentences = [[found[index] for index in task] for task in tasks]
        gradients = combined(sentences, self._space)
        return gradients if self.clip == math.inf else self._with_norms(tasks, sentences, gradients)

    def of(self, indices: Iterable[int]) -> dict[int, SentenceGradient]:
        """The gradients of the source sentences with these indices, by index.

        Each is counted as a hit, as read from disk or as a miss as often as it occurs.
        """
        found: dict[int, SentenceGradient] = {}
        missing: dict[int, None] = {}
        for index in indices:
            if index in found or index in missing:
                self.hits += 1
            elif (gradient := self._kept.get(index)) is not None:
                found[index] = gradient
                self.hits += 1
            elif self.store is not None and (gradient := self.store.get(index)) is not None:
                # It stays where it is: the system keeps in memory what is read of a file, as long as there is room.
                found[index] = gradient
                self.read += 1
            else:
                missing[index] = None
                self.misses += 1
        for index, gradient in self.computed(list(missing)):
            found[index] = gradient
            if gradient.bytes <= self.budget:
                self._kept[index] = gradient
        return found

    def computed(self, indices: Sequence[int]) -> Iterator[tuple[int, SentenceGradient]]:
        """The gradients of these source sentences, each with its index, computed anew in groups of like length."""
        sets = [self.supports.of([index]) for index in indices]
        costs = [sum(map(len, support.windows)) for support in sets]
        for group in length_buckets(costs, pieces_a_batch(self.supports.tagger, _NUMBERS_A_BATCH)):
            tasks, gold = self.supports.laid_out([sets[place] for place in group])
            gradients = self._engine.gradients(tasks, gold)
            if self._packing is None:
                self._packing = Packing.of(gradients, tasks)
            words: list[int] = torch.bincount(gold.tasks, minlength=len(group)).tolist()
            made = separated(gradients, tasks, words, self._packing, self.dtype, self.clip)
            yield from zip((indices[place] for place in group), made, strict=True)

    @property
    def packing(self) -> Packing:
        """What stands where in a sentence's gradient; found by computing one where none was computed yet."""
        if self._packing is None:
            list(self.computed([0]))
        assert self._packing is not None
        return self._packing

    def size(self, indices: Iterable[int]) -> int:
        """How many bytes the gradients of these source sentences take."""
        pieces = (sum(map(len, self.supports.of([index]).windows)) for index in indices)
        return sum(map(self.packing.size, pieces)) * self.dtype.itemsize

    def _with_norms(
        self, tasks: Sequence[Sequence[int]], sentences: Sequence[Sequence[SentenceGradient]], gradients: Gradients
    ) -> Gradients:
        """The same with the norms known, wherever something may have to be clipped."""
        factored = {name: g.weight for name, g in gradients.items() if isinstance(g.weight, Factored)}
        bounds = torch.stack([weight.bound for weight in factored.values() if weight.bound is not None], 1)
        rows: list[list[float]] = bounds.tolist()
        for place, (task, known) in enumerate(zip(tasks, sentences, strict=True)):
            key = tuple(sorted(task))
            if (norms := self._norms.get(key)) is None:
                norms = norms_of_sum(known, rows[place], self.clip)
                if self._norms.maxsize:
                    self._norms[key] = norms
            rows[place] = norms
        columns = dict(zip(factored, bounds.new_tensor(rows).unbind(1), strict=True))
        return {
            name: replace(gradient, weight=replace(gradient.weight, bound=columns[name], known=True))
            if isinstance(gradient.weight, Factored)
            else gradient
            for name, gradient in gradients.items()
        }
