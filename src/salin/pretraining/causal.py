"""Causal language modelling: each piece is guessed from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.pretraining.cost import Passes
from salin.pretraining.packing import PackedRows
from salin.pretraining.vocabulary import vocabulary_loss


@dataclass(frozen=True)
class Causal:
    """The objective: the next piece, at every place of full rows.

    Attributes:
        rows: Makes them.
    """

    rows: PackedRows

    @property
    def tokens_per_row(self) -> int:
        """All pieces of a row, of which the last is only guessed."""
        return self.rows.length

    @property
    def passes_per_row(self) -> Passes:
        """What goes through a model for each row."""
        return Passes(*[self.rows.length - 1] * 3)

    def draw(self, rows: int, random: np.random.Generator) -> list[np.ndarray]:
        """Rows, each `[length]`."""
        return list(self.rows.draw(rows, random))

    def collate(self, examples: Sequence[np.ndarray]) -> dict[str, Tensor]:
        """`input_ids`, `[rows, length]`."""
        return {"input_ids": torch.from_numpy(np.stack(examples))}

    def weight(self, examples: Sequence[np.ndarray]) -> float:
        """The number of pieces that are guessed."""
        return float(len(examples) * (self.rows.length - 1))

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy in nats and accuracy in 0..1 of the next pieces.

        Args:
            model: A decoder with its language-model head.
            batch: What `collate` made.
        """
        assert isinstance(model, PreTrainedModel)
        head = model.get_output_embeddings()
        assert isinstance(head, nn.Linear)
        ids = batch["input_ids"]
        states = model.base_model(input_ids=ids[:, :-1]).last_hidden_state
        loss, accuracy = vocabulary_loss(head, states.flatten(0, 1), ids[:, 1:].flatten())
        return {"loss": loss, "accuracy": accuracy.detach()}
