"""Every parameter belongs to one layer, and layers have the names that readers know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from salin.analysis.layers import flat_layers, layers_of
from salin.models import Tagger
from tiny_models import ARCHITECTURES

BLOCKS = ["block 0", "block 1", "block 2"]
EXPECTED = {
    "bert": ["embeddings", *BLOCKS, "head", "transitions"],
    "xlm-roberta": ["embeddings", *BLOCKS, "head", "transitions"],
    "deberta-v2": ["embeddings", *BLOCKS, "encoder", "head", "transitions"],
    "modernbert": ["embeddings", *BLOCKS, "encoder", "head", "transitions"],
    "albert": ["embeddings", "encoder", "head", "transitions"],
    "llama": ["embeddings", *BLOCKS, "encoder", "head", "transitions"],
    "byte-bilstm:byte_hidden=3,word_hidden=3": [
        "embeddings", "byte LSTM 0", "byte LSTM 1", "word LSTM 0", "head", "transitions",
    ],
    "charner:byte_hidden=3,byte_layers=3": ["embeddings", "LSTM 0", "LSTM 1", "LSTM 2", "head"],
}  # fmt: skip


@pytest.mark.parametrize("kind", EXPECTED)
def test_layers_from_the_lowest_up(kind: str, model_folder: Callable[[str], Path]) -> None:
    encoder = model_folder(kind) if kind in ARCHITECTURES else kind
    head = "softmax" if kind.startswith("charner") else "crf"
    network = Tagger.on_encoder(encoder, ["PER"], head=head).network
    layers = layers_of(network)
    assert list(layers) == EXPECTED[kind]
    names = [name for some in layers.values() for name in some]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())


def test_the_values_of_a_layer_lie_one_behind_another() -> None:
    values = {"a": torch.tensor([[1.0, 2.0]]), "b": torch.tensor([3.0]), "c": torch.tensor([4.0])}
    found = dict(flat_layers(values, {"first": ("c", "a"), "second": ("b",)}))
    assert {layer: flat.tolist() for layer, flat in found.items()} == {"first": [4, 1, 2], "second": [3]}
