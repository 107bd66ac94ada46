"""What the weights that pruning keeps have in common in two taggers of the same shape.

Taggers that began with the same numbers (an encoder, a seed) keep many of the same weights whatever they have learned:
the masks of those numbers themselves are what their overlap is to be read beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch

from salin.analysis.layers import ALL
from salin.analysis.magnitude import SCOPES, Scope, magnitude_masks, prunable_layers
from salin.analysis.parameter_sets import Overlap, ParameterSet
from salin.models import Tagger


@dataclass(frozen=True, slots=True)
class MaskOverlap:
    """What the masks of two taggers have in common in a layer.

    Attributes:
        first: A tagger.
        second: Another one.
        scope: What weights were compared with.
        sparsity: The share of all weights that was left out.
        layer: The layer, or `all`.
        measured: The overlap of the weights that are kept.
    """

    first: str
    second: str
    scope: Scope
    sparsity: float
    layer: str
    measured: Overlap


def mask_overlaps(taggers: Mapping[str, Callable[[], Tagger]], sparsities: Sequence[float]) -> list[MaskOverlap]:
    """Compares the masks of each two taggers, layer by layer and over all; layers of other shapes are left out.

    Args:
        taggers: By name; one at a time is in memory.
        sparsities: Shares of weights to leave out.
    """
    kept = {name: _kept(opened(), sparsities) for name, opened in taggers.items()}
    found: list[MaskOverlap] = []
    for first, second in combinations(kept, 2):
        for key, one in kept[first].items():
            other = kept[second].get(key)
            if other is not None and other[0] == one[0]:
                scope, sparsity, layer = key
                found.append(MaskOverlap(first, second, scope, sparsity, layer, one[1].overlap(other[1])))
    return found


_Key = tuple[Scope, float, str]


def _kept(tagger: Tagger, sparsities: Sequence[float]) -> dict[_Key, tuple[tuple[torch.Size, ...], ParameterSet]]:
    """For each way to prune, by layer the shapes of its weights and those that are kept."""
    layers = prunable_layers(tagger.network)
    layers[ALL] = tuple(name for names in layers.values() for name in names)
    found: dict[_Key, tuple[tuple[torch.Size, ...], ParameterSet]] = {}
    for scope in SCOPES:
        for sparsity in sparsities:
            masks = magnitude_masks(tagger.network, sparsity, scope)
            for layer, names in layers.items():
                mask = torch.cat([masks[name].flatten() for name in names])
                shapes = tuple(masks[name].shape for name in names)
                found[scope, sparsity, layer] = shapes, ParameterSet.of_mask(mask)
    return found
