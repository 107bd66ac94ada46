"""The gradient of one source sentence's own loss, packed into one row of numbers, in memory or in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.adaptation.gradients import Factored, Gradients
from salin.adaptation.layout import TaskBatch


@dataclass(frozen=True, slots=True)
class Packing:
    """Where what belongs to which module lies in such a row: the blocks one behind another, then the vectors.

    Attributes:
        blocks: Calls of the module and width of each block, which is `[calls * positions, width]`.
        factors: For each linear layer the block of its inputs and that of the loss's gradient at its outputs. Layers
            that are given the same (a block's queries, keys and values) share a block.
        vectors: The sizes of the gradients of norms' weights and of all biases, by parameter name.
    """

    blocks: tuple[tuple[int, int], ...]
    factors: Mapping[str, tuple[int, int]]
    vectors: Mapping[str, int]

    @classmethod
    def of(cls, gradients: Gradients, tasks: TaskBatch) -> Packing:
        """The packing of gradients that were taken of a batch of tasks; it is the same for any batch."""
        blocks: dict[int, tuple[int, tuple[int, int]]] = {}
        factors: dict[str, tuple[int, int]] = {}
        vectors: dict[str, int] = {}
        for name, gradient in gradients.items():
            if isinstance(gradient.weight, Factored):
                for rows in (gradient.weight.inputs, gradient.weight.outputs):
                    shape = rows.shape[1] // tasks.present.shape[1], rows.shape[2]
                    blocks.setdefault(id(rows), (len(blocks), shape))
                factors[name] = blocks[id(gradient.weight.inputs)][0], blocks[id(gradient.weight.outputs)][0]
            else:
                vectors[f"{name}.weight"] = gradient.weight.shape[1]
            if gradient.bias is not None:
                vectors[f"{name}.bias"] = gradient.bias.shape[1]
        return cls(tuple(shape for _, shape in blocks.values()), factors, vectors)

    def size(self, positions: int) -> int:
        """How many numbers a sentence of so many positions takes."""
        return positions * sum(calls * width for calls, width in self.blocks) + sum(self.vectors.values())

    def unpacked(self, numbers: Tensor, positions: int) -> tuple[list[Tensor], Tensor]:
        """The blocks and the vectors, these one behind another, as views of the row."""
        sizes = [positions * calls * width for calls, width in self.blocks]
        parts: Sequence[Tensor] = torch.split(numbers, [*sizes, sum(self.vectors.values())])
        return [part.view(-1, width) for part, (_, width) in zip(parts[:-1], self.blocks, strict=True)], parts[-1]


class SentenceGradient:
    """What a sentence's own loss says of every adapted module.

    Args:
        packing: What stands where in `numbers`.
        numbers: The row.
        positions: How many pieces the sentence has.
        words: How many words its loss is the mean of.
        norms: What the norm of the gradient of each linear layer's weight cannot exceed, in the order of
            `packing.factors`; where it is so large that it may have to be clipped, the norm itself.
    """

    __slots__ = ("blocks", "bytes", "norms", "numbers", "packing", "positions", "vectors", "words")

    def __init__(self, packing: Packing, numbers: Tensor, positions: int, words: int, norms: Sequence[float]):
        self.packing, self.numbers, self.positions, self.words, self.norms = packing, numbers, positions, words, norms
        self.blocks, self.vectors = packing.unpacked(numbers, positions)
        self.bytes = numbers.nbytes

    @property
    def factors(self) -> dict[str, tuple[Tensor, Tensor]]:
        """For each linear layer its inputs `[positions, in]` and the gradient at its outputs `[positions, out]`."""
        return {name: (self.blocks[i], self.blocks[o]) for name, (i, o) in self.packing.factors.items()}


def separated(
    gradients: Gradients, tasks: TaskBatch, words: Sequence[int], packing: Packing, dtype: torch.dtype, above: float
) -> list[SentenceGradient]:
    """The gradients of a batch, in which each sentence is a task of its own, a row of numbers each.

    Args:
        gradients: The gradients.
        tasks: The batch.
        words: How many words each sentence has.
        packing: Their packing.
        dtype: Of the rows.
        above: Norms below it are of no interest.
    """
    most = tasks.present.shape[1]
    positions: list[int] = tasks.present.sum(1).tolist()
    blocks: dict[int, Tensor] = {}
    vectors: list[Tensor] = []
    norms: list[Tensor] = []
    for name, gradient in gradients.items():
        if isinstance(gradient.weight, Factored):
            i, o = packing.factors[name]
            blocks[i], blocks[o] = gradient.weight.inputs, gradient.weight.outputs
            norms.append(gradient.weight.norm(above))
        else:
            vectors.append(gradient.weight)
        if gradient.bias is not None:
            vectors.append(gradient.bias)
    by_sentence: list[list[float]] = torch.stack(norms, 1).tolist() if norms else [[] for _ in words]
    joined = torch.cat(vectors, 1) if vectors else torch.zeros(len(words), 0)
    found: list[SentenceGradient] = []
    for task, (size, count, own) in enumerate(zip(positions, words, by_sentence, strict=True)):
        numbers = torch.empty(packing.size(size), dtype=dtype, device=tasks.present.device)
        found.append(SentenceGradient(packing, numbers, size, count, own))
        found[-1].vectors.copy_(joined[task])
        for place, block in enumerate(found[-1].blocks):
            # The real positions, from each of the calls of the module.
            calls, width = packing.blocks[place]
            block.view(calls, size, width).copy_(blocks[place][task].view(calls, most, width)[:, :size])
    return found
