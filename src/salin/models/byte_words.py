"""Where the words of a batch of bytes lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from salin.encoding.bytes import BOUNDARY


@dataclass(frozen=True, slots=True)
class ByteWords:
    """The words of a batch, row by row.

    Attributes:
        pieces: The batch, in which what is no byte of a word is a boundary, `[rows, length]`.
        word: The word of each piece; for a boundary that of the word before it in the batch, and 0 where there is none,
            `[rows, length]`.
        starts: The place of each word's first byte in the flattened batch, `[words]`.
        lengths: The bytes of each word, `[words]`.
        first: Whether a word is the first of its row, `[words]`.
        counts: How many words each row has, of those that have any, `[rows with words]`.
    """

    pieces: Tensor
    word: Tensor
    starts: Tensor
    lengths: Tensor
    first: Tensor
    counts: Tensor

    @classmethod
    def of(cls, input_ids: Tensor, attention_mask: Tensor) -> ByteWords:
        """Finds the words.

        Args:
            input_ids: Bytes with boundaries between words, as a `ByteWindower` makes them, `[rows, length]`.
            attention_mask: 0 for padding, `[rows, length]`.
        """
        pieces = torch.where(attention_mask.bool(), input_ids, BOUNDARY)
        inside = pieces != BOUNDARY
        begins = inside.clone()
        begins[:, 1:] &= ~inside[:, :-1]
        number = (begins.flatten().cumsum(0) - 1).clamp(min=0).view_as(pieces)
        starts = torch.nonzero(begins.flatten()).flatten()
        lengths = torch.bincount(number[inside], minlength=len(starts))
        counts = begins.sum(1)
        counts = counts[counts > 0]
        first = torch.zeros_like(starts, dtype=torch.bool)
        first[counts.cumsum(0) - counts] = True
        return cls(pieces, number, starts, lengths, first, counts)

    def different(self) -> tuple[Tensor, Tensor, Tensor]:
        """The different words, each once.

        Returns:
            Their bytes one behind another, `[sum of lengths]`; their lengths, `[different words]`; and which of them
            each word is, `[words]`.
        """
        longest = int(self.lengths.max()) if len(self.lengths) else 1
        inside = torch.arange(longest, device=self.pieces.device) < self.lengths[:, None]
        places = (self.starts[:, None] + torch.arange(longest, device=self.pieces.device)).where(inside, 0)
        rows = self.pieces.flatten()[places].where(inside, BOUNDARY)
        unique, which = cast(tuple[Tensor, Tensor], torch.unique(rows, dim=0, return_inverse=True))
        inside = unique != BOUNDARY
        return unique[inside], inside.sum(1), which

    def at_pieces(self, values: Tensor) -> Tensor:
        """Values of words at each of their bytes: `[words, ...]` to `[rows, length, ...]`; anything at other pieces."""
        if not len(values):
            return values.new_zeros(*self.word.shape, *values.shape[1:]) + values.sum()
        return values[self.word]
