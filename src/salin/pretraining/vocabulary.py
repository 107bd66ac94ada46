"""The cross-entropy of vocabulary scores, which are never all in memory at once."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

# Scores of a chunk: 16 MB in fp32. More do not fit a processor's cache and take twice the time, fewer leave the product
# with the vocabulary's matrix too thin.
_CHUNK = 1 << 22


def vocabulary_loss(head: nn.Linear, states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy in nats of what a head says of some positions, and the share that it has right.

    A vocabulary of 50,000 pieces has as many scores for 4,000 positions as fill 800 MB in fp32, and their gradient as
    many again. So scores are made for some positions at a time, and made again for the gradient. Under autocast the
    products are in bf16, the softmax in fp32.

    torch's `linear_cross_entropy` has chunks too, but with bf16 it gives the loss itself in bf16, which is off by more
    than a run's last thousand steps gain.

    Args:
        head: Scores each piece of the vocabulary.
        states: `[positions, hidden]`.
        labels: Piece ids, `[positions]`.

    Returns:
        Two scalars.
    """
    device = states.device.type
    # Without the cache each chunk converts the matrix anew, so that its gradients are summed in fp32.
    autocast = torch.autocast(
        device, torch.get_autocast_dtype(device), enabled=torch.is_autocast_enabled(device), cache_enabled=False
    )
    size = max(1, _CHUNK // head.out_features)
    losses: list[Tensor] = []
    right: list[Tensor] = []
    with autocast:
        for some, wanted in zip(torch.split(states, size), torch.split(labels, size), strict=True):
            loss, hits = cast(tuple[Tensor, Tensor], checkpoint(_of_chunk, head, some, wanted, use_reentrant=False))
            losses.append(loss)
            right.append(hits)
    return torch.stack(losses).sum() / len(labels), torch.stack(right).sum() / len(labels)


def _of_chunk(head: nn.Linear, states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    scores = head(states)
    scores = scores.float() if scores.dtype == torch.bfloat16 else scores
    with torch.no_grad():
        right = (scores.argmax(-1) == labels).sum()
    return functional.cross_entropy(scores, labels, reduction="sum"), right
