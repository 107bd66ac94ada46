"""The best tag sequence, and how probable its tags are: one dynamic programme for every head.

A softmax head is a chain whose transitions are 0 where IOB2 allows a step and minus infinity where it does not, so
that decoding never has to repair what it predicts; a CRF adds learned transitions to the same mask. A CRF without the
mask may decode illegal sequences: they are read by the same rules that repair those of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.corpus.schemes import Span, tags_to_spans

# Finite, so that a chain with no legal path (which cannot occur: O is always legal) would not turn into NaN.
FORBIDDEN = -1e4


@dataclass(frozen=True, slots=True)
class Chain:
    """Scores between neighbouring tags.

    Attributes:
        start: Of each tag as the first, `[tags]`.
        between: Of going from a tag (row) to the next (column), `[tags, tags]`.
        end: Of each tag as the last, `[tags]`.
    """

    start: Tensor
    between: Tensor
    end: Tensor


def legal_chain(tags: Sequence[str], dtype: torch.dtype = torch.float32) -> Chain:
    """0 for each step that IOB2 allows and `FORBIDDEN` for an `I-` that does not go on with its own label."""
    count = len(tags)
    start, between = torch.zeros(count, dtype=dtype), torch.zeros(count, count, dtype=dtype)
    for column, tag in enumerate(tags):
        if tag.startswith("I-"):
            start[column] = FORBIDDEN
            for row, before in enumerate(tags):
                if before not in (tag, "B-" + tag[2:]):
                    between[row, column] = FORBIDDEN
    return Chain(start, between, torch.zeros(count, dtype=dtype))


def viterbi(emissions: Tensor, lengths: Tensor, chain: Chain) -> list[list[int]]:
    """The best tag sequence of each sentence.

    Args:
        emissions: `[sentences, words, tags]`; what stands beyond a sentence's length is ignored.
        lengths: Words of each sentence, each at least 1, `[sentences]`.
        chain: Scores between tags.
    """
    score = emissions[:, 0] + chain.start
    pointers: list[Tensor] = []
    for word in range(1, emissions.shape[1]):
        best, pointer = (score[:, :, None] + chain.between).max(1)
        inside = (word < lengths)[:, None]
        score = torch.where(inside, best + emissions[:, word], score)
        pointers.append(torch.where(inside, pointer, torch.arange(score.shape[1], device=score.device)))
    last = (score + chain.end).argmax(1)
    path = [last]
    for pointer in reversed(pointers):
        last = pointer.gather(1, last[:, None])[:, 0]
        path.append(last)
    padded: list[list[int]] = torch.stack(path[::-1], 1).tolist()
    words: list[int] = lengths.tolist()
    return [row[:count] for row, count in zip(padded, words, strict=True)]


def log_partition(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """The logarithm of the summed exponential scores of all tag sequences, `[sentences]`."""
    score = emissions[:, 0] + chain.start
    for word in range(1, emissions.shape[1]):
        longer = torch.logsumexp(score[:, :, None] + chain.between, 1) + emissions[:, word]
        score = torch.where((word < lengths)[:, None], longer, score)
    return torch.logsumexp(score + chain.end, 1)


def marginals(emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
    """The probability of each tag at each word, `[sentences, words, tags]`; zero beyond a sentence's length.

    It is the gradient of the log-partition function at the emissions.
    """
    with torch.enable_grad():
        leaves = emissions.detach().requires_grad_()
        return torch.autograd.grad(log_partition(leaves, lengths, chain).sum(), leaves)[0]


def entity_spans(path: Sequence[int], probabilities: Tensor, tags: Sequence[str]) -> tuple[list[Span], list[float]]:
    """The entities of a decoded sentence and a probability for each: the mean of its tags' probabilities.

    Illegal sequences are read as conlleval reads them, which is how scoring reads those of files.

    Args:
        path: Tag indices, one a word.
        probabilities: `[words, tags]`.
        tags: Tag names.
    """
    spans = tags_to_spans([tags[index] for index in path])
    at_path = probabilities[torch.arange(len(path)), torch.tensor(path)]
    return spans, [float(at_path[span.start : span.end].mean()) for span in spans]
