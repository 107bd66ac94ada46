"""Which implementation of attention trains fastest."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

# Not every type: with the sliding windows of ModernBERT plain attention gives NaN where rows are padded.
_PLAIN = {"bert", "roberta", "xlm-roberta"}


@contextmanager
def training_attention(model: PreTrainedModel) -> Generator[None]:
    """Within it a BERT or RoBERTa on CPU uses plain attention, whose backward pass in bf16 is much the faster one.

    How much faster a step is says `benchmarks/training_attention.py`; tagging takes about the same time with both.

    Args:
        model: A transformers model; afterwards it has the implementation that it came with.
    """
    before = model.config._attn_implementation  # pyright: ignore[reportPrivateUsage]: there is no other way to ask
    changed = model.config.model_type in _PLAIN and not torch.cuda.is_available()
    if changed:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if changed and before is not None:
            model.set_attn_implementation(before)
