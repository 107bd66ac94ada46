"""Sets of a layer's parameters, a bit each, and how much two of them have in common beside what chance gives."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two sets have in common.

    Attributes:
        overlap: The share of the smaller set that is in the other one.
        chance: What it would be on average if the same numbers of parameters were drawn at random.
        deviation: The standard deviation of that (of a hypergeometric distribution).
        iou: The size of what is in both, divided by that of what is in either.
        chance_iou: The same of sets that have in common what chance gives on average.
    """

    overlap: float
    chance: float
    deviation: float
    iou: float
    chance_iou: float


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """Some parameters out of many.

    Attributes:
        bits: One for each, packed.
        size: How many are in the set.
        of: How many there are.
    """

    bits: NDArray[np.uint8]
    size: int
    of: int

    @classmethod
    def of_mask(cls, mask: Tensor) -> ParameterSet:
        """The parameters at which a mask is set."""
        flat = mask.flatten().cpu().numpy()
        return cls(np.packbits(flat), int(flat.sum()), len(flat))

    @classmethod
    def top(cls, values: Tensor, share: float) -> ParameterSet:
        """The share of the parameters that have the highest values.

        A parameter whose value is 0 is never among them: where few have another one (of embeddings, the rows of words
        that occur) the set is smaller than the share.

        Args:
            values: One for each, none below 0.
            share: Above 0 and at most 1; rounded to a number of parameters, at least one.
        """
        flat = values.flatten()
        mask = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
        mask[torch.topk(flat, max(1, round(share * len(flat))), sorted=False).indices] = True
        return cls.of_mask(mask & (flat > 0))

    def overlap(self, other: ParameterSet) -> Overlap:
        """What it has in common with another set of the same parameters."""
        both = int(np.bitwise_count(self.bits & other.bits).sum())
        smaller = min(self.size, other.size)
        if not smaller:
            return Overlap(0.0, 0.0, 0.0, 0.0, 0.0)
        expected = self.size * other.size / self.of
        share = self.size / self.of
        rest = (self.of - other.size) / max(1, self.of - 1)
        return Overlap(
            both / smaller,
            expected / smaller,
            sqrt(other.size * share * (1 - share) * rest) / smaller,
            both / (self.size + other.size - both),
            expected / (self.size + other.size - expected),
        )


def mean_overlap(overlaps: list[Overlap]) -> Overlap:
    """The mean of several, number by number; the deviation is that of one of them, which is not less than theirs."""
    fields = ("overlap", "chance", "deviation", "iou", "chance_iou")
    means: dict[str, Any] = {name: sum(getattr(one, name) for one in overlaps) / len(overlaps) for name in fields}
    return Overlap(**means)
