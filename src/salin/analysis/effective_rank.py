"""How many directions a weight matrix uses: its effective rank, as a share of the most that it could have.

With singular values s and p = s / sum(s), the effective rank is exp(-sum(p log p)) (Roy and Vetterli 2007), from 1 to
the number of singular values; divided by that number it is the proportional effective rank of Diehl Martinez et al.
2024 ("Tending Towards Stability") as their `pico-analyze` computes it. Matrices of random numbers have 0.80 where they
are square and 0.97 where one side is four times the other: the same matrix of two models can be compared, matrices of
other shapes cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from salin.models.parameters import block_stack

Kind = Literal["value", "attention output", "feed-forward output"]
KINDS: tuple[Kind, ...] = ("value", "attention output", "feed-forward output")


@dataclass(frozen=True, slots=True)
class MatrixRank:
    """The effective rank of one matrix.

    Attributes:
        name: Of its module in the encoder.
        block: The block that it is in, counted from 0; 0 for blocks that share one set of weights (ALBERT).
        kind: What it does.
        effective_rank: From 1 to `full`.
        full: The smaller of its sides.
        proportion: The first divided by the second.
    """

    name: str
    block: int
    kind: Kind
    effective_rank: float
    full: int
    proportion: float


def effective_rank(matrix: Tensor) -> float:
    """The exponential of the entropy of a matrix's singular values, as a distribution; 0 for a matrix of zeros."""
    values = torch.linalg.svdvals(matrix.detach().double())
    total = values.sum()
    entropy: Tensor = torch.special.entr(values / total).sum()
    return entropy.exp().item() if total > 0 else 0.0


def encoder_ranks(encoder: PreTrainedModel) -> list[MatrixRank]:
    """The effective ranks of the value, attention output and feed-forward output matrices of each block.

    Args:
        encoder: An encoder or decoder of transformers, without a head.

    Returns:
        From the lowest block up. What an architecture does not have as a matrix of its own is left out, such as the
        values where one matrix holds queries, keys and values mixed head by head (GPT-NeoX), or feed-forward layers
        that are many (mixtures of experts).
    """
    ranks: list[MatrixRank] = []
    for block, prefix, module in _blocks(encoder):
        for kind, name, weight in _outputs(module, encoder.config.hidden_size):
            full, rank = min(weight.shape), effective_rank(weight)
            ranks.append(MatrixRank(f"{prefix}.{name}".strip("."), block, kind, rank, full, rank / full))
    return ranks


def _blocks(encoder: PreTrainedModel) -> Iterator[tuple[int, str, nn.Module]]:
    stack = block_stack(encoder, encoder.config.num_hidden_layers)
    if stack is None:
        yield 0, "", encoder
        return
    for number, block in enumerate(cast(nn.ModuleList, encoder.get_submodule(stack))):
        yield number, f"{stack}.{number}", block


def _outputs(block: nn.Module, hidden: int) -> Iterator[tuple[Kind, str, Tensor]]:
    """Told by where they stand, since each architecture has names of its own.

    What ends attention is its last linear layer, and what ends the feed-forward layer is the last of the others that
    gives hidden states.
    """
    linear = [
        (name, module)
        for name, module in cast(Iterator[tuple[str, nn.Module]], block.named_modules())
        if isinstance(module, nn.Linear | Conv1D) and "pooler" not in name and "embed" not in name
    ]
    attention = [(name, module) for name, module in linear if "att" in name]
    for name, module in attention:
        if (values := _values(name.rpartition(".")[2], module, hidden)) is not None:
            yield "value", name, values
    if attention:
        name, module = attention[-1]
        yield "attention output", name, module.weight
    others = [(name, module) for name, module in linear if "att" not in name and _width(module) == hidden]
    if others:
        name, module = others[-1]
        yield "feed-forward output", name, module.weight


def _values(name: str, module: nn.Linear | Conv1D, hidden: int) -> Tensor | None:
    """The matrix that makes the values, where this module holds it."""
    if name.startswith("v"):
        return module.weight
    if _width(module) != 3 * hidden:
        return None
    if name == "Wqkv":  # ModernBERT: queries, keys, values
        return module.weight[2 * hidden :]
    # GPT-2: the same in this order, transposed.
    return module.weight[:, 2 * hidden :] if name == "c_attn" and isinstance(module, Conv1D) else None


def _width(module: nn.Linear | Conv1D) -> int:
    return module.weight.shape[1] if isinstance(module, Conv1D) else module.out_features
