"""A linear-chain conditional random field over words (Lafferty et al. 2001)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from salin.models.decoding import Chain, legal_chain, log_partition
from salin.models.settings import Head


class ConditionalRandomField(nn.Module):
    """Learned transition scores on top of a network's emissions.

    Args:
        tags: Tag names, in the order of the emissions.
        free: Whether every step is possible; else those that IOB2 forbids stay forbidden, whatever is learned.
    """

    def __init__(self, tags: Sequence[str], *, free: bool = False):
        super().__init__()
        legal = legal_chain(tags)
        self.start = nn.Parameter(torch.zeros_like(legal.start))
        self.between = nn.Parameter(torch.zeros_like(legal.between))
        self.end = nn.Parameter(torch.zeros_like(legal.end))
        self.legal_start: Tensor
        self.legal_between: Tensor
        for name, allowed in (("legal_start", legal.start), ("legal_between", legal.between)):
            self.register_buffer(name, torch.zeros_like(allowed) if free else allowed, persistent=False)

    @classmethod
    def of(cls, head: Head, tags: Sequence[str]) -> ConditionalRandomField | None:
        """The new one of a head; None for a softmax."""
        return None if head == "softmax" else cls(tags, free=head == "free-crf")

    @property
    def chain(self) -> Chain:
        """The scores between tags."""
        return Chain(self.start + self.legal_start, self.between + self.legal_between, self.end)

    def log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """The log-probability of each gold sequence, `[sentences]`.

        Args:
            emissions: `[sentences, words, tags]`.
            tags: Gold tag indices, any value beyond a sentence's length, `[sentences, words]`.
            lengths: Words of each sentence, each at least 1, `[sentences]`.
        """
        chain = self.chain
        inside = torch.arange(emissions.shape[1], device=emissions.device)[None] < lengths[:, None]
        gold = torch.where(inside, tags, 0)
        score = (emissions.gather(2, gold[:, :, None])[:, :, 0] * inside).sum(1) + chain.start[gold[:, 0]]
        score = score + (chain.between[gold[:, :-1], gold[:, 1:]] * inside[:, 1:]).sum(1)
        score = score + chain.end[gold.gather(1, lengths[:, None] - 1)[:, 0]]
        return score - log_partition(emissions, lengths, chain)
