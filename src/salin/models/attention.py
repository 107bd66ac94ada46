"""Which implementation of attention trains fastest."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

# Not every type: with the sliding windows of ModernBERT plain attention gives NaN where rows are padded.
_PLAIN = {"bert", "roberta", "xlm-roberta", "llama"}
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
    plain = model.config.model_type in _PLAIN and length <= _SHORT and precision == "bf16"
    changed = plain and not torch.cuda.is_available()
    if changed:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if changed and before is not None:
            model.set_attn_implementation(before)
