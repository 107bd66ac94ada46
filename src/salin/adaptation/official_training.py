"""The published way, its training runs: meta-training, the base model, and fine-tuning on a few target windows.

Continues `salin.adaptation.official`, whose rules hold here: what the code of Wu et al. (AAAI 2020) did, faults
included, with the numbers that SPECS 1.5 gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from torch import Tensor, nn

from salin.adaptation.bertadam import BertAdam, decay_groups, warmup_linear
from salin.adaptation.official import adapt, copied, direct, loss, meta_step, restore
from salin.adaptation.official_windows import Windows, batches, counts, f1, masked, scored_tags


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers of the published runs (SPECS 1.2).

    Attributes:
        steps: Meta-updates, or updates of the base model.
        batch: Tasks of a meta-update, or windows of a batch.
        lr: Learning rate of the outer update (beta), or of the base model.
        inner_lr: Learning rate of the inner update (alpha); follows the same warm-up and decay (fault 8).
        inner_steps: Inner updates of a task.
        warmup: The share of the steps in which both learning rates go up.
        mask_rate: How likely a piece of an entity is masked in the query.
        max_weight: Weight of the maximum term of the loss (lambda).
        select_every: Steps from one evaluation on source validation data to the next.
    """

    steps: int = 3001
    batch: int = 32
    lr: float = 3e-5
    inner_lr: float = 3e-5
    inner_steps: int = 2
    warmup: float = 0.1
    mask_rate: float = 0.2
    max_weight: float = 2.0
    select_every: int = 300


@dataclass(slots=True)
class History:
    """What a training run leaves behind, beside the model with its best weights.

    Attributes:
        losses: Of each step; in meta-training the mean of the tasks' query losses.
        valid_f1: Micro F1 on validation data in per cent, of each selection.
        best_step: The step whose weights the model has; -1 where nothing was selected.
    """

    losses: list[float] = field(default_factory=list)
    valid_f1: list[float] = field(default_factory=list)
    best_step: int = -1


def train_meta(
    model: nn.Module,
    source: Windows,
    chosen: np.ndarray,
    valid: Windows | None,
    names: Sequence[str],
    mask_id: int,
    rng: np.random.RandomState,
    settings: Settings = Settings(),
) -> History:
    """Meta-trains a tagger on pseudo-tasks: each source window is a query, its neighbours are its support.

    Args:
        model: A tagger, frozen where it shall be; ends with the weights that were best on `valid`, or the last.
        source: Labelled windows.
        chosen: What `supports` gives for the source windows among themselves, `[n, size]`.
        valid: Source windows for selection, which tags them without adaptation; None selects nothing.
        names: What `label_names` gives.
        mask_id: The id of `[MASK]`.
        rng: For order and masks; in the same state as NumPy's global one it gives the published code's very draws.
        settings: The numbers.
    """
    if len(source) < settings.batch:
        raise ValueError(f"{len(source)} source windows are too few for {settings.batch} tasks a step")
    outer = BertAdam(decay_groups(model), lr=settings.lr, total_steps=settings.steps, warmup=settings.warmup)
    history, best = History(), copied(model)
    queries = masked(source, names, mask_id, settings.mask_rate, rng)
    for step, (indices, renewed) in enumerate(islice(batches(len(source), settings.batch, rng), settings.steps)):
        if renewed:
            queries = masked(source, names, mask_id, settings.mask_rate, rng)
        tasks = [(queries[index], source[chosen[index]]) for index in indices]
        inner_lr = settings.inner_lr * warmup_linear(step / settings.steps, settings.warmup)
        mean = meta_step(
            model, outer, tasks, inner_lr=inner_lr, inner_steps=settings.inner_steps, max_weight=settings.max_weight
        )
        history.losses.append(mean)
        best = _select(model, valid, names, step, settings, history, best)
    restore(model, best)
    return history


def train_base(
    model: nn.Module,
    source: Windows,
    valid: Windows | None,
    names: Sequence[str],
    rng: np.random.RandomState,
    settings: Settings = Settings(),
) -> History:
    """Trains the base model of the published comparison: the same steps and schedule, no tasks, masks or maximum."""
    optimizer = BertAdam(decay_groups(model), lr=settings.lr, total_steps=settings.steps, warmup=settings.warmup)
    history, best = History(), copied(model)
    for step, (indices, _) in enumerate(islice(batches(len(source), settings.batch, rng), settings.steps)):
        model.train()
        optimizer.zero_grad()
        value = loss(model, source[indices])
        value.backward()
        optimizer.step()
        history.losses.append(value.item())
        best = _select(model, valid, names, step, settings, history, best)
    restore(model, best)
    return history


def finetune(
    model: nn.Module,
    target: Windows,
    rng: np.random.RandomState,
    *,
    epochs: int = 10,
    batch: int = 32,
    lr: float = 1e-5,
) -> Iterator[float]:
    """Fine-tunes on a few labelled target windows, and yields the last loss of each epoch.

    Fault 7 again: the optimiser is made anew for every batch, so its first step, 3.16 lr, is all that it ever takes.
    The published code tests after epochs 1, 5 and 10 and leaves open which of them its table shows (fault 16).
    """
    for _ in range(epochs):
        order, value = rng.permutation(len(target)), 0.0
        for start in range(0, len(target), batch):
            value = adapt(model, target[order[start : start + batch]], lr=lr)
        yield value


def share(data: Windows, part: float, rng: np.random.RandomState) -> Windows:
    """Draws a share of the windows, say 0.01 of them, as the published low-resource runs do."""
    kept = data[rng.permutation(len(data))[: int(len(data) * part)]]
    rng.permutation(len(kept))  # The published code draws an order here that it never uses.
    return kept


def _select(
    model: nn.Module,
    valid: Windows | None,
    names: Sequence[str],
    step: int,
    settings: Settings,
    history: History,
    best: list[Tensor],
) -> list[Tensor]:
    """Gives the weights to keep after a step: these if they are the best on validation data so far."""
    if valid is None:
        return copied(model) if step == settings.steps - 1 else best
    if step % settings.select_every:
        return best
    history.valid_f1.append(f1(counts(*scored_tags(valid, direct(model, valid), names))))
    if history.valid_f1[-1] > max([-1.0, *history.valid_f1[:-1]]):
        history.best_step = step
        return copied(model)
    return best
