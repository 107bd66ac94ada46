"""Update rules against the optimisers they stand for, and the factored form against the dense one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from salin.adaptation.bertadam import BertAdam as BertAdamOptimizer
from salin.adaptation.gradients import Factored
from salin.adaptation.rules import BertAdam, Sgd, make_rule
from salin.errors import SettingError

STEPS, TASKS = 3, 4


@pytest.fixture
def weights() -> Tensor:
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def gradients() -> list[Tensor]:
    """Some far above the norm at which they are clipped, some far below it."""
    random = torch.Generator().manual_seed(1)
    scales = torch.tensor([1e-5, 0.01, 1.0, 100.0], dtype=torch.float64)[:, None, None]
    return [scales * torch.randn(TASKS, 5, 6, generator=random, dtype=torch.float64) for _ in range(STEPS)]


def test_sgd_is_clipped_gradient_descent(weights: Tensor, gradients: list[Tensor]) -> None:
    rule = Sgd(rate=0.3, clip=1.0)
    for task in range(TASKS):
        parameter = nn.Parameter(weights.clone())
        optimizer = torch.optim.SGD([parameter], lr=0.3)
        for gradient in gradients:
            parameter.grad = gradient[task].clone()
            nn.utils.clip_grad_norm_([parameter], 1.0)
            optimizer.step()
        assert torch.allclose(weights - rule.delta(gradients, weights, decays=True)[task], parameter, atol=1e-12)


@pytest.mark.parametrize("decays", [True, False])
def test_bertadam_is_the_optimiser_from_fresh_moments(
    weights: Tensor, gradients: list[Tensor], *, decays: bool
) -> None:
    rule = BertAdam(rate=1e-3)
    for task in range(TASKS):
        parameter = nn.Parameter(weights.clone())
        optimizer = BertAdamOptimizer([parameter], lr=1e-3, weight_decay=0.01 if decays else 0.0)
        for gradient in gradients:
            parameter.grad = gradient[task].clone()
            optimizer.step()
        moved = weights - rule.delta(gradients, weights, decays=decays)[task]
        assert torch.allclose(moved, parameter, atol=1e-12)


def test_the_first_step_of_bertadam_is_nearly_the_sign(weights: Tensor) -> None:
    gradient = torch.full((1, 5, 6), 0.01, dtype=torch.float64)
    moved = BertAdam(rate=1e-5).delta([gradient], weights, decays=False)
    assert moved.flatten().tolist() == pytest.approx([3.16e-5] * 30, rel=0.01)


@pytest.mark.parametrize("positions", [1, 2, 30])
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_factored_is_dense(positions: int, clip: float) -> None:
    random = torch.Generator().manual_seed(2)
    steps = [
        Factored(
            torch.randn(TASKS, positions, 6, generator=random, dtype=torch.float64),
            torch.randn(TASKS, positions, 5, generator=random, dtype=torch.float64),
        )
        for _ in range(STEPS)
    ]
    rule, weights = Sgd(rate=0.3, clip=clip), torch.zeros(5, 6, dtype=torch.float64)
    dense = rule.delta([step.dense() for step in steps], weights, decays=True)
    assert torch.allclose(sum(rule.factored(step).dense() for step in steps), dense, atol=1e-12)
    for step in steps:
        # By Gram matrices where they are smaller, else by the product itself.
        assert torch.allclose(step.norm(), step.dense().flatten(1).norm(dim=1), atol=1e-10)


def test_tasks_do_not_touch_each_other(weights: Tensor, gradients: list[Tensor]) -> None:
    for rule in (Sgd(rate=0.3), BertAdam(rate=1e-3)):
        together = rule.delta(gradients, weights, decays=True)
        for task in range(TASKS):
            alone = rule.delta([gradient[task : task + 1] for gradient in gradients], weights, decays=True)
            assert torch.allclose(together[task], alone[0], atol=1e-12)


def test_no_gradient_no_step(weights: Tensor) -> None:
    nothing = [torch.zeros(1, 5, 6, dtype=torch.float64)]
    assert not Sgd().delta(nothing, weights, decays=True).any()
    assert not BertAdam().delta(nothing, weights, decays=False).any()


def test_rules_by_name() -> None:
    assert make_rule("sgd") == Sgd()
    assert make_rule("bertadam", 1e-4) == BertAdam(rate=1e-4)
    with pytest.raises(SettingError, match="no update rule 'adamw'; there are: sgd, bertadam"):
        make_rule("adamw")
