"""What a run cost, beside what its machine can do."""

from __future__ import annotations

import time

import pytest
import torch

from salin.pretraining import run_cost
from salin.pretraining.run_cost import RunCost, matmul_rate


def test_utilization_is_operations_a_second_over_the_rate_of_large_products() -> None:
    cost = RunCost(
        parameters=1, tokens={"tokens": 500, "masked_tokens": 500}, seconds=10, operations=2e12, matmul_rate=1e12,
        precision="fp32", processes=1,
    )  # fmt: skip
    assert (cost.tokens_per_second, cost.utilization) == (50, 0.2)
    assert "500 tokens in 10 seconds, 50 a second" in cost.told() and "20% of what" in cost.told()
    nothing = cost.model_copy(update={"seconds": 0})
    assert (nothing.tokens_per_second, nothing.utilization) == (0, 0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_rate_is_that_of_the_quickest_product(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """By a clock of which a product takes two seconds, but the third of them one."""
    times = iter([0, 2, 2, 4, 4, 5, 5, 7, 7, 9])
    seen: set[torch.dtype] = set()
    real = torch.mm
    monkeypatch.setattr(run_cost, "_SIZE", 8)
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(torch, "mm", lambda one, other: seen.add(one.dtype) or real(one, other))
    assert matmul_rate(precision, torch.device("cpu")) == 2 * 8**3
    assert seen == {torch.bfloat16 if precision == "bf16" else torch.float32}
