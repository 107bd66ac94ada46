"""Masked language modelling: pieces are hidden and guessed from what stands around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.encoding import hidden_piece, padding_piece
from salin.pretraining.cost import Passes
from salin.pretraining.rows import RowText

IGNORED = -100


class MaskedRow(NamedTuple):
    """One row.

    Attributes:
        ids: The pieces, some of them hidden.
        labels: What stood where a piece is to be guessed, elsewhere `IGNORED`.
    """

    ids: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class MaskedRows:
    """The objective: of each row a share of the pieces is to be guessed (Devlin et al. 2019).

    Of these 80 % are hidden, 10 % replaced by random ones and 10 % left as they are.

    Attributes:
        tokenizer: Makes the pieces.
        text: What stands in a row.
        length: Pieces a row, special ones included.
        mask_rate: The share of pieces to guess.
    """

    tokenizer: PreTrainedTokenizerFast
    text: RowText
    length: int
    mask_rate: float

    @property
    def tokens_per_row(self) -> int:
        """Those of a full row."""
        return self.length

    @property
    def passes_per_row(self) -> Passes:
        """A row forward and back, and the vocabulary scored for what is to be guessed."""
        return Passes(self.length, self.length, self.mask_rate * self.length)

    def draw(self, rows: int, random: np.random.Generator) -> list[MaskedRow]:
        """Rows, each with its own text and its own places to guess."""
        return [self._mask(self._row(self.text(self.length, random)), random) for _ in range(rows)]

    def collate(self, examples: Sequence[MaskedRow]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, each `[rows, pieces of the longest]`."""
        width = max(len(example.ids) for example in examples)
        ids = np.full((len(examples), width), padding_piece(self.tokenizer), np.int64)
        labels = np.full(ids.shape, IGNORED, np.int64)
        attended = np.zeros(ids.shape, np.int64)
        for number, example in enumerate(examples):
            ids[number, : len(example.ids)] = example.ids
            labels[number, : len(example.ids)] = example.labels
            attended[number, : len(example.ids)] = 1
        arrays = {"input_ids": ids, "attention_mask": attended, "labels": labels}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def weight(self, examples: Sequence[MaskedRow]) -> float:
        """The number of pieces to guess."""
        return float(sum(int((example.labels != IGNORED).sum()) for example in examples))

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy in nats and accuracy in 0..1 of the pieces to guess, for which alone the vocabulary is scored.

        Args:
            model: An encoder with a masked-language-model head.
            batch: What `collate` made.
        """
        assert isinstance(model, PreTrainedModel)
        chosen = batch["labels"] != IGNORED
        logits = _logits(model, batch["input_ids"], batch["attention_mask"], chosen).float()
        labels = batch["labels"][chosen]
        accuracy = (logits.argmax(-1) == labels).float().mean()
        return {"loss": nn.functional.cross_entropy(logits, labels), "accuracy": accuracy.detach()}

    def _row(self, texts: list[str]) -> np.ndarray:
        cls, sep = self._ends
        ids: list[int] = [cls]
        if texts:
            for pieces in self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]:
                ids += [*pieces, sep]
        return np.array([*ids[: self.length - 1], sep] if len(ids) > self.length else ids, np.int64)

    def _mask(self, ids: np.ndarray, random: np.random.Generator) -> MaskedRow:
        chosen = ~np.isin(ids, self._special) & (random.random(ids.shape) < self.mask_rate)
        labels = np.where(chosen, ids, IGNORED)
        fate = random.random(ids.shape)
        ids = np.where(chosen & (fate < 0.8), hidden_piece(self.tokenizer), ids)
        ids = np.where(chosen & (fate >= 0.9), random.integers(len(self.tokenizer), size=ids.shape), ids)
        return MaskedRow(ids, labels)

    @cached_property
    def _special(self) -> list[int]:
        return list(self.tokenizer.all_special_ids)

    @cached_property
    def _ends(self) -> tuple[int, int]:
        """What begins a row and what ends each text, where the tokenizer has neither BERT's nor RoBERTa's names too."""
        named: Any = self.tokenizer
        cls = next((i for i in (named.cls_token_id, named.bos_token_id) if i is not None), padding_piece(named))
        sep = next((i for i in (named.sep_token_id, named.eos_token_id) if i is not None), padding_piece(named))
        return cls, sep


def _logits(model: PreTrainedModel, ids: Tensor, attended: Tensor, chosen: Tensor) -> Tensor:
    """Scores of the vocabulary at the chosen places, `[chosen, vocabulary]`; elsewhere they are not computed."""
    network: Any = model
    match model.config.model_type:
        case "bert":
            head = network.cls
        case "roberta" | "xlm-roberta":
            head = network.lm_head
        case "albert":
            head = network.predictions
        case "modernbert":
            head = nn.Sequential(network.head, network.decoder)
        case _:
            # Heads differ by architecture; this is right for all of them, and slower.
            return network(input_ids=ids, attention_mask=attended).logits[chosen]
    return head(network.base_model(input_ids=ids, attention_mask=attended).last_hidden_state[chosen])
