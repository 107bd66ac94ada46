"""Effective rank against its definition, and the matrices that are meant, architecture by architecture."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DistilBertConfig, DistilBertModel, GPT2Config, GPT2Model, GPTNeoXConfig, GPTNeoXModel

from salin.analysis.effective_rank import KINDS, effective_rank, encoder_ranks
from salin.models.loading import load_encoder


def test_equal_directions_count_one_each() -> None:
    assert effective_rank(torch.eye(7)) == pytest.approx(7)
    assert effective_rank(torch.eye(7)[:3] * 5) == pytest.approx(3)
    assert effective_rank(torch.outer(torch.arange(1.0, 5), torch.ones(9))) == pytest.approx(1, abs=1e-6)
    assert effective_rank(torch.zeros(4, 4)) == 0


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_it_is_the_exponential_of_an_entropy(rows: int, columns: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    values = [value for value in np.linalg.svd(matrix)[1] if value > 0]
    shares = [value / sum(values) for value in values]
    expected = exp(-sum(share * log(share) for share in shares))
    assert effective_rank(torch.tensor(matrix)) == pytest.approx(expected)
    assert effective_rank(torch.tensor(matrix.T * 3)) == pytest.approx(expected), "transposed and scaled"


MEANT = {
    "bert": ("attention.self.value", "attention.output.dense", "output.dense"),
    "xlm-roberta": ("attention.self.value", "attention.output.dense", "output.dense"),
    "deberta-v2": ("attention.self.value_proj", "attention.output.dense", "output.dense"),
    "modernbert": ("attn.Wqkv", "attn.Wo", "mlp.Wo"),
    "llama": ("self_attn.v_proj", "self_attn.o_proj", "mlp.down_proj"),
}


@pytest.mark.parametrize("architecture", MEANT)
def test_the_three_matrices_of_each_block(model_folder: Callable[[str], Path], architecture: str) -> None:
    encoder = load_encoder(model_folder(architecture))
    found = encoder_ranks(encoder)
    assert [(rank.block, rank.kind) for rank in found] == [(block, kind) for block in range(3) for kind in KINDS]
    for block in range(3):
        for rank, name in zip(found[3 * block : 3 * block + 3], MEANT[architecture], strict=True):
            assert rank.name.endswith(f".{block}.{name}")
            assert rank.proportion == rank.effective_rank / rank.full
            weight = encoder.get_submodule(rank.name).weight
            if name == "attn.Wqkv":
                weight = weight[32:]  # 16 rows of queries, 16 of keys, then values
            assert rank.full == min(weight.shape)
            assert rank.effective_rank == effective_rank(weight)


def test_blocks_with_one_set_of_weights_are_one(model_folder: Callable[[str], Path]) -> None:
    found = encoder_ranks(load_encoder(model_folder("albert")))
    assert [(rank.block, rank.kind) for rank in found] == [(0, kind) for kind in KINDS]
    layer = "encoder.albert_layer_groups.0.albert_layers.0"
    parts = ("attention.value", "attention.dense", "ffn_output")
    assert [rank.name for rank in found] == [f"{layer}.{part}" for part in parts]


def test_other_architectures_by_where_their_layers_stand() -> None:
    distil = DistilBertModel(DistilBertConfig(vocab_size=20, dim=8, hidden_dim=12, n_layers=1, n_heads=2))
    parts = ["attention.v_lin", "attention.out_lin", "ffn.lin2"]
    assert [rank.name.split(".", 3)[-1] for rank in encoder_ranks(distil)] == parts

    gpt2 = GPT2Model(GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2))
    value, *others = encoder_ranks(gpt2)
    assert [rank.name for rank in others] == ["h.0.attn.c_proj", "h.0.mlp.c_proj"]
    transposed = gpt2.get_parameter("h.0.attn.c_attn.weight")
    assert value.effective_rank == effective_rank(transposed[:, 16:])


def test_values_that_are_mixed_with_queries_head_by_head_are_left_out() -> None:
    config = GPTNeoXConfig(
        vocab_size=20, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2
    )
    assert [rank.kind for rank in encoder_ranks(GPTNeoXModel(config))] == ["attention output", "feed-forward output"]
