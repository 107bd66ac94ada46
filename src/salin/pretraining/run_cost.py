"""What a pretraining run cost, and how near it came to what its machine can do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import torch
from pydantic import ValidationError

from salin.errors import DataError
from salin.settings import StrictSettings

#: Where a run leaves it.
COST = "cost.json"
_SIZE, _TIMES = 2048, 5


class RunCost(StrictSettings):
    """A run's `cost.json`.

    Attributes:
        parameters: Of the model.
        tokens: Pieces of text read, of each objective and in all (`tokens`).
        seconds: Of training, evaluations included.
        operations: Of floating point, in matrix products, whose sizes decide them (see `flops`).
        matmul_rate: So many of them a second do products of large matrices reach, in all processes together.
        precision: In which both were computed.
        processes: That trained together.
    """

    parameters: int
    tokens: dict[str, int]
    seconds: float
    operations: float
    matmul_rate: float
    precision: Literal["fp32", "bf16"]
    processes: int

    @property
    def tokens_per_second(self) -> float:
        """Pieces of text a second."""
        return self.tokens["tokens"] / self.seconds if self.seconds else 0.0

    @property
    def utilization(self) -> float:
        """Operations a second as a share of `matmul_rate`: model FLOPs utilization, with a measured peak."""
        return self.operations / self.seconds / self.matmul_rate if self.seconds else 0.0

    def told(self) -> str:
        """A sentence for a model card."""
        return (
            f"{self.tokens['tokens']:,} tokens in {self.seconds:,.0f} seconds, {self.tokens_per_second:,.0f} a second; "
            f"{self.operations:.2g} floating-point operations in matrix products, {self.utilization:.0%} of what "
            f"products of large matrices reach on this machine in {self.precision} ({self.matmul_rate:.2g} a second)."
        )

    @classmethod
    def read(cls, path: Path) -> RunCost:
        """Reads a file that a run wrote.

        Raises:
            DataError: When it is missing or something else.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise DataError(f"no cost of a run: {error}", path=path, remedy="salin pretrain writes it") from error


def matmul_rate(precision: str, device: torch.device) -> float:
    """Floating-point operations a second of products of large square matrices in this process: the best of some.

    Args:
        precision: `fp32` or `bf16`.
        device: Where.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    one, other = (torch.ones(_SIZE, _SIZE, dtype=dtype, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(_TIMES):
        begun = time.perf_counter()
        torch.mm(one, other)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begun)
    return 2 * _SIZE**3 / best
