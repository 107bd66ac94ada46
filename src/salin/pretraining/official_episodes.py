"""The published episodes (Africa et al., MRL 2025): subset-masked tasks as their code makes them, defects included.

Each defect that could be corrected by itself is a setting; its number is that of SPECS 2.7. Their code runs the model
anew in each of the ten inner steps and scores the whole vocabulary at every position; here it is run once and the
classes of the episode are scored where a piece is masked, which gives the same losses and gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from salin.encoding import hidden_piece
from salin.errors import SettingError
from salin.pretraining.cost import ATTACHED, Passes
from salin.pretraining.inner_loop import wide
from salin.pretraining.packing import PackedRows
from salin.settings import StrictSettings

_HIDDEN = 128
_HIDDEN_LAYERS = 3
_NO_CLASS = -1


class OfficialSettings(StrictSettings):
    """The numbers of the published runs, and what is wrong with them.

    Attributes:
        ways: Classes of an episode.
        shots: Positions that are masked in every row of the supports; the queries have one.
        inner_steps: Steps of gradient descent on the head.
        inner_rate: Their size. Defect 2: the paper says 1e-3.
        pads_classes: Defect 6: where the supports have fewer different pieces than `ways`, random ones of the
            vocabulary make up for it. Else there are fewer classes.
        first_for_others: Defect 6: a piece that is no class counts as the first one. Else it is not asked for.
        keeps_support_gradient: Defect 7: the head is also given the gradient of its last step on the supports.
        forgets_head_gradients: Defect 7: of several episodes whose gradients are added up, the last alone teaches the
            head.
        head_dropout: Defect 8: configured as 0.1, but never built.
    """

    ways: int = Field(32, gt=1)
    shots: int = Field(4, gt=0)
    inner_steps: int = Field(10, gt=0)
    inner_rate: float = Field(0.01, gt=0)
    pads_classes: bool = True
    first_for_others: bool = True
    keeps_support_gradient: bool = True
    forgets_head_gradients: bool = True
    head_dropout: float = Field(0.0, ge=0, lt=1)


class OfficialEpisode(NamedTuple):
    """Rows with the same positions masked in all of them.

    Attributes:
        ids: The pieces, `[rows, length]`, none of them masked.
        positions: Those of the supports, then that of the queries, `[shots + 1]`.
        classes: Pieces, `[ways]`; behind the last one `-1`.
    """

    ids: np.ndarray
    positions: np.ndarray
    classes: np.ndarray


class OfficialTensors(NamedTuple):
    """The same as tensors; a batch has one more axis, of episodes, before all of theirs."""

    ids: Tensor
    positions: Tensor
    classes: Tensor


@dataclass(frozen=True)
class OfficialEpisodes:
    """The objective: the adapted head's cross-entropy at the masked position of the queries.

    Attributes:
        rows: Makes rows of text; an episode is a group of them.
        settings: What an episode is.
        decodes: Whether the model is a decoder, as the published ones; then rows are cut behind the last masked
            position, since nothing there can have a say.
    """

    rows: PackedRows
    settings: OfficialSettings
    decodes: bool

    @property
    def tokens_per_row(self) -> int:
        """All pieces of a row, although they are read once for the supports and once for the queries."""
        return self.rows.length

    @property
    def passes_per_row(self) -> Passes:
        """What goes through a model for each row; in the published code ten times `length` more goes forward."""
        length, shots = self.rows.length, self.settings.shots
        # A decoder stops at the last of so many positions that are drawn from all of them.
        support, query = (length * shots / (shots + 1), length / 2) if self.decodes else (length, length)
        return Passes(support + query, query, scored=0, attended=length)

    def prepare(self, model: PreTrainedModel) -> None:
        """Gives a model the head that is trained with it, as its submodule `episode_head`.

        Three hidden layers of 128 and one output for each piece of the vocabulary, drawn from torch's random numbers.
        """
        sizes = [model.config.hidden_size, *[_HIDDEN] * _HIDDEN_LAYERS, model.config.vocab_size]
        layers = [nn.Linear(size, following) for size, following in pairwise(sizes)]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
        model.add_module(ATTACHED, nn.ModuleList(layers).to(model.device, model.dtype))

    def draw(self, rows: int, random: np.random.Generator) -> list[OfficialEpisode]:
        """One episode of so many rows.

        Raises:
            SettingError: When a row is too short to mask so many positions of it.
        """
        settings = self.settings
        if self.rows.length < settings.shots + 2:
            raise SettingError(f"rows of {self.rows.length} pieces are too short to mask {settings.shots + 1} of them")
        ids = self.rows.draw(rows, random)
        positions = 1 + random.permutation(self.rows.length - 1)[: settings.shots + 1]
        classes = np.unique(ids[:, positions[:-1]])
        missing = settings.ways - len(classes)
        if missing < 0:
            classes = random.permutation(classes)[: settings.ways]
        elif missing and settings.pads_classes:
            classes = np.concatenate([classes, random.integers(len(self.rows.tokenizer), size=missing)])
        else:
            classes = np.pad(classes, (0, missing), constant_values=_NO_CLASS)
        return [OfficialEpisode(ids, positions, classes)]

    def collate(self, examples: Sequence[OfficialEpisode]) -> dict[str, Tensor]:
        """`ids` `[episodes, rows, length]`, `positions` `[episodes, shots + 1]` and `classes` `[episodes, ways]`."""
        stacked = (torch.from_numpy(np.stack(values)) for values in zip(*examples, strict=True))
        return dict(zip(OfficialTensors._fields, stacked, strict=True))

    def weight(self, examples: Sequence[OfficialEpisode]) -> float:
        """The number of episodes."""
        return float(len(examples))

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy in nats and accuracy in 0..1 of the queries, and the accuracy of the supports.

        Args:
            model: A language model that `prepare` has seen.
            batch: What `collate` made.
        """
        assert isinstance(model, PreTrainedModel)
        count = len(batch["ids"])
        episodes = [
            self._episode(model, OfficialTensors(*tensors), count, last=number + 1 == count)
            for number, tensors in enumerate(zip(*(batch[name] for name in OfficialTensors._fields), strict=True))
        ]
        return {name: torch.stack([figures[name] for figures in episodes]).mean() for name in episodes[0]}

    def _episode(
        self, model: PreTrainedModel, episode: OfficialTensors, count: int, *, last: bool
    ) -> dict[str, Tensor]:
        settings = self.settings
        places, place = episode.positions[:-1], episode.positions[-1:]
        with torch.no_grad():
            supports = wide(self._states(model, episode.ids, places))
        queries = wide(self._states(model, episode.ids, place))
        known, wanted = (self._labels(episode.ids[:, at].flatten(), episode.classes) for at in (places, place))
        head = _Head(model, episode.classes, settings.head_dropout)
        with torch.autocast(model.device.type, enabled=False):
            weights = [weight.detach() for weight in head.start]
            gradients, right = weights, torch.zeros(())
            for _ in range(settings.inner_steps):
                weights = [weight.requires_grad_() for weight in weights]
                with torch.enable_grad():  # also where nothing is trained, but only measured
                    scores = head.scores(supports, weights)
                    gradients = torch.autograd.grad(_mean_loss(scores, known), weights)
                right = _share_right(scores, known)
                pairs = zip(weights, gradients, strict=True)
                weights = [weight.detach() - settings.inner_rate * gradient for weight, gradient in pairs]
            learns = last or not settings.forgets_head_gradients
            if learns:
                # To first order: the gradient at the adapted weights is that at those they came from.
                pairs = zip(weights, head.start, strict=True)
                weights = [weight + (start - start.detach()) for weight, start in pairs]
            scores = head.scores(queries, weights)
            loss = _mean_loss(scores, wanted)
            right_after = _share_right(scores, wanted)
            if settings.keeps_support_gradient and learns:
                # It has no share in the mean over episodes: each of them adds all of it.
                pairs = zip(head.start, gradients, strict=True)
                left_over = count * torch.stack([(start * gradient).sum() for start, gradient in pairs]).sum()
                loss = loss + (left_over - left_over.detach())
        return {"loss": loss, "accuracy": right_after, "support_accuracy": right}

    def _states(self, model: PreTrainedModel, ids: Tensor, places: Tensor) -> Tensor:
        """What the model gives at some places when these are masked, `[rows * places, hidden]`."""
        if self.decodes:
            ids = ids[:, : int(places.max()) + 1]
        masked = ids.index_fill(1, places, hidden_piece(self.rows.tokenizer))
        return model.base_model(input_ids=masked).last_hidden_state[:, places].flatten(0, 1)

    def _labels(self, pieces: Tensor, classes: Tensor) -> Tensor:
        """The class of each piece."""
        # A piece that made up for a missing class may be one that is there: then it is both, and the last one counts.
        numbers = torch.arange(1, len(classes) + 1, device=classes.device)
        label = ((pieces[:, None] == classes) * numbers).amax(1) - 1
        return label.clamp(min=0) if self.settings.first_for_others else label


class _Head:
    """The head of a model as one episode sees it: of its outputs only those of the classes.

    Args:
        model: With its head.
        classes: Pieces, -1 for none.
        dropout: Behind each hidden layer, while the model is in training.

    Attributes:
        start: Weights and biases of its layers, the last ones as far as they are used.
    """

    def __init__(self, model: PreTrainedModel, classes: Tensor, dropout: float):
        *hidden, last = cast(Sequence[nn.Linear], model.get_submodule(ATTACHED))
        pieces, self._columns = cast(tuple[Tensor, Tensor], torch.unique(classes.clamp(min=0), return_inverse=True))
        self._none = classes < 0
        self._dropout = dropout if model.training else 0.0
        self.start = [tensor for layer in hidden for tensor in (layer.weight, layer.bias)]
        self.start += [last.weight[pieces], last.bias[pieces]]

    def scores(self, states: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """Scores of the classes, `[places, ways]`, by weights such as those of `start`."""
        *hidden, last = zip(weights[::2], weights[1::2], strict=True)
        for weight, bias in hidden:
            states = functional.dropout(functional.linear(states, weight, bias).relu(), self._dropout)
        return functional.linear(states, *last)[:, self._columns].masked_fill(self._none, -torch.inf)


def _mean_loss(scores: Tensor, labels: Tensor) -> Tensor:
    losses = functional.cross_entropy(scores, labels, reduction="sum", ignore_index=_NO_CLASS)
    return losses / (labels != _NO_CLASS).sum().clamp(min=1)


def _share_right(scores: Tensor, labels: Tensor) -> Tensor:
    asked = labels != _NO_CLASS
    return ((scores.argmax(-1) == labels) & asked).sum().detach() / asked.sum().clamp(min=1)
