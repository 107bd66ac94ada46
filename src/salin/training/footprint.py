"""How many pseudo-tasks go through a network at once, by what they take of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from salin.adaptation.rules import RuleName
from salin.encoding import length_buckets
from salin.models.network import TaggingNetwork
from salin.models.parameters import adapted_parameters

# Support pieces: more at once would be more padding, fewer more overhead.
_PIECES = 768
_BYTES = 2 << 30
# What the adapted layers are given and give: once for each step that is kept, and so often in graphs and their
# gradients, as measured with encoders of 256 and 768 dimensions.
_COPIES = 3


@dataclass(frozen=True)
class Footprint:
    """What a meta-training step takes for a while.

    Attributes:
        piece: Bytes for each piece of the supports.
        task: Bytes for each task, however short.
        budget: Bytes that a group of tasks may take.
    """

    piece: int
    task: int
    budget: int = _BYTES

    @classmethod
    def of(cls, network: TaggingNetwork, frozen_blocks: int | None, rule: RuleName, steps: int) -> Footprint:
        """For a network, an inner rule and its number of steps.

        Args:
            network: A tagger's network.
            frozen_blocks: Blocks that are not adapted.
            rule: `sgd` keeps factors, `bertadam` has a whole weight for each task in the graph of a loss.
            steps: Inner steps.
        """
        found = map(network.get_submodule, adapted_parameters(network, frozen_blocks).modules)
        layers = [module for module in found if isinstance(module, nn.Linear)]
        size = next(network.parameters()).element_size()
        wide = size * sum(layer.in_features + layer.out_features for layer in layers)
        weights = size * sum(layer.weight.numel() for layer in layers)
        return cls(wide * (steps + _COPIES), 0 if rule == "sgd" else weights)

    def groups(self, pieces: Sequence[int]) -> list[list[int]]:
        """Tasks of like length in groups that fit the budget; a task that does not fit it is a group of its own.

        Args:
            pieces: Of each task's supports.
        """
        return length_buckets([max(self.budget // _PIECES, self.piece) * n + self.task for n in pieces], self.budget)
