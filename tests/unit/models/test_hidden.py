"""Hidden states equal those of a whole forward pass, and no block above them is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from salin.errors import SettingError
from salin.models.hidden import hidden_states
from salin.models.loading import load_encoder
from salin.models.parameters import block_stack
from tiny_models import ARCHITECTURES

IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 5, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_every_layer(model_folder: Callable[[str], Path], architecture: str) -> None:
    encoder = load_encoder(model_folder(architecture))
    whole = encoder(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    for layer in (*range(len(whole)), -1):
        found = hidden_states(encoder, IDS, MASK, layer)
        assert torch.equal(found[MASK.bool()], whole[layer][MASK.bool()])
    again = encoder(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    assert torch.equal(again[-1][MASK.bool()], whole[-1][MASK.bool()]), "no hook is left behind"
    with pytest.raises(SettingError, match=f"layer {len(whole)} asked of an encoder with {len(whole) - 1} blocks"):
        hidden_states(encoder, IDS, MASK, len(whole))


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "albert"])
@torch.no_grad()
def test_blocks_above_are_not_run(model_folder: Callable[[str], Path], architecture: str) -> None:
    encoder = load_encoder(model_folder(architecture))
    stack = block_stack(encoder, encoder.config.num_hidden_layers)
    assert stack is not None
    blocks = encoder.get_submodule(stack)
    assert isinstance(blocks, nn.ModuleList)
    ran: list[int] = []
    for place, block in enumerate(blocks):
        block.register_forward_hook(lambda module, arguments, output, place=place: ran.append(place))
    for layer in range(len(blocks)):
        ran.clear()
        hidden_states(encoder, IDS, MASK, layer)
        assert ran == list(range(layer))
