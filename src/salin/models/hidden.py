"""Hidden states of an encoder, without running the blocks above them."""

from __future__ import annotations

from typing import Any, NoReturn

from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.errors import SettingError
from salin.models.parameters import block_stack


class _Reached(Exception):
    """Ends a forward pass at the block whose input was asked for."""

    def __init__(self, states: Tensor):
        self.states = states


def hidden_states(encoder: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, layer: int) -> Tensor:
    """What a layer of an encoder gives; the blocks above it are not run.

    Where all blocks share one set of weights (ALBERT) the whole encoder is run.

    Args:
        encoder: The encoder, without a head.
        input_ids: `[rows, length]`.
        attention_mask: `[rows, length]`.
        layer: 0 is the embedding output, i the i-th block's output, -1 the encoder's own output.

    Returns:
        `[rows, length, hidden]`.

    Raises:
        SettingError: When the encoder has no such layer.
    """
    blocks = encoder.config.num_hidden_layers
    if not -1 <= layer <= blocks:
        raise SettingError(f"vectors of layer {layer} asked of an encoder with {blocks} blocks")
    stack = block_stack(encoder, blocks)
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    if stack is None or layer in (-1, blocks):
        return encoder(**inputs, output_hidden_states=True).hidden_states[layer]

    def stop(block: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> NoReturn:
        raise _Reached(arguments[0] if arguments else named["hidden_states"])

    blocks_in_order = encoder.get_submodule(stack)
    assert isinstance(blocks_in_order, nn.ModuleList)
    handle = blocks_in_order[layer].register_forward_pre_hook(stop, with_kwargs=True)
    try:
        encoder(**inputs)
    except _Reached as reached:
        return reached.states
    finally:
        handle.remove()
    raise AssertionError("the forward pass does not run its blocks")
