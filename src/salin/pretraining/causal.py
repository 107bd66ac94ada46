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

# Decoders whose scores are what their output layer gives. Others scale or cap them (Gemma 2, Cohere).
_PLAIN = {
    "bloom", "gemma", "gpt2", "gpt_neox", "llama", "mistral", "olmo", "olmo2", "opt", "phi", "qwen2", "qwen3",
    "smollm3", "stablelm", "starcoder2", "xglm",
}  # fmt: skip


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
        return Passes(*[self.rows.length - 1] * 3, attended=self.rows.length - 1)

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
        ids, wanted = batch["input_ids"][:, :-1], batch["input_ids"][:, 1:].flatten()
        if model.config.model_type in _PLAIN:
            head = model.get_output_embeddings()
            assert isinstance(head, nn.Linear)
            states = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
            loss, accuracy = vocabulary_loss(head, states.flatten(0, 1), wanted)
        else:  # right for any, and slower
            logits = model(input_ids=ids, use_cache=False).logits.flatten(0, 1).float()
            loss, accuracy = nn.functional.cross_entropy(logits, wanted), (logits.argmax(-1) == wanted).float().mean()
        return {"loss": loss, "accuracy": accuracy.detach()}
