"""BertAdam against its closed form, and against the published optimiser's own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from salin.adaptation.bertadam import BertAdam, decay_groups, warmup_linear

PUBLISHED = json.loads((Path(__file__).parents[2] / "data/meta_cross_published.json").read_text(encoding="utf-8"))


def uniform(seed: int, *shape: int) -> torch.Tensor:
    return torch.as_tensor(2 * np.random.RandomState(seed).random_sample(shape) - 1)


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1e-2, 10.0])
def test_first_step_has_a_closed_form(scale: float) -> None:
    before, gradient, lr = uniform(0, 4, 5), scale * uniform(1, 4, 5), 1e-2
    weight = nn.Parameter(before.clone())
    weight.grad = gradient.clone()
    BertAdam([weight], lr=lr, weight_decay=0.01).step()
    g = gradient / max(1.0, float(gradient.norm()) + 1e-6)
    update = 0.1 * g / (0.001**0.5 * g.abs() + 1e-6) + 0.01 * before
    # float64: a handful of roundings.
    torch.testing.assert_close(weight.detach(), before - lr * update, rtol=1e-13, atol=1e-15)
    assert torch.equal(weight.grad, gradient)  # Clipping does not touch what the caller may still need.


def test_first_step_is_over_three_times_that_of_adamw() -> None:
    ours, theirs = (nn.Parameter(torch.zeros(3, dtype=torch.float64)) for _ in range(2))
    for weight in (ours, theirs):
        weight.grad = torch.tensor([0.5, -0.2, 0.1], dtype=torch.float64)
    BertAdam([ours], lr=1e-3).step()
    torch.optim.AdamW([theirs], lr=1e-3).step()
    torch.testing.assert_close(
        ours / theirs, torch.full((3,), 0.1 / 0.001**0.5, dtype=torch.float64), rtol=1e-3, atol=0
    )


def test_each_tensor_is_clipped_on_its_own() -> None:
    weights = [nn.Parameter(torch.zeros(2)) for _ in range(2)]
    weights[0].grad, weights[1].grad = torch.tensor([30.0, 40.0]), torch.tensor([0.3, 0.4])
    optimizer = BertAdam(weights, lr=1.0)
    optimizer.step()
    torch.testing.assert_close(optimizer.state[weights[0]]["m"], torch.tensor([0.06, 0.08]))
    torch.testing.assert_close(optimizer.state[weights[1]]["m"], torch.tensor([0.03, 0.04]))


@pytest.mark.parametrize("run", PUBLISHED["bertadam"]["runs"], ids=["constant", "warm-up"])
def test_equals_the_published_optimiser(run: dict) -> None:
    settings = run["settings"]
    schedule = {"total_steps": settings["t_total"], "warmup": settings["warmup"]} if "t_total" in settings else {}
    a, b = nn.Parameter(uniform(100, 3, 4)), nn.Parameter(uniform(101, 5))
    groups = [{"params": [a], "weight_decay": 0.01}, {"params": [b], "weight_decay": 0.0}]
    optimizer = BertAdam(groups, lr=settings["lr"], **schedule)
    seen = {point["step"]: point for point in run["trace"]}
    for step in range(12):
        scale = 3.0 if step % 2 else 1e-5
        a.grad, b.grad = scale * uniform(200 + 10 * step, 3, 4), scale * uniform(201 + 10 * step, 5)
        optimizer.step()
        if step in seen:  # The numbers were written with 14 digits.
            torch.testing.assert_close(
                a.detach(), torch.tensor(seen[step]["a"], dtype=torch.float64), rtol=1e-12, atol=1e-14
            )
            torch.testing.assert_close(
                b.detach(), torch.tensor(seen[step]["b"], dtype=torch.float64), rtol=1e-12, atol=1e-14
            )


def test_schedule_goes_up_then_down() -> None:
    assert [warmup_linear(q, 0.1) for q in (0.0, 0.05, 0.1, 0.55, 1.0, 1.2)] == pytest.approx([0, 0.5, 1, 0.5, 0, 0])
    assert warmup_linear(0.25, 0.0) == 0.75


def test_the_first_step_of_a_warm_up_moves_nothing() -> None:
    weight = nn.Parameter(torch.ones(3))
    optimizer = BertAdam([weight], lr=0.1, total_steps=10, warmup=0.1)
    for moved in (False, True):
        weight.grad = torch.ones(3)
        optimizer.step()
        assert torch.equal(weight.detach(), torch.ones(3)) is not moved


def test_biases_and_layer_norms_do_not_decay() -> None:
    model = nn.ModuleDict({"dense": nn.Linear(2, 2), "LayerNorm": nn.LayerNorm(2), "still": nn.Linear(2, 2)})
    model["still"].requires_grad_(False)
    decayed, others = decay_groups(model)
    assert decayed["weight_decay"] == 0.01 and others["weight_decay"] == 0.0
    assert [p is model["dense"].weight for p in decayed["params"]] == [True]
    assert len(others["params"]) == 3


def test_closure_and_parameters_without_gradient() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = BertAdam([used, unused], lr=0.1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = (used**2).sum()
        value.backward()
        return value

    assert float(optimizer.step(closure).detach()) == 2.0
    assert torch.equal(unused.detach(), torch.ones(2)) and bool((used < 1).all())


@pytest.mark.parametrize("bad", [{"lr": -1.0}, {"lr": 1.0, "warmup": 1.0}, {"lr": 1.0, "total_steps": 0}])
def test_bad_settings_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        BertAdam([nn.Parameter(torch.ones(1))], **bad)
