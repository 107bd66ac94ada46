"""Several tasks side by side in one batch, so that a layer can tell whose rows it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.encoding import Batch, Window, collate
from salin.encoding.batching import filler


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """Windows of several tasks, the same number of rows for each.

    Attributes:
        batch: Row `task * rows + i` is the task's i-th window; missing ones are filled with rows of one padding piece.
        tasks: The number of tasks.
        rows: Rows a task.
        valid: Where the real pieces of each task stand, `[tasks, most pieces of a task]`: indices into
            `tasks * rows * length`. Shorter tasks repeat their first place, and `present` tells them.
        present: Which entries of `valid` are real, same shape.
        absent: Those that are not: indices into the flattened `valid`.
    """

    batch: Batch
    tasks: int
    rows: int
    valid: Tensor
    present: Tensor
    absent: Tensor

    def to(self, device: torch.device) -> TaskBatch:
        """The same batch on another device."""
        moved = (tensor.to(device) for tensor in (self.valid, self.present, self.absent))
        return TaskBatch(self.batch.to(device), self.tasks, self.rows, *moved)

    def by_task(self, values: Tensor) -> Tensor:
        """Gathers what stands in the rows by task.

        Args:
            values: `[tasks * rows, length, size]`, or the same with its first two axes as one.

        Returns:
            `[tasks, rows * length, size]`.
        """
        return values.reshape(self.tasks, -1, values.shape[-1])

    def valid_rows(self, values: Tensor) -> Tensor:
        """The real pieces of each task alone, `[tasks, most pieces of a task, size]`, zeros behind them.

        Padding is dropped, not multiplied by zero: what a network computes there may be anything, NaN too.
        """
        size = values.shape[-1]
        if self.rows == 1 and not len(self.absent):
            return values.reshape(self.tasks, -1, size)
        taken = values.reshape(-1, size).index_select(0, self.valid.flatten())
        return taken.index_fill_(0, self.absent, 0).view(*self.valid.shape, size)


def lay_out(tasks: Sequence[Sequence[Window]], pad: int) -> TaskBatch:
    """Puts the windows of several tasks into one batch.

    Args:
        tasks: The windows of each task; a task may have none.
        pad: The padding piece.
    """
    rows = max(1, *(len(windows) for windows in tasks)) if tasks else 1
    flat = [window for windows in tasks for window in (*windows, *[filler(pad)] * (rows - len(windows)))]
    batch = collate(flat, pad)
    length = batch.input_ids.shape[1]
    real = [
        [row * length + i for row, window in enumerate(windows) for i in range(len(window))] or [0] for windows in tasks
    ]
    most = max(map(len, real))
    valid = torch.tensor([places + [0] * (most - len(places)) for places in real])
    valid += rows * length * torch.arange(len(tasks))[:, None]
    counts = torch.tensor([sum(map(len, windows)) for windows in tasks])
    present = torch.arange(most)[None] < counts[:, None]
    absent = torch.nonzero(~present.flatten()).flatten()
    return TaskBatch(batch, len(tasks), rows, valid, present, absent)
