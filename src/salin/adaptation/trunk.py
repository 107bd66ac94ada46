"""The part of a network that no task adapts: the same in every step on the same supports, so it is computed once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from salin.models.network import TaggingNetwork
from salin.models.parameters import block_stack


class Trunk:
    """The blocks below the lowest one that is adapted.

    Where all blocks share one set of weights (ALBERT) there are none.

    Args:
        network: A tagger's network.
        modules: Names of what is adapted.
    """

    def __init__(self, network: TaggingNetwork, modules: Sequence[str]):
        self._network = network
        count = network.classifier.config.num_hidden_layers
        stack = block_stack(network.classifier, count)
        self.blocks: list[nn.Module] = []
        if stack is not None:
            places = [
                place for place in range(count) if any(m.startswith(f"classifier.{stack}.{place}.") for m in modules)
            ]
            blocks = cast(nn.ModuleList, network.classifier.get_submodule(stack))
            self.blocks = list(blocks)[: min(places, default=count)]

    @contextmanager
    def computed_once(self) -> Generator[None]:
        """Within it these blocks give what they gave first: all forwards must be of the same batch.

        Unless random numbers were drawn up to the last of them: where there is dropout, each forward has its own.
        """
        if not self.blocks:
            yield
            return
        before: list[Tensor] = []

        def begin(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            before[:] = [_random_state(self._network.device)]

        handle = self._network.register_forward_pre_hook(begin)
        known: list[Any] = []
        own = [vars(block).get("forward") for block in self.blocks]
        for place, block in enumerate(self.blocks):
            block.forward = self._remembering(block.forward, place, known, before)
        try:
            yield
        finally:
            handle.remove()
            for block, forward in zip(self.blocks, own, strict=True):
                if forward is None:
                    del block.forward
                else:
                    block.forward = forward

    def _remembering(
        self, forward: Callable[..., Any], place: int, known: list[Any], before: Sequence[Tensor]
    ) -> Callable[..., Any]:
        def remembered(*arguments: Any, **named: Any) -> Any:
            if len(known) == len(self.blocks):
                return known[place]
            if place == 0:
                known.clear()
            output = forward(*arguments, **named)
            known.append(output)
            if not torch.equal(before[0], _random_state(self._network.device)):
                known.clear()
            return output

        return remembered


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
