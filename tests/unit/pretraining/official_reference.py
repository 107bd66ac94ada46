"""The published episodes as their code computes them: slow, obvious, and what ours are held to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from salin.pretraining.official_episodes import OfficialSettings


def published_gradients(
    model: PreTrainedModel, batch: dict[str, Tensor], settings: OfficialSettings, mask: int, *, everywhere: bool = True
) -> tuple[float, float]:
    """Leaves the gradients of several micro-batches, added up, at the parameters of the model and of its head.

    The model is run at every inner step, the head scores the whole vocabulary at every position, a real optimiser
    changes its weights, and they are copied back at the end.

    Args:
        model: With its head.
        batch: What `OfficialEpisodes` collates.
        settings: What an episode is.
        mask: The piece that hides others.
        everywhere: Whether the head is run at every position, as published, or at the masked ones alone.

    Returns:
        The mean loss of the queries and their mean accuracy.
    """
    layers = list(model.episode_head)
    head = nn.Sequential(*[part for layer in layers[:-1] for part in (layer, nn.ReLU())], layers[-1])
    parameters = list(head.parameters())
    # What a corrected version would keep of each micro-batch; in the published code zero_grad takes it away.
    kept = [torch.zeros_like(parameter) for parameter in parameters]
    inner = torch.optim.SGD(parameters, lr=settings.inner_rate)
    count = len(batch["ids"])
    losses, accuracies = [], []
    for ids, positions, classes in zip(batch["ids"], batch["positions"], batch["classes"], strict=True):
        before = [parameter.detach().clone() for parameter in parameters]
        classes = classes[classes >= 0]
        mapper = {int(piece): number for number, piece in enumerate(classes)}

        def scores_and_labels(places: Tensor, ids=ids, classes=classes, mapper=mapper) -> tuple[Tensor, Tensor]:
            masked = ids.clone()
            masked[:, places] = mask
            states = model.base_model(input_ids=masked).last_hidden_state
            scores = head(states)[:, places] if everywhere else head(states[:, places])
            scores = scores[:, :, classes].flatten(0, 1)
            others = 0 if settings.first_for_others else -100
            labels = torch.tensor([mapper.get(int(piece), others) for piece in ids[:, places].flatten()])
            return scores, labels

        for _ in range(settings.inner_steps):
            model.base_model.requires_grad_(False)
            inner.zero_grad()
            scores, labels = scores_and_labels(positions[:-1])
            functional.cross_entropy(scores, labels).backward()
            inner.step()
            model.base_model.requires_grad_(True)
        if not settings.keeps_support_gradient:
            inner.zero_grad()
        scores, labels = scores_and_labels(positions[-1:])
        asked = labels >= 0
        loss = functional.cross_entropy(scores[asked], labels[asked]) if asked.any() else 0 * scores.sum()
        (loss / count).backward()
        losses.append(loss.item())
        accuracies.append(float((scores.argmax(-1) == labels)[asked].double().mean()) if asked.any() else 0.0)
        with torch.no_grad():
            for parameter, weight, total in zip(parameters, before, kept, strict=True):
                parameter.copy_(weight)
                total += parameter.grad
    if not settings.forgets_head_gradients:
        for parameter, total in zip(parameters, kept, strict=True):
            parameter.grad = total
    return sum(losses) / count, sum(accuracies) / count
