"""Hidden states of a model, without running what stands above them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.errors import SettingError
from salin.models.parameters import block_stack


class _Reached(Exception):
    """Ends a forward pass at the module whose input was asked for."""

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

    blocks_in_order = encoder.get_submodule(stack)
    assert isinstance(blocks_in_order, nn.ModuleList)
    states = input_of(blocks_in_order[layer], lambda: encoder(**inputs))
    assert states is not None, "the forward pass does not run its blocks"
    return states


def input_of(module: nn.Module, run: Callable[[], object]) -> Tensor | None:
    """What a module is called with; nothing behind it is run.

    Args:
        module: Part of a network.
        run: Calls the network.

    Returns:
        The first argument, or what is passed as `hidden_states`; None when the network does not call the module.
    """

    def stop(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> NoReturn:
        raise _Reached(arguments[0] if arguments else named["hidden_states"])

    handle = module.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        run()
    except _Reached as reached:
        return reached.states
    finally:
        handle.remove()
    return None
