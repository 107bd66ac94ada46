"""Masked language modelling: pieces are hidden and guessed from what stands around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.encoding import hidden_piece, padding_piece
from salin.models.hidden import input_of
from salin.pretraining.cost import Passes
from salin.pretraining.rows import RowText
from salin.pretraining.vocabulary import vocabulary_loss

IGNORED = -100
_LONGEST_WORD = 5
# Rows from which the mean size of a row is taken.
_SAMPLE = 200


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
        whole_words: Whether the pieces of a word are chosen together, so that none of them tells the others.
    """

    tokenizer: PreTrainedTokenizerFast
    text: RowText
    length: int
    mask_rate: float
    whole_words: bool = False

    @property
    def tokens_per_row(self) -> int:
        """Those of a row on average: not every row is full."""
        return round(self._size[0])

    @property
    def passes_per_row(self) -> Passes:
        """A row forward and back, and the vocabulary scored for what is to be guessed."""
        pieces, guessed = self._size
        return Passes(pieces, pieces, guessed, attended=pieces)

    @cached_property
    def _size(self) -> tuple[float, float]:
        """Pieces of a row, and how many of them are to be guessed: means of some rows that nobody trains on."""
        rows = self.draw(_SAMPLE, np.random.default_rng(0))
        guessed = sum(int((row.labels != IGNORED).sum()) for row in rows)
        return sum(len(row.ids) for row in rows) / _SAMPLE, guessed / _SAMPLE

    def draw(self, rows: int, random: np.random.Generator) -> list[MaskedRow]:
        """Rows, each with its own text and its own places to guess."""
        return [self._mask(*self._row(self.text(self.length, random)), random) for _ in range(rows)]

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
        labels, inputs = batch["labels"][chosen], {name: batch[name] for name in ("input_ids", "attention_mask")}
        head = cast("nn.Linear | None", model.get_output_embeddings())
        states = None if head is None else input_of(head, lambda: model(**inputs))
        if head is not None and states is not None:
            loss, accuracy = vocabulary_loss(head, states[chosen], labels)
        else:  # a head that is no layer of its own: right, and slower
            logits = model(**inputs).logits[chosen].float()
            loss, accuracy = nn.functional.cross_entropy(logits, labels), (logits.argmax(-1) == labels).float().mean()
        return {"loss": loss, "accuracy": accuracy.detach()}

    def _row(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """The pieces of a row, and for each of them the number of what is chosen as one."""
        cls, sep = self._ends
        ids: list[int] = [cls]
        units: list[int] = [0]
        if texts:
            encoded = self.tokenizer(texts, add_special_tokens=False, verbose=False)
            for number, pieces in enumerate(encoded["input_ids"]):
                ids += [*pieces, sep]
                words = encoded.word_ids(number) if self.whole_words else range(len(pieces))
                units += [*_units(words, units[-1] + 1), units[-1] + 1 + len(pieces)]
        if len(ids) > self.length:
            ids, units = [*ids[: self.length - 1], sep], units[: self.length]
        return np.array(ids, np.int64), np.array(units, np.int64)

    def _mask(self, ids: np.ndarray, units: np.ndarray, random: np.random.Generator) -> MaskedRow:
        drawn = random.random(int(units[-1]) + 1) < self.mask_rate
        chosen = ~np.isin(ids, self._special) & drawn[units]
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


def _units(words: Iterable[int | None], first: int) -> Iterator[int]:
    """Numbers of the words that pieces belong to, from a first one upwards.

    Where a script has no spaces, what a tokenizer takes for a word may be a whole clause: after so many pieces another
    begins.
    """
    number, length, last = first - 1, 0, None
    for place, word in enumerate(words):
        if place == 0 or word is None or word != last or length == _LONGEST_WORD:
            number, length, last = number + 1, 0, word
        length += 1
        yield number
