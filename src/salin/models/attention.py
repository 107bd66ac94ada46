"""Which implementation of attention trains fastest."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

#: What transformers knows plain attention by.
PLAIN = "salin_plain"
# The types it was tried with.
_KNOWN = {"bert", "electra", "roberta", "xlm-roberta", "modernbert", "llama"}
# Plain attention takes time and memory by the square of a row's length; at 512 pieces it is the slower one.
_SHORT = 256


@contextmanager
def training_attention(model: PreTrainedModel, length: int, precision: str) -> Generator[None]:
    """Within it a model that trains in bf16 on a CPU uses plain attention for short rows.

    There the backward pass of torch's fused attention is slow, the more so the smaller a head is; in fp32 and for long
    rows it is the faster one. `benchmarks/training_attention.py` says by how much; tagging takes about the same time
    with both.

    Args:
        model: A transformers model; afterwards it has the implementation that it came with.
        length: Pieces of the longest row.
        precision: What it trains in, `fp32` or `bf16`.
    """
    before = model.config._attn_implementation  # pyright: ignore[reportPrivateUsage]: there is no other way to ask
    plain = model.config.model_type in _KNOWN and length <= _SHORT and precision == "bf16"
    changed = plain and not torch.cuda.is_available()
    if changed:
        model.set_attn_implementation(PLAIN)
    try:
        yield
    finally:
        if changed and before is not None:
            model.set_attn_implementation(before)


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    scaling: float | None = None, dropout: float = 0.0, **_: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Attention as it is written down, `[rows, length, heads, head]` of queries `[rows, heads, length, head]`.

    transformers has the same as `eager`, with a softmax in fp32 and two more copies of the scores.
    """
    shared = query.shape[1] // key.shape[1]
    if shared > 1:
        key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
    scores = query * (query.shape[-1] ** -0.5 if scaling is None else scaling) @ key.transpose(-1, -2)
    if attention_mask is not None:
        scores = scores + attention_mask.to(scores.dtype)
    weights = functional.dropout(scores.softmax(-1), dropout, module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


def _mask(*args: Any, **kwargs: Any) -> Tensor:
    """0 where a piece may look and a very low number where it may not.

    Not the lowest there is: a score beside it would make it -inf, and a row of which nothing is seen, as a sliding
    window leaves in padding, NaN.
    """
    allowed = sdpa_mask(*args, **{**kwargs, "allow_is_causal_skip": False, "allow_is_bidirectional_skip": False})
    assert allowed is not None
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill_(~allowed, -1e30)


AttentionInterface.register(PLAIN, _attention)
AttentionMaskInterface.register(PLAIN, _mask)
