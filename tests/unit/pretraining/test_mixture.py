"""The mixture: which objectives a step has is drawn by weight, and any number of processes computes the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from salin.errors import SettingError
from salin.pretraining.measuring import HeldOutLoss
from salin.pretraining.mixture import Mixture, mixture_loss
from salin.training.processes import WHOLE, Part


@dataclass(frozen=True)
class Numbers:
    """An objective whose examples are numbers, and whose loss is their mean times the model's only weight."""

    scale: float = 1.0
    tokens_per_row: int = 10

    def draw(self, rows: int, random: np.random.Generator) -> list[float]:
        return list(self.scale * random.random(rows))

    def collate(self, examples: Sequence[float]) -> dict[str, Tensor]:
        return {"numbers": torch.tensor(examples, dtype=torch.float32)}

    def weight(self, examples: Sequence[float]) -> float:
        return float(len(examples))

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": (model(batch["numbers"][:, None])).mean(), "largest": batch["numbers"].max()}


class OtherNumbers(Numbers):
    """Of another class, so never in one batch with those."""


MIXTURE = Mixture(
    {"small": Numbers(), "large": Numbers(100), "other": OtherNumbers()},
    {"small": 1, "large": 2, "other": 3}, rows=12, groups=6, seed=1,
)  # fmt: skip


@pytest.fixture
def model() -> nn.Linear:
    made = nn.Linear(1, 1, bias=False)
    nn.init.constant_(made.weight, 2.0)
    return made


def test_objectives_are_drawn_by_weight() -> None:
    drawn = Counter(name for step in range(1000) for name in MIXTURE.names(step))
    assert drawn["small"] / 6000 == pytest.approx(1 / 6, abs=0.02)
    assert drawn["other"] / 6000 == pytest.approx(1 / 2, abs=0.02)


def test_a_step_is_a_function_of_seed_and_step() -> None:
    def numbers(mixture: Mixture, step: int) -> list[list[float]]:
        return [batch.tensors["numbers"].tolist() for batch in mixture(step)]

    assert numbers(MIXTURE, 3) == numbers(replace(MIXTURE), 3)
    assert numbers(MIXTURE, 3) != numbers(MIXTURE, 4)
    assert numbers(MIXTURE, 3) != numbers(replace(MIXTURE, seed=2), 3)
    alone = Mixture({"small": Numbers()}, {"small": 1}, rows=4, groups=2, seed=1)
    drawn = [number for step in range(5) for group in numbers(alone, step) for number in group]
    assert len(set(drawn)) == 20, "no step and no group of a step repeats another"


def test_objectives_of_one_class_are_computed_together() -> None:
    for step in range(20):
        batches = MIXTURE(step)
        names = MIXTURE.names(step)
        shares = {batch.name: batch.groups for batch in batches}
        assert shares.get("other", 0) == pytest.approx(names.count("other") / 6)
        assert shares.get("small", 0) == pytest.approx(1 - names.count("other") / 6), "the first of their names"
        assert sum(len(batch.tensors["numbers"]) for batch in batches) == 12


@given(st.integers(0, 50), st.integers(1, 15))
def test_parts_add_up_to_the_whole(step: int, count: int) -> None:
    model = nn.Linear(1, 1, bias=False)

    def figures(part: Part) -> tuple[dict[str, float], float]:
        model.zero_grad()
        batches = MIXTURE(step, part)
        if batches is None:
            return {}, 0.0
        losses = mixture_loss(model, batches)
        losses["loss"].backward()
        return {name: float(value.detach()) for name, value in losses.items()}, float(model.weight.grad)

    whole, gradient = figures(WHOLE)
    parts = [figures(Part(index, count)) for index in range(count)]
    assert sum(part.get("loss", 0.0) for part, _ in parts) == pytest.approx(whole["loss"], rel=1e-4)
    assert sum(grad for _, grad in parts) == pytest.approx(gradient, rel=1e-4)


def test_the_loss_is_the_mean_over_groups(model: nn.Linear) -> None:
    batches = MIXTURE(0)
    losses = mixture_loss(model, batches)
    expected = sum(batch.groups * 2 * float(batch.tensors["numbers"].mean()) for batch in batches)
    assert float(losses["loss"].detach()) == pytest.approx(expected)
    assert {"small_loss", "small_largest", "other_loss", "other_largest"} <= losses.keys()


def test_tokens_are_counted_from_the_first_step_on_in_any_order() -> None:
    drawn = Counter(name for step in range(30) for name in MIXTURE.names(step))
    read = replace(MIXTURE).tokens(30)
    assert read == {"tokens": 30 * 120, **{f"{name}_tokens": drawn[name] * 20 for name in MIXTURE.weights}}
    assert MIXTURE.tokens(10)["tokens"] == 1200
    assert MIXTURE.tokens(30) == read
    assert MIXTURE.tokens(0)["tokens"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": {"none": 1}}, "there is no objective 'none'"),
        ({"weights": {}}, "weights of a mixture"),
        ({"groups": 5}, "12 rows do not fall into 5 groups"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        replace(MIXTURE, **change)


def test_held_out_loss_is_that_of_each_objective_and_language(model: nn.Linear) -> None:
    empty = type("Empty", (Numbers,), {"weight": lambda self, examples: 0.0})()
    measure = HeldOutLoss(
        {"small": {"en": Numbers(), "nl": Numbers(3), "tl": empty}, "other": {"en": Numbers(5)}, "none": {}},
        {"small": 1, "other": 3, "none": 9},
    )
    figures = measure(model)
    en = 2 * np.random.default_rng(0).random(16).mean()
    assert figures["small"] == pytest.approx({"en": en, "nl": 3 * en}), "where nothing is to be guessed is no figure"
    assert figures["loss"] == pytest.approx((2 * en + 3 * 5 * en) / 4)
    assert measure(model) == figures, "the same rows each time"
    assert HeldOutLoss({"none": {}}, {"none": 1})(model) == {}
