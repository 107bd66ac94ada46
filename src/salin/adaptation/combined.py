"""Gradients of support sets, from those of their sentences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from salin.adaptation.gradients import Factored, Gradients, ModuleGradient
from salin.adaptation.sentence_gradients import SentenceGradient


class Space:
    """Memory that is used again and again: new memory for each batch would cost about as much as what is put there."""

    def __init__(self) -> None:
        self._numbers = torch.empty(0)

    def taken(self, shapes: Sequence[tuple[int, int]], like: Tensor) -> list[Tensor]:
        """Tensors of these shapes, of the dtype and on the device of another; those taken before are gone."""
        sizes = [rows * width for rows, width in shapes]
        if self._numbers.dtype != like.dtype or len(self._numbers) < sum(sizes):
            self._numbers = like.new_empty(sum(sizes))
        parts: Sequence[Tensor] = torch.split(self._numbers[: sum(sizes)], sizes)
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def combined(tasks: Sequence[Sequence[SentenceGradient]], space: Space) -> Gradients:
    """The gradient of each task's support set: the mean of its sentences' own, each as heavy as it has words.

    Args:
        tasks: The sentences of each task; some task has one.
        space: Where factors are put.

    Returns:
        One gradient a task, each module's factors padded to the task that has most positions.
    """
    distinct = list({id(gradient): gradient for task in tasks for gradient in task}.values())
    places = {id(gradient): place for place, gradient in enumerate(distinct)}
    packing, some = distinct[0].packing, distinct[0].numbers
    shares = torch.zeros(len(tasks), len(distinct), dtype=torch.promote_types(some.dtype, torch.float32))
    for row, task in enumerate(tasks):
        for gradient, share in zip(task, _shares(task), strict=True):
            shares[row, places[id(gradient)]] += share
    bounds = (shares @ torch.tensor([gradient.norms for gradient in distinct], dtype=shares.dtype)).to(some.device)
    summed = shares.to(some.device) @ torch.stack([gradient.vectors for gradient in distinct]).to(shares.dtype)
    parts: Sequence[Tensor] = torch.split(summed, list(packing.vectors.values()), 1)
    vectors = dict(zip(packing.vectors, parts, strict=True))
    sizes = [sum(gradient.positions for gradient in task) for task in tasks]
    spaces = space.taken([(len(tasks) * calls * max(sizes), width) for calls, width in packing.blocks], some)
    blocks = [_gathered(tasks, place, sizes, rows) for place, rows in enumerate(spaces)]
    # How much each position counts: the same for all modules that are called equally often.
    weights = {
        calls: _weights(tasks, calls, shares.dtype).to(some.device) for calls in {calls for calls, _ in packing.blocks}
    }
    weight: dict[str, Factored | Tensor] = {
        name: Factored(blocks[i], blocks[o], weights[packing.blocks[i][0]], bound)
        for (name, (i, o)), bound in zip(packing.factors.items(), bounds.T, strict=True)
    }
    weight.update((name.removesuffix(".weight"), v) for name, v in vectors.items() if name.endswith(".weight"))
    return {name: ModuleGradient(value, vectors.get(f"{name}.bias")) for name, value in weight.items()}


def _shares(task: Sequence[SentenceGradient]) -> list[float]:
    words = sum(gradient.words for gradient in task)
    return [gradient.words / words for gradient in task]


def norms_of_sum(task: Sequence[SentenceGradient], bounds: Sequence[float], above: float) -> list[float]:
    """The norms of the gradient of a task's support set, of each linear layer.

    The sentences' own norms are known where they matter, so that of a sum of two only the product of one with the other
    is to be computed: for half as many positions each, a quarter of the work.

    Args:
        task: The task's sentences.
        bounds: What the norms cannot exceed.
        above: Norms below it are of no interest: their bounds stand in their places.
    """
    # A hair less, so that rounding cannot hide a norm that just exceeds it.
    wanted = [place for place, bound in enumerate(bounds) if bound > above * (1 - 1e-3)]
    squares = [0.0] * len(wanted)
    shares = _shares(task)
    for i, first in enumerate(task):
        own = [place for place in wanted if first.norms[place] <= above]
        known = {place: first.norms[place] ** 2 for place in wanted}
        known.update(zip(own, _products(first, first, own), strict=True))
        squares = [square + shares[i] ** 2 * known[place] for square, place in zip(squares, wanted, strict=True)]
        for j in range(i + 1, len(task)):
            products = _products(first, task[j], wanted)
            squares = [s + 2 * shares[i] * shares[j] * p for s, p in zip(squares, products, strict=True)]
    norms = list(bounds)
    for place, square in zip(wanted, squares, strict=True):
        norms[place] = max(square, 0.0) ** 0.5
    return norms


def _products(a: SentenceGradient, b: SentenceGradient, places: Sequence[int]) -> list[float]:
    """The inner products of two sentences' gradients of some of the linear layers, from their factors."""
    blocks = list(a.packing.factors.values())
    grams: dict[int, Tensor] = {}
    sums: list[Tensor] = []
    for place in places:
        for block in blocks[place]:
            if block not in grams:
                grams[block] = a.blocks[block] @ b.blocks[block].T
        inputs, outputs = (grams[block] for block in blocks[place])
        sums.append((inputs * outputs).sum(dtype=torch.promote_types(inputs.dtype, torch.float32)))
    found: list[float] = torch.stack(sums).tolist() if sums else []
    return found


def _gathered(tasks: Sequence[Sequence[SentenceGradient]], place: int, sizes: Sequence[int], space: Tensor) -> Tensor:
    """A block of each task's sentences one below another, with zeros up to the longest: `[tasks, most, width]`."""
    calls, most = next(gradient for task in tasks for gradient in task).packing.blocks[place][0], max(sizes)
    nothing = space.new_zeros(calls * (most - min(sizes)), space.shape[1])
    rows: list[Tensor] = []
    for task, size in zip(tasks, sizes, strict=True):
        rows.extend(gradient.blocks[place] for gradient in task)
        rows.append(nothing[: calls * (most - size)])
    torch.cat(rows, out=space)
    return space.view(len(tasks), -1, space.shape[1])


def _weights(tasks: Sequence[Sequence[SentenceGradient]], calls: int, dtype: torch.dtype) -> Tensor:
    """The share of the sentence that each position belongs to, `[tasks, most]`."""
    rows = [
        torch.repeat_interleave(
            torch.tensor(_shares(task), dtype=dtype),
            torch.tensor([calls * g.positions for g in task], dtype=torch.long),
        )
        for task in tasks
    ]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
