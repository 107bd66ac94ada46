"""Windows to padded batches, and back to words."""

from __future__ import annotations

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from salin.encoding import Window, collate, length_buckets

SHORT = Window(0, (2, 10, 3), (-1, 0, -1), (0,), (1,))
LONG = Window(1, (2, 20, 21, 22, 3), (-1, 0, 0, 1, -1), (0, 1), (1, 3))


def test_collate_pads_on_the_right() -> None:
    batch = collate([SHORT, LONG], pad=9)
    assert batch.input_ids.tolist() == [[2, 10, 3, 9, 9], [2, 20, 21, 22, 3]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_at_words_gives_what_stands_at_the_first_piece_of_each_word() -> None:
    batch = collate([SHORT, LONG], pad=9)
    assert batch.at_words(batch.input_ids).tolist() == [10, 20, 22]
    features = batch.input_ids[:, :, None].expand(-1, -1, 4)
    assert batch.at_words(features).shape == (3, 4)


def test_a_window_may_decide_nothing() -> None:
    filler = Window(-1, (9,), (-1,), (), ())
    batch = collate([filler, SHORT], pad=9)
    assert batch.rows.tolist() == [1]
    assert batch.attention_mask.tolist() == [[1, 0, 0], [1, 1, 1]]


def test_a_batch_of_no_windows_is_one_that_networks_take_and_that_decides_nothing() -> None:
    batch = collate([], pad=9)
    assert batch.input_ids.tolist() == [[9]]
    assert batch.attention_mask.tolist() == [[1]]  # a row without any attended piece would be NaN
    assert batch.at_words(torch.zeros(1, 1, 4)).shape == (0, 4)


def test_to_another_device_keeps_everything() -> None:
    batch = collate([SHORT], pad=9).to(torch.device("meta"))
    assert {t.device.type for t in (batch.input_ids, batch.attention_mask, batch.rows, batch.heads)} == {"meta"}


@given(lengths=st.lists(st.integers(1, 50), max_size=40), pieces=st.integers(1, 200))
def test_buckets_hold_each_window_once_and_keep_their_limit(lengths: list[int], pieces: int) -> None:
    groups = length_buckets(lengths, pieces)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    in_order = [index for group in groups for index in group]
    assert in_order == sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[index] for index in group) <= pieces


@given(lengths=st.lists(st.integers(1, 50), max_size=40), pieces=st.integers(1, 200))
def test_buckets_are_as_full_as_they_may_be(lengths: list[int], pieces: int) -> None:
    groups = length_buckets(lengths, pieces)
    for group, following in itertools.pairwise(groups):
        assert (len(group) + 1) * lengths[following[0]] > pieces
