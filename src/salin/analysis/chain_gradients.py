"""The gradients that each sentence's log-likelihood has at the scores of a CRF, for many sentences at once."""

from __future__ import annotations

import torch
from torch import Tensor

from salin.models.crf import ConditionalRandomField
from salin.models.decoding import Chain, log_partition
from salin.models.losses import Gold


def chain_gradients(crf: ConditionalRandomField, emissions: Tensor, gold: Gold) -> dict[str, Tensor]:
    """How often each step is taken in each task, less how often the CRF expects it.

    Args:
        crf: The CRF.
        emissions: At the words of the tasks, one task's behind another's, `[words, tags]`.
        gold: Their tags; each task is one sentence.

    Returns:
        `start`, `between` and `end`, `[tasks, ...]` each.
    """
    if gold.annotated is not None:
        emissions = emissions.masked_fill(~gold.annotated, -1e4)
    lengths = torch.bincount(gold.tasks, minlength=gold.count)
    sizes: list[int] = lengths.tolist()
    padded, tags = (
        torch.nn.utils.rnn.pad_sequence(list(torch.split(values, sizes)), batch_first=True)
        for values in (emissions, gold.tags)
    )
    # A copy for each sentence, so that the gradient of the sum is that of each.
    own = [
        part.detach().expand(gold.count, *part.shape).clone().requires_grad_()
        for part in (crf.chain.start, crf.chain.between, crf.chain.end)
    ]
    with torch.enable_grad():
        start, between, end = torch.autograd.grad(log_partition(padded, lengths, Chain(*own)).sum(), own)
    sentences = torch.arange(gold.count, device=tags.device)
    taken = [torch.zeros_like(part) for part in own]
    taken[0][sentences, tags[:, 0]] = 1
    taken[2][sentences, tags.gather(1, lengths[:, None] - 1)[:, 0]] = 1
    steps = torch.arange(1, tags.shape[1], device=tags.device)[None] < lengths[:, None]
    owner = sentences[:, None].expand_as(steps)[steps]
    taken[1].index_put_(
        (owner, tags[:, :-1][steps], tags[:, 1:][steps]), taken[1].new_ones(len(owner)), accumulate=True
    )
    return {"start": taken[0] - start, "between": taken[1] - between, "end": taken[2] - end}
