"""What an objective of pretraining is: it draws examples, makes batches of them, and says how wrong a model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor, nn

from salin.pretraining.cost import Passes

Example = TypeVar("Example")


class PretrainingObjective(Protocol[Example]):
    """One of the things that pretraining minimises, such as masked language modelling.

    A step of pretraining consists of groups of rows. What objective each group has is drawn by the weights of the mix;
    the examples of all groups that have the same one are put into one batch. Several processes each make all examples
    and keep their part of them, so that an example must be a pure function of `random`. Objectives of one class in a
    mixture share batches: they differ in what they draw alone.
    """

    @property
    def tokens_per_row(self) -> int:
        """How many pieces of text are read for each row that was asked for; what "equal tokens" counts."""
        ...

    @property
    def passes_per_row(self) -> Passes:
        """What goes through a model for each of these rows; what "equal compute" counts."""
        ...

    def draw(self, rows: int, random: np.random.Generator) -> Sequence[Example]:
        """The examples of one group: as much text as `rows` rows, in examples that can be dealt out to processes.

        Args:
            rows: How many rows of text the group has.
            random: Decides everything.
        """
        ...

    def collate(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """One batch of some examples, perhaps of several groups."""
        ...

    def weight(self, examples: Sequence[Example]) -> float:
        """What the loss of `collate(examples)` is a mean over: the number of predicted pieces, of episodes, ..."""
        ...

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scalars, each a mean over what `weight` counts: `loss` is minimised, all are logged.

        Args:
            model: A language model with its head.
            batch: What `collate` made, on the device of the model.
        """
        ...
