"""How far fine-tuning moves each weight, beside how important it was before and is afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from salin.analysis.layers import flat_layers
from salin.analysis.parameter_sets import Overlap
from salin.errors import ModelError
from salin.models import Tagger

#: Into so many parts of equal size a layer's parameters are put, the least important first.
BINS = 10
# Parameters of a layer that are ranked; a correlation of so many has a standard error of a third of a per cent.
_RANKED = 100_000

Sample = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class LayerMovement:
    """What fine-tuning on one language has done to a layer.

    Attributes:
        language: That language.
        layer: The layer.
        distance: How far its parameters have moved on average, whichever way.
        before: By language, Spearman's correlation of how far a parameter moved and how important it was for that
            language before; None where one of them is the same everywhere.
        after: The same with how important it is afterwards, for the language of the fine-tuning.
        stays: Spearman's correlation of importance before and afterwards, for that language.
        bins: How far parameters moved on average, from the tenth that was least important for that language before to
            the most important one.
        kept: What the most important parameters before and afterwards have in common, those of one half of the
            sentences with those of the other.
    """

    language: str
    layer: str
    distance: float
    before: dict[str, float | None]
    after: float | None
    stays: float | None
    bins: tuple[float, ...]
    kept: Overlap


class LayerSamples:
    """Takes the same parameters of each layer from whatever is known of all: at random, and all of a small layer.

    Args:
        layers: Parameter names by layer.
    """

    def __init__(self, layers: Mapping[str, Sequence[str]]):
        self._layers = layers
        self._chosen: dict[str, Tensor] = {}

    def of(self, values: Mapping[str, Tensor]) -> Sample:
        """The values of the chosen parameters by layer."""
        found: dict[str, NDArray[np.float32]] = {}
        for layer, flat in flat_layers(values, self._layers):
            if layer not in self._chosen:
                order = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))
                self._chosen[layer] = order[:_RANKED].to(flat.device)
            found[layer] = flat[self._chosen[layer]].float().cpu().numpy()
        return found


def distances(before: Tagger, after: Tagger) -> dict[str, Tensor]:
    """How far each parameter has moved, by parameter name.

    Raises:
        ModelError: When one tagger cannot have been fine-tuned from the other.
    """
    old = dict(before.network.named_parameters())
    new = dict(after.network.named_parameters())
    shapes = [{name: parameter.shape for name, parameter in some.items()} for some in (old, new)]
    if before.labels != after.labels or shapes[0] != shapes[1]:
        raise ModelError(
            "the fine-tuned tagger has other labels or other parameters than the one that is looked into: "
            "name one that was fine-tuned from it"
        )
    return {name: (new[name].detach() - parameter.detach()).abs() for name, parameter in old.items()}


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
    """Spearman's rank correlation; None where either is the same everywhere."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)


def binned(importance: NDArray[np.float32], moved: NDArray[np.float32]) -> tuple[float, ...]:
    """The mean of what parameters moved in each of `BINS` parts of equal size, by importance from the least on.

    A layer with fewer parameters than that has as many parts as parameters.
    """
    order = np.argsort(importance, kind="stable")
    parts = np.array_split(moved[order], min(BINS, len(order)))
    return tuple(float(part.mean()) for part in parts)
