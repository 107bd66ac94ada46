"""Batches of questions with answers, and the loss of the answers alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from salin.encoding import length_buckets
from salin.training.examples import Epochs
from salin.training.processes import WHOLE, Part
from salin.translation.tuning.examples import Example

# Pieces of a batch that is only looked at, padding included.
_PIECES = 8192


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Examples side by side, padded on the right.

    Attributes:
        input_ids: `[rows, length]`.
        attention_mask: 1 for pieces and 0 for padding, `[rows, length]`.
        places: Where some row has a piece from which the next one of an answer is guessed, `[places]`.
        wanted: The next piece at these places, and -100 where it is none of an answer, `[rows, places]`.
        total: What the loss is a mean over: pieces of answers in the whole batch, of which this may be a part.
    """

    input_ids: Tensor
    attention_mask: Tensor
    places: Tensor
    wanted: Tensor
    total: int


def collate(examples: Sequence[Example], pad: int, total: int | None = None) -> AnswerBatch:
    """Puts examples side by side.

    Args:
        examples: At least one.
        pad: The padding piece.
        total: Pieces of answers in the whole batch; by default these.
    """
    length = max(map(len, examples))
    ids = torch.full((len(examples), length), pad)
    mask = torch.zeros((len(examples), length), dtype=torch.long)
    wanted = torch.full((len(examples), length), -100)
    for row, example in enumerate(examples):
        pieces = torch.tensor((*example.prompt, *example.answer))
        ids[row, : len(pieces)], mask[row, : len(pieces)] = pieces, 1
        wanted[row, len(example.prompt) - 1 : len(pieces) - 1] = torch.tensor(example.answer)
    # Vocabularies are large, so that elsewhere nothing is scored.
    places = (wanted >= 0).any(0).nonzero().flatten()
    count = sum(len(example.answer) for example in examples) if total is None else total
    return AnswerBatch(ids, mask, places, wanted[:, places], count)


@dataclass(frozen=True)
class AnswerBatches:
    """The batches of a run: step -> examples of like length, a pure function of the seed and the step.

    Attributes:
        examples: All of them.
        size: Examples a step.
        pad: The padding piece.
        seed: Decides the order.
    """

    examples: Sequence[Example]
    size: int
    pad: int
    seed: int

    def __call__(self, step: int, part: Part = WHOLE) -> AnswerBatch | None:
        """A part of the batch of a step."""
        chosen = [self.examples[index] for index in self._epochs(step)]
        mine = part.of(chosen)
        return collate(mine, self.pad, sum(len(example.answer) for example in chosen)) if mine else None

    @cached_property
    def _epochs(self) -> Epochs:
        lengths = tuple(map(len, self.examples))
        return Epochs(len(self.examples), min(self.size, len(self.examples)), self.seed, lengths)


def answer_loss(model: nn.Module, batch: AnswerBatch) -> Mapping[str, Tensor]:
    """Cross-entropy of the answers' pieces in nats; what stands before them is not scored.

    Args:
        model: A decoder with its language-model head.
        batch: On whatever device.
    """
    scores, wanted = _scored(model, batch)
    return {"loss": functional.cross_entropy(scores, wanted, reduction="sum") / batch.total}


@torch.no_grad()
def measure(model: nn.Module, examples: Sequence[Example], pad: int, *, bf16: bool) -> dict[str, Any]:
    """How well a model answers.

    Args:
        model: In eval mode.
        examples: Not trained on.
        pad: The padding piece.
        bf16: Whether to compute as training does.

    Returns:
        `loss`, the mean over pieces of answers, and `exact`, for each task the share of answers that the model gives
        piece for piece: where each piece is the likeliest behind the right ones before it, greedy writing gives them.
    """
    device = next(model.parameters()).device
    total, pieces = 0.0, 0
    exact: dict[str, list[bool]] = defaultdict(list)
    for group in length_buckets([len(example) for example in examples], _PIECES):
        chosen = [examples[index] for index in group]
        batch = collate(chosen, pad)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            scores, wanted = _scored(model, batch)
        total += float(functional.cross_entropy(scores, wanted, reduction="sum"))
        pieces += batch.total
        right = (scores.argmax(-1) == wanted).cpu()
        rows = (batch.wanted >= 0).nonzero()[:, 0]
        for row, example in enumerate(chosen):
            exact[example.task].append(bool(right[rows == row].all()))
    shares = {task: sum(found) / len(found) for task, found in sorted(exact.items())}
    return {"loss": total / pieces, "exact": shares}


def _scored(model: nn.Module, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
    """Scores of the vocabulary for the pieces of answers, `[pieces, vocabulary]`, and which pieces these are."""
    device = next(model.parameters()).device
    places, wanted = batch.places.to(device), batch.wanted.to(device)
    logits: Tensor = model(
        input_ids=batch.input_ids.to(device),
        attention_mask=batch.attention_mask.to(device),
        logits_to_keep=places,
        use_cache=False,
    ).logits
    scored = wanted >= 0
    return logits[scored].float(), wanted[scored]
