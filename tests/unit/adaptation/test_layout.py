"""Several tasks side by side."""

from __future__ import annotations

import torch

from salin.adaptation.layout import lay_out
from salin.encoding import Window

PAD = 9
ONE = Window(0, (2, 10, 3), (-1, 0, -1), (0,), (1,))
TWO = Window(0, (2, 20, 21, 22, 3), (-1, 0, 0, 1, -1), (0, 1), (1, 3))


def test_each_task_has_the_same_rows() -> None:
    tasks = lay_out([[ONE], [TWO, ONE], []], PAD)
    assert (tasks.tasks, tasks.rows) == (3, 2)
    assert tasks.batch.input_ids.tolist() == [
        [2, 10, 3, 9, 9],
        [9, 9, 9, 9, 9],
        [2, 20, 21, 22, 3],
        [2, 10, 3, 9, 9],
        [9, 9, 9, 9, 9],
        [9, 9, 9, 9, 9],
    ]
    # A row that stands for nothing attends to one piece: a row without any would be NaN.
    assert tasks.batch.attention_mask.sum(1).tolist() == [3, 1, 5, 3, 1, 1]
    assert (tasks.batch.rows // tasks.rows).tolist() == [0, 1, 1, 1]


def test_only_real_pieces_are_taken() -> None:
    tasks = lay_out([[ONE], [TWO, ONE], []], PAD)
    values = tasks.batch.input_ids[:, :, None].double()
    values = values.masked_fill((tasks.batch.attention_mask == 0)[:, :, None], torch.nan)
    values[1] = values[4] = values[5] = torch.nan
    real = tasks.valid_rows(values)[:, :, 0]
    assert real.tolist() == [[2, 10, 3, 0, 0, 0, 0, 0], [2, 20, 21, 22, 3, 2, 10, 3], [0] * 8]
    assert tasks.present.sum(1).tolist() == [3, 8, 0]
    assert tasks.by_task(values).shape == (3, 10, 1)


def test_no_task_has_a_window() -> None:
    tasks = lay_out([[], []], PAD)
    assert (tasks.tasks, tasks.rows) == (2, 1)
    assert not tasks.present.any()
    assert len(tasks.batch.heads) == 0


def test_to_another_device_keeps_everything() -> None:
    moved = lay_out([[ONE]], PAD).to(torch.device("meta"))
    assert {moved.valid.device.type, moved.present.device.type, moved.batch.heads.device.type} == {"meta"}
