"""Windows as padded tensors, in batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.encoding.windows import SPECIAL, Window


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows side by side.

    Attributes:
        input_ids: Pieces, `[rows, length]`.
        attention_mask: 1 for pieces and 0 for padding, `[rows, length]`.
        rows: The row of each decided word, `[words]`.
        heads: The position of each decided word's first piece in its row, `[words]`.
    """

    input_ids: Tensor
    attention_mask: Tensor
    rows: Tensor
    heads: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(*(tensor.to(device) for tensor in (self.input_ids, self.attention_mask, self.rows, self.heads)))

    def at_words(self, values: Tensor) -> Tensor:
        """What stands at the decided words: `[rows, length, ...]` to `[words, ...]`, window by window."""
        return values[self.rows, self.heads]


def collate(windows: Sequence[Window], pad: int) -> Batch:
    """Pads windows to the longest of them, on the right.

    Args:
        windows: The windows. Of none (sentences without words) a batch is made that decides no word: one row of one
            padding piece, since networks refuse a batch without rows.
        pad: The padding piece.
    """
    windows = windows or [filler(pad)]
    length = max(map(len, windows))
    input_ids = torch.full((len(windows), length), pad, dtype=torch.long)
    attention_mask = torch.zeros((len(windows), length), dtype=torch.long)
    for row, window in enumerate(windows):
        input_ids[row, : len(window)] = torch.tensor(window.pieces)
        attention_mask[row, : len(window)] = 1
    rows = torch.tensor([row for row, window in enumerate(windows) for _ in window.heads], dtype=torch.long)
    heads = torch.tensor([head for window in windows for head in window.heads], dtype=torch.long)
    return Batch(input_ids, attention_mask, rows, heads)


def filler(pad: int) -> Window:
    """A window of one padding piece, which decides nothing. It is attended, since a row of masked pieces gives NaN."""
    return Window(-1, (pad,), (SPECIAL,), (), ())


def length_buckets(lengths: Sequence[int], pieces: int) -> list[list[int]]:
    """Groups indices of like length so that padding is rare.

    Args:
        lengths: One a window.
        pieces: The most pieces a group may hold, padding included; a longer window stands alone.

    Returns:
        Groups from short to long; equal lengths keep their order.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups and (len(groups[-1]) + 1) * lengths[index] <= pieces:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
