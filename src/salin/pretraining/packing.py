"""Rows that are full to the last piece: passages one behind another, with a separator after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from transformers import PreTrainedTokenizerFast

from salin.encoding import closing_piece
from salin.errors import DataError

# About what a piece has in English: a passage is then about as long as a row.
_CHARACTERS_A_PIECE = 4
# So many passages without a single piece mean that there is no text.
_PATIENCE = 1000


class DrawsText(Protocol):
    """Text of which passages can be drawn."""

    def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
        """A language, and a passage in it of at least so many characters where the text does not end before."""
        ...


@dataclass(frozen=True)
class PackedRows:
    """Makes rows of pieces of text.

    What a row cannot take of a passage goes on in the next; only what the last of the rows asked for cannot take is
    left out.

    Attributes:
        tokenizer: Makes the pieces.
        text: What passages are drawn from.
        length: Pieces a row.
        opening: What stands before each passage, if anything.
    """

    tokenizer: PreTrainedTokenizerFast
    text: DrawsText
    length: int
    opening: int | None = None

    def draw(self, rows: int, random: np.random.Generator) -> np.ndarray:
        """So many rows, `[rows, length]`; nothing but `random` decides them.

        Raises:
            DataError: When the passages drawn hold no text.
        """
        separator = closing_piece(self.tokenizer)
        begun = [] if self.opening is None else [self.opening]
        pieces: list[int] = []
        empty = 0
        while len(pieces) < rows * self.length:
            _, passage = self.text.draw(self.length * _CHARACTERS_A_PIECE, random)
            found: list[int] = self.tokenizer(passage, add_special_tokens=False, verbose=False)["input_ids"]
            empty = 0 if found else empty + 1
            if empty > _PATIENCE:
                raise DataError(f"{_PATIENCE} passages drawn one after another hold no piece of text")
            if found:
                pieces += [*begun, *found, separator]
        return np.array(pieces[: rows * self.length], np.int64).reshape(rows, self.length)


def own_opening(tokenizer: PreTrainedTokenizerFast) -> int | None:
    """What a tokenizer puts before each text of itself, as those of Llama do: their models know no text without it."""
    opening: object = tokenizer.bos_token_id
    return opening if isinstance(opening, int) and tokenizer("")["input_ids"][:1] == [opening] else None
