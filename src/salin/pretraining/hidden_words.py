"""Sentences in which a word is hidden, as rows of pieces, and what a model makes of the place where it stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.encoding import closing_piece, hidden_piece, length_buckets, opening_piece, padding_piece
from salin.pretraining.word_index import Occurrence

# So many pieces go through a model together, padding included; more rows of like length gain nothing on a CPU, and
# hardly anything on a GPU.
_PIECES_A_GROUP = {"cpu": 2048}
_PIECES_ELSEWHERE = 65_536


@dataclass(frozen=True, slots=True)
class HiddenWords:
    """Rows in which one piece stands for a hidden word, however many pieces the word itself has.

    As many as the word's would tell how long it is, which alone tells many words apart.

    Attributes:
        ids: Pieces, `[rows, length]`.
        mask: 1 for pieces and 0 for padding, `[rows, length]`.
        places: Where each row's hidden word is, `[rows]`.
    """

    ids: Tensor
    mask: Tensor
    places: Tensor


@dataclass(frozen=True)
class HidesWords:
    """Makes such rows.

    An encoder sees what stands on both sides of the word. A decoder sees what stands on its left, so its row ends at
    the hidden word: the rest would cost time and change nothing. The word's place is filled in either case, as it is in
    the published tasks, by the mask (or what the tokenizer has in its stead). A decoder could also be asked at the
    piece before; but what it has to say there, its causal objective already teaches it to say of the whole vocabulary.

    Attributes:
        tokenizer: Makes the pieces.
        length: Pieces a row at most; what is furthest from the hidden word is left out.
        decodes: Whether rows are for a decoder.
    """

    tokenizer: PreTrainedTokenizerFast
    length: int
    decodes: bool

    def __call__(self, occurrences: Sequence[Occurrence]) -> HiddenWords:
        """One row for each word in its sentence."""
        lefts = self._pieces([occurrence.left.rstrip() for occurrence in occurrences])
        rights = self._pieces([occurrence.right for occurrence in occurrences])
        rows = [self._row(left, right) for left, right in zip(lefts, rights, strict=True)]
        hidden = hidden_piece(self.tokenizer)
        ids = np.full((len(rows), max(len(row) for row, _ in rows)), padding_piece(self.tokenizer), np.int64)
        for line, (row, place) in zip(ids, rows, strict=True):
            line[: len(row)] = row
            line[place] = hidden
        mask = np.arange(ids.shape[1])[None] < np.array([[len(row)] for row, _ in rows])
        places = np.array([place for _, place in rows])
        return HiddenWords(*(torch.from_numpy(values) for values in (ids, mask.astype(np.int64), places)))

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        return self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]

    def _row(self, left: list[int], right: list[int]) -> tuple[list[int], int]:
        """A row, and the place in it that is to be hidden."""
        hidden = hidden_piece(self.tokenizer)
        if self.decodes:
            seen = left[max(0, len(left) + 1 - self.length) :]
            return [*seen, hidden], len(seen)
        room = self.length - 3
        before = min(len(left), max(room // 2, room - len(right)))
        row = [opening_piece(self.tokenizer), *left[len(left) - before :], hidden, *right[: room - before]]
        return [*row, closing_piece(self.tokenizer)], before + 1


def states_at(model: nn.Module, words: HiddenWords) -> Tensor:
    """What the last block of a language model gives at the hidden words, `[rows, hidden]`.

    Rows of like length go through it together.
    """
    assert isinstance(model, PreTrainedModel)
    lengths: list[int] = words.mask.sum(1).tolist()
    most = _PIECES_A_GROUP.get(words.ids.device.type, _PIECES_ELSEWHERE)
    found: list[Tensor] = []
    order: list[int] = []
    for group in length_buckets(lengths, most):
        rows = torch.tensor(group, device=words.ids.device)
        width = lengths[group[-1]]
        output = model.base_model(input_ids=words.ids[rows, :width], attention_mask=words.mask[rows, :width])
        found.append(output.last_hidden_state[torch.arange(len(group), device=rows.device), words.places[rows]])
        order += group
    back = torch.tensor(np.argsort(order), device=words.ids.device)
    return torch.cat(found)[back]
