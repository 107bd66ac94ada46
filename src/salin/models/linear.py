"""Linear layers by oneDNN, where torch's own choice leaves half of the processor unused.

torch multiplies fp32 matrices by MKL, which knows AVX-512 on Intel's processors alone. oneDNN, which torch brings along
for bf16 and for compiled graphs, uses it wherever it is: measured on an AMD EPYC, twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@contextmanager
def quick_linear() -> Generator[None]:
    """Within it linear layers in fp32 on the CPU are computed by oneDNN, if that is the faster way on this machine.

    The results differ by rounding alone, and gradients (not theirs) can be taken. No module is changed, so that
    weights may be trained, replaced and shared as ever.
    """
    if not _pays() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        yield
        return
    with _ByOneDnn():
        yield


@cache
def _pays() -> bool:
    """Whether MKL would multiply, and without the AVX-512 that is there."""
    processor = torch.cpu.get_capabilities()
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and bool(processor.get("avx512_f"))
        and "Intel" not in str(processor.get("cpu_name"))
    )


class _ByOneDnn(TorchFunctionMode):
    """Takes the calls of `torch.nn.functional.linear`; all others go where they went."""

    def __init__(self) -> None:
        super().__init__()
        # Space for padded rows, used by layer after layer: new memory would cost more than the padding.
        self._space: dict[tuple[int, int], Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is functional.linear:
            rows, weight, bias = _arguments(*args, **(kwargs or {}))
            if rows.dtype == weight.dtype == torch.float32 and rows.device.type == "cpu" and rows.numel():
                if torch.is_grad_enabled():
                    return _Linear.apply(rows, weight, bias, self._multiplied)
                return self._multiplied(rows, weight, bias)
        return func(*args, **(kwargs or {}))

    def _multiplied(self, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        flat = rows.reshape(-1, rows.shape[-1])
        count = len(flat)
        padded = _rounded(count)
        if padded > count:
            space = self._space.get((padded, flat.shape[1]))
            if space is None:
                space = self._space[padded, flat.shape[1]] = torch.zeros(padded, flat.shape[1])
            space[:count] = flat
            flat = space
        product = cast(Tensor, torch.ops.mkldnn._linear_pointwise(flat, weight, bias, "none", [], ""))
        return product[:count].reshape(*rows.shape[:-1], len(weight))


class _Linear(torch.autograd.Function):
    """Rows times a transposed weight, plus a bias, by a given multiplication; so are its gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        multiplied: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    ) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.multiplied = multiplied
        return multiplied(rows, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]: torch takes any number of gradients
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        rows, weight = ctx.saved_tensors
        by_rows, by_weight, by_bias, _ = ctx.needs_input_grad
        flat = gradient.reshape(-1, gradient.shape[-1])
        return (
            ctx.multiplied(gradient, weight.T, None) if by_rows else None,
            flat.T @ rows.reshape(-1, rows.shape[-1]) if by_weight else None,
            flat.sum(0) if by_bias else None,
            None,
        )


def _arguments(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
    return input, weight, bias


def _rounded(count: int) -> int:
    """A number of rows, a little larger, of which there are few.

    oneDNN compiles a kernel for every number of rows and keeps it, which takes a millisecond and half a megabyte.
    """
    step = max(32, (1 << (count - 1).bit_length()) // 16)
    return -(-count // step) * step
