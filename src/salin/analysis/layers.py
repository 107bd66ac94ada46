"""Which of a network's parameters belong to which layer, so that networks of any kind are shown alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from salin.models.byte_config import ByteConfig
from salin.models.network import TaggingNetwork
from salin.models.parameters import block_stack

#: All layers of a network together.
ALL = "all"
_HEAD, _TRANSITIONS = "head", "transitions"
_LAST = (_HEAD, _TRANSITIONS)
_RECURRENT = re.compile(r"(?P<name>\w*lstm)\.\w+?_l(?P<layer>\d+)(_reverse)?$")


def layers_of(network: TaggingNetwork) -> dict[str, tuple[str, ...]]:
    """The names of all parameters by layer, from the lowest layer up.

    Layers are the embeddings, each block (`block 0`) or layer of an LSTM (`word LSTM 0`), the head, and a CRF's
    transitions. What an encoder has beside its blocks is `encoder`, and so are blocks that share one set of weights
    (ALBERT).

    Args:
        network: A tagger's network.
    """
    classifier = network.classifier
    config = classifier.config
    stack = None if isinstance(config, ByteConfig) else block_stack(classifier, config.num_hidden_layers)
    found: dict[str, list[str]] = {}
    for name, _ in network.named_parameters():
        found.setdefault(_layer(name.removeprefix("classifier."), stack, classifier.base_model_prefix), []).append(name)
    # Some architectures define their head before what is below it.
    order = sorted(found, key=lambda layer: _LAST.index(layer) if layer in _LAST else -1)
    return {layer: tuple(found[layer]) for layer in order}


def _layer(name: str, stack: str | None, base: str) -> str:
    if name.startswith("crf."):
        return _TRANSITIONS
    if stack is not None and name.startswith(f"{stack}."):
        return f"block {name.removeprefix(f'{stack}.').partition('.')[0]}"
    if (recurrent := _RECURRENT.search(name)) is not None:
        return f"{recurrent['name'].replace('_', ' ').replace('lstm', 'LSTM')} {recurrent['layer']}"
    if "embed" in name.lower():
        return "embeddings"
    return "encoder" if name.startswith(f"{base}.") else _HEAD


def flat_layers(values: Mapping[str, Tensor], layers: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Tensor]]:
    """The values of each layer's parameters, one behind another, layer by layer.

    Args:
        values: By parameter name.
        layers: As [layers_of][salin.analysis.layers.layers_of] gives them.
    """
    for layer, names in layers.items():
        yield layer, torch.cat([values[name].detach().flatten() for name in names])
