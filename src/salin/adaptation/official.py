"""The published way (Wu et al., AAAI 2020), whole and sequential: one task after the other, weights copied back.

It does what the paper's code does, faults included, and is held to numbers that this code itself computed
(tests/data/README.md). It is the reference that salin's own adaptation is compared with, and what benchmarks call
"published"; to tag text, use `salin.Adapter`. With `official_windows.py` (the data) and `official_training.py` (the
training runs) a whole experiment reads like this:

    names = label_names()                                              # model: 13 outputs, in this order
    source = windows(english, tokenizer, names)                        # (words, tags) -> windows of 128 pieces
    vectors = sentence_vectors(model.base_model, source)               # before any training
    freeze(model)
    train_meta(model, source, supports(vectors, vectors), valid, names, tokenizer.mask_token_id, rng)
    target_vectors = sentence_vectors(untrained_encoder, target)
    order, predicted = zero_shot(model, target, source, supports(target_vectors, vectors))
    f1(counts(*scored_tags(target[order], predicted, names)))

Faults 1 to 17 are those of SPECS 1.5. Knows torch modules that take `input_ids` and `attention_mask` and give
`.logits`; no other part of salin but BertAdam.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from salin.adaptation.bertadam import BertAdam, decay_groups
from salin.adaptation.official_windows import Windows, batches

# --- the model ----------------------------------------------------------------------------------------------------


def freeze(model: nn.Module, last: int = 3) -> None:
    """Freezes embeddings, pooler and layers 0 to `last`. Fault 1: four layers, where the paper says three."""
    frozen = ["embeddings", *(["pooler", *(f"layer.{i}." for i in range(last + 1))] if last else [])]
    for name, parameter in model.named_parameters():
        if any(part in name for part in frozen):
            parameter.requires_grad_(False)


def trained(model: nn.Module) -> list[nn.Parameter]:
    """Lists the parameters that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def copied(model: nn.Module) -> list[Tensor]:
    """Copies the weights that are not frozen, for `restore`."""
    return [parameter.detach().clone() for parameter in trained(model)]


@torch.no_grad()
def restore(model: nn.Module, weights: Sequence[Tensor]) -> None:
    """Copies weights back into the model."""
    for parameter, weight in zip(trained(model), weights, strict=True):
        parameter.copy_(weight)


def logits(model: nn.Module, batch: Windows) -> Tensor:
    """Scores the labels at each piece, `[n, max_len, labels]`."""
    return model(input_ids=batch.pieces, attention_mask=batch.mask.long()).logits


def loss(model: nn.Module, batch: Windows, max_weight: float = 0.0) -> Tensor:
    """Computes the loss of a batch: L = mean_i CE_i + lambda max_i CE_i (SPECS 1.1).

    Fault 5: the mean is over all pieces of the batch, so long windows weigh more; the maximum is taken in each window
    and averaged over windows. Fault 4: later pieces, `[CLS]` and `[SEP]` count in both.

    Args:
        model: In whatever mode it is.
        batch: Windows.
        max_weight: lambda.

    Returns:
        A scalar.
    """
    batch = batch.to(next(model.parameters()).device)
    each = cross_entropy(logits(model, batch).transpose(1, 2), batch.labels, reduction="none")  # [n, max_len]
    mean = each[batch.mask].mean()
    if not max_weight:
        return mean
    return mean + max_weight * each.masked_fill(~batch.mask, -torch.inf).amax(dim=1).mean()


# --- retrieval ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def sentence_vectors(encoder: nn.Module, data: Windows, batch_size: int = 100) -> np.ndarray:
    """Takes the last layer's vector at `[CLS]` of each window, f(x) in SPECS 1.1.

    Args:
        encoder: As it was before any training; left in evaluation mode.
        data: Windows.
        batch_size: Windows at a time.

    Returns:
        `[n, hidden]`.
    """
    encoder.eval()
    device = next(encoder.parameters()).device
    parts: list[np.ndarray] = []
    for start in range(0, len(data), batch_size):
        batch = data[range(start, min(start + batch_size, len(data)))].to(device)
        output = encoder(input_ids=batch.pieces, attention_mask=batch.mask.long())
        parts.append(output.last_hidden_state[:, 0].cpu().numpy())
    return np.concatenate(parts)


def supports(queries: np.ndarray, sources: np.ndarray, size: int = 2) -> np.ndarray:
    """Chooses the support windows of each query by cosine, least similar first (`[n, hidden]`, `[m, hidden]`).

    Fault 6: the nearest of all is always dropped. That is meant for a query that is itself among the sources, and even
    there an exact duplicate can leave the query in its own support; for target sentences it loses the best one.

    Returns:
        Indices of ranks `size + 1` to 2, `[n, size]`.
    """
    if len(sources) <= size:
        raise ValueError(
            f"{len(sources)} source windows are too few for {size} support windows and one that is dropped"
        )
    # Dividing by the query's norm as well would not change any ranking, so the published code leaves it out.
    similarity = np.matmul(queries, sources.T) / np.linalg.norm(sources, axis=1)
    return np.argsort(similarity, axis=1)[:, -(size + 1) : -1]


# --- adaptation ---------------------------------------------------------------------------------------------------


def adapt(model: nn.Module, support: Windows, *, lr: float, steps: int = 1, max_weight: float = 0.0) -> float:
    """Moves the weights by a few steps on the support windows: theta' = U^n(theta; alpha). Changes the model.

    Faults: the optimiser is made anew, so each task begins without moments (7); dropout is on (10).

    Returns:
        The loss before the last step.
    """
    optimizer = BertAdam(decay_groups(model), lr=lr)
    model.train()
    value = torch.zeros(())
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model, support, max_weight)
        value.backward()
        optimizer.step()
    return value.item()


def meta_gradient(
    model: nn.Module,
    tasks: Sequence[tuple[Windows, Windows]],
    *,
    inner_lr: float = 3e-5,
    inner_steps: int = 2,
    max_weight: float = 2.0,
) -> tuple[list[Tensor], float]:
    """Sums the first-order meta-gradients of some tasks: sum_i grad L_query_i(theta'_i), with d theta'/d theta := I.

    Faults: a sum, not a mean (9); query loss with dropout on (10). The weights are as before afterwards.

    Args:
        model: A tagger.
        tasks: Query and support windows of each; fault 2: only the query is masked.
        inner_lr: alpha, at this point of the run.
        inner_steps: Inner updates of a task.
        max_weight: lambda.

    Returns:
        The gradient of each parameter that is not frozen, and the mean of the query losses.
    """
    weights = copied(model)
    total = [torch.zeros_like(weight) for weight in weights]
    losses: list[float] = []
    for query, support in tasks:
        adapt(model, support, lr=inner_lr, steps=inner_steps, max_weight=max_weight)
        value = loss(model, query, max_weight)
        for one, gradient in zip(total, torch.autograd.grad(value, trained(model)), strict=True):
            one += gradient
        losses.append(value.item())
        restore(model, weights)
    return total, float(np.mean(losses))


def meta_step(
    model: nn.Module,
    outer: BertAdam,
    tasks: Sequence[tuple[Windows, Windows]],
    *,
    inner_lr: float = 3e-5,
    inner_steps: int = 2,
    max_weight: float = 2.0,
) -> float:
    """Makes one meta-update, theta <- theta - beta sum_i g_i in BertAdam's way; gives the mean query loss.

    See `meta_gradient` for the arguments; `outer` lives as long as the run, with the schedule of it.
    """
    gradients, mean = meta_gradient(model, tasks, inner_lr=inner_lr, inner_steps=inner_steps, max_weight=max_weight)
    for parameter, gradient in zip(trained(model), gradients, strict=True):
        parameter.grad = gradient
    outer.step()
    return mean


def zero_shot(
    model: nn.Module,
    target: Windows,
    source: Windows,
    chosen: np.ndarray,
    *,
    lr: float = 1e-5,
    steps: int = 1,
    max_weight: float = 0.0,
) -> tuple[list[int], Tensor]:
    """Adapts to each target window from its support windows, tags it, and puts the weights back.

    Fault: the last window is never tagged and the first is tagged twice (see `batches`).

    Args:
        model: A tagger; its weights are as before afterwards.
        target: The windows to tag.
        source: The labelled windows that `chosen` indexes.
        chosen: What `supports` gives for the target windows, `[n, size]`.
        lr: gamma.
        steps: Steps of each adaptation.
        max_weight: lambda; the published runs adapt without it.

    Returns:
        The windows' indices in the order in which they were tagged, and their label ids `[n, max_len]`.
    """
    weights = copied(model)
    order = [int(index) for indices, _ in islice(batches(len(target), 1), len(target)) for index in indices]
    predicted: list[Tensor] = []
    for index in order:
        adapt(model, source[chosen[index]], lr=lr, steps=steps, max_weight=max_weight)
        predicted.append(direct(model, target[index]))
        restore(model, weights)
    return order, torch.cat(predicted)


@torch.no_grad()
def direct(model: nn.Module, data: Windows, batch_size: int = 64) -> Tensor:
    """Tags windows without adaptation: label ids `[n, max_len]`."""
    model.eval()
    device = next(model.parameters()).device
    parts = [data[range(i, min(i + batch_size, len(data)))].to(device) for i in range(0, len(data), batch_size)]
    return torch.cat([logits(model, part).argmax(dim=-1).cpu() for part in parts])
