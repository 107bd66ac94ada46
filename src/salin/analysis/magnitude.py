"""Magnitude pruning: which weights are so small that they are left out first."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, cast

import torch
from torch import Tensor, nn

from salin.analysis.layers import layers_of
from salin.errors import SettingError
from salin.models.network import TaggingNetwork
from salin.training.pruned import held_at_zero

Scope = Literal["global", "layer"]
#: Whether weights are compared with all others, or with those of their own layer, which then keeps its share.
SCOPES: tuple[Scope, ...] = ("global", "layer")


def prunable(network: TaggingNetwork) -> dict[str, nn.Parameter]:
    """The weights that are pruned, by name: the matrices of linear and recurrent layers.

    Biases and norms are few and needed. Embeddings are left out too: which of their rows matter says which words a
    language has, not what it shares with another.

    Args:
        network: A tagger's network.
    """
    found: dict[str, nn.Parameter] = {}
    for name, module in cast(Iterator[tuple[str, nn.Module]], network.named_modules()):
        if isinstance(module, nn.Linear | nn.LSTM):
            own = module.named_parameters(recurse=False)
            found |= {f"{name}.{key}": parameter for key, parameter in own if parameter.dim() == 2}
    return found


def prunable_layers(network: TaggingNetwork) -> dict[str, tuple[str, ...]]:
    """The names of these weights by layer."""
    weights = prunable(network)
    by_layer = {layer: tuple(n for n in names if n in weights) for layer, names in layers_of(network).items()}
    return {layer: names for layer, names in by_layer.items() if names}


def magnitude_masks(network: TaggingNetwork, sparsity: float, scope: Scope) -> dict[str, Tensor]:
    """Masks that leave out the smallest weights: exactly the stated share, rounded to a number of weights.

    Args:
        network: A tagger's network.
        sparsity: The share that is left out, from 0 and below 1.
        scope: Of all weights together, or of each layer's.

    Returns:
        By parameter name a mask of its shape, set at the weights that stay.

    Raises:
        SettingError: When the share is none.
    """
    if not 0 <= sparsity < 1:
        raise SettingError(f"the sparsity is {sparsity}; it is from 0 to less than 1")
    layers = prunable_layers(network)
    groups = layers.values() if scope == "layer" else [tuple(name for names in layers.values() for name in names)]
    weights = prunable(network)
    masks: dict[str, Tensor] = {}
    for names in groups:
        masks |= _smallest_left_out([weights[name].detach() for name in names], names, sparsity)
    return masks


@contextmanager
def pruned(network: TaggingNetwork, kept: Mapping[str, Tensor]) -> Generator[None]:
    """Within it the weights that masks leave out are zero; afterwards they are what they were."""
    before = {name: network.get_parameter(name).detach().clone() for name in kept}
    try:
        with held_at_zero(network, kept):
            yield
    finally:
        with torch.no_grad():
            for name, weights in before.items():
                network.get_parameter(name).copy_(weights)


def _smallest_left_out(weights: Sequence[Tensor], names: Sequence[str], sparsity: float) -> dict[str, Tensor]:
    sizes = [weight.numel() for weight in weights]
    magnitudes = torch.cat([weight.flatten() for weight in weights]).abs_()
    kept = torch.ones_like(magnitudes, dtype=torch.bool)
    kept[torch.topk(magnitudes, round(sparsity * len(magnitudes)), largest=False, sorted=False).indices] = False
    parts: tuple[Tensor, ...] = torch.split(kept, sizes)
    return {name: part.view(weight.shape) for name, part, weight in zip(names, parts, weights, strict=True)}
