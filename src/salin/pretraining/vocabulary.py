"""The cross-entropy of vocabulary scores, which are never all in memory at once."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

# Scores of a chunk: 16 MB in fp32. More do not fit a processor's cache and take twice the time, fewer leave the product
# with the vocabulary's matrix too thin.
_CHUNK = 1 << 22


def vocabulary_loss(head: nn.Linear, states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy in nats of what a head says of some positions, and the share that it has right.

    A vocabulary of 50,000 pieces has as many scores for 4,000 positions as fill 800 MB in fp32, and their gradient as
    many again. So scores are made for some positions at a time, and their gradient, which the probabilities give at
    once, is taken along: nothing is kept of the scores, and nothing is made twice. Under autocast the products are in
    bf16; the softmax and all sums over chunks are in fp32.

    torch's `linear_cross_entropy` has chunks too, but with bf16 it gives the loss itself in bf16, which is off by more
    than a run's last thousand steps gain.

    Args:
        head: Scores each piece of the vocabulary.
        states: `[positions, hidden]`.
        labels: Piece ids, `[positions]`.

    Returns:
        Two scalars; the loss has first derivatives.
    """
    device = states.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype
    learns = torch.is_grad_enabled()
    apply = cast(Any, _VocabularyLoss).apply
    return apply(states, head.weight, head.bias, labels, dtype, learns)


class _VocabularyLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]: torch types it as (*args)
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, dtype: torch.dtype, learns: bool
    ) -> tuple[Tensor, Tensor]:
        count, size = len(labels), max(1, _CHUNK // len(weight))
        matrix, added = weight.to(dtype), None if bias is None else bias.to(dtype)
        loss, right = states.new_zeros((), dtype=weight.dtype), labels.new_zeros(())
        of_states, of_weight = (torch.zeros_like(tensor) if learns else None for tensor in (states, weight))
        of_bias = torch.zeros_like(bias) if learns and bias is not None else None
        for start in range(0, count, size):
            chunk, wanted = states[start : start + size].to(dtype), labels[start : start + size, None]
            scores = functional.linear(chunk, matrix, added).to(weight.dtype)
            probabilities = scores.softmax(-1)
            highest, best = probabilities.max(-1, keepdim=True)
            # The probability of the wanted piece may be too small for a float; that of the best piece never is.
            loss += (scores.gather(1, best) - scores.gather(1, wanted) - highest.log()).sum()
            right += (best == wanted).sum()
            if of_states is None or of_weight is None:
                continue
            gradient = probabilities.scatter_add_(1, wanted, highest.new_full(wanted.shape, -1.0))
            if of_bias is not None:
                of_bias += gradient.sum(0)
            gradient = gradient.to(dtype)
            of_states[start : start + size] = gradient @ matrix
            of_weight += gradient.T @ chunk
        ctx.save_for_backward(*(None if of is None else of / count for of in (of_states, of_weight, of_bias)))
        accuracy = right / count
        ctx.mark_non_differentiable(accuracy)
        return loss / count, accuracy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return *(None if of is None else gradients[0] * of for of in ctx.saved_tensors), None, None, None
