"""What a loss says of the adapted modules, for several tasks at once or for one sentence, kept as factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Factored:
    """Gradients of linear weights as products: task t's is `outputs[t].T @ diag(weights[t]) @ inputs[t]`, `[out, in]`.

    Attributes:
        inputs: What the layer was given, `[tasks, positions, in]`.
        outputs: The loss's gradient at what it gave, `[tasks, positions, out]`.
        weights: How much each position counts, `[tasks, positions]`; None where all count 1.
        bound: What the Frobenius norm of each task's gradient cannot exceed, `[tasks]`, where that is known already.
        known: Whether `bound` is the norm itself, or below whatever anybody asks about.
    """

    inputs: Tensor
    outputs: Tensor
    weights: Tensor | None = None
    bound: Tensor | None = None
    known: bool = False

    def dense(self) -> Tensor:
        """The gradients themselves, `[tasks, out, in]`."""
        return torch.bmm(self._weighted().transpose(1, 2).to(self.inputs.dtype), self.inputs)

    def products(self, rows: Tensor) -> Tensor:
        """Each row times each of the inputs, `[tasks, rows, in]` to `[tasks, rows, positions]`.

        It is the first half of rows times the transposed gradients, which are never formed; `taken_off` is the second.
        """
        return torch.bmm(rows.to(self.inputs.dtype), self.inputs.transpose(1, 2))

    def taken_off(self, values: Tensor, products: Tensor) -> Tensor:
        """Values less rows times the transposed gradients, `[tasks, rows, out]`, of the rows that `products` is of.

        Where no gradients are taken, the values themselves are changed.
        """
        weighted = self._each_weighted(products)
        if values.dtype != self.outputs.dtype:
            correction = torch.bmm(weighted, self.outputs)
            return values - correction.to(values.dtype) if torch.is_grad_enabled() else values.sub_(correction)
        if torch.is_grad_enabled():
            return torch.baddbmm(values, weighted, self.outputs, alpha=-1)
        return values.baddbmm_(weighted, self.outputs, alpha=-1)

    def scaled(self, scale: Tensor) -> Factored:
        """Each task's gradient times its number, `[tasks]`."""
        known = self.inputs.new_ones(self.inputs.shape[:2]) if self.weights is None else self.weights
        return Factored(self.inputs, self.outputs, known * scale[:, None])

    def norm(self, above: float = 0.0, grams: Grams | None = None) -> Tensor:
        """Their Frobenius norms, `[tasks]`, from the Gram matrices of the factors where those are smaller.

        Args:
            above: Norms below it are of no interest: something else that is below it may stand in their places.
            grams: Those of the inputs of layers that are given the same, where such are asked one after another.
        """
        if self.bound is None:
            return self._norm(grams)
        if self.known:
            return self.bound
        # A hair less, so that rounding cannot hide a norm that just exceeds it.
        wanted = self.bound > above * (1 - 1e-3)
        places = torch.nonzero(wanted).flatten()
        if 2 * len(places) > len(wanted):  # To copy the factors of so many costs more than it saves.
            return torch.where(wanted, self._norm(grams).to(self.bound.dtype), self.bound)
        norms = self.bound.clone()
        if len(places):
            parts = (None if t is None else t[places] for t in (self.inputs, self.outputs, self.weights))
            norms[places] = Factored(*parts)._norm().to(norms.dtype)  # pyright: ignore[reportArgumentType]
        return norms

    def _norm(self, grams: Grams | None = None) -> Tensor:
        positions, inside, outside = self.inputs.shape[1], self.inputs.shape[2], self.outputs.shape[2]
        if positions * (inside + outside) > inside * outside:
            return self.dense().flatten(1).norm(dim=1)
        weighted = self._weighted()
        products = (Grams() if grams is None else grams).of(self.inputs) * torch.bmm(weighted, weighted.transpose(1, 2))
        return products.sum((1, 2), dtype=torch.promote_types(weighted.dtype, torch.float32)).clamp(min=0).sqrt()

    def _each_weighted(self, products: Tensor) -> Tensor:
        if self.weights is not None:
            products = products * self.weights[:, None]
        return products.to(self.outputs.dtype)

    def _weighted(self) -> Tensor:
        return self.outputs if self.weights is None else self.outputs * self.weights.to(self.outputs.dtype)[:, :, None]

    @classmethod
    def bounded(cls, inputs: Tensor, outputs: Tensor) -> Factored:
        """The product with what its norm cannot exceed: the sum over positions of the products of their rows' norms."""
        norms: list[Tensor] = [torch.linalg.vector_norm(rows, dim=2) for rows in (inputs, outputs)]
        return cls(inputs, outputs, bound=(norms[0] * norms[1]).sum(1))


class Grams:
    """The products of a layer's inputs with each other, position by position: the last ones are remembered."""

    def __init__(self) -> None:
        self._of: tuple[Tensor, Tensor] | None = None

    def of(self, inputs: Tensor) -> Tensor:
        """`[tasks, positions, in]` to `[tasks, positions, positions]`."""
        if self._of is None or self._of[0] is not inputs:
            self._of = inputs, torch.bmm(inputs, inputs.transpose(1, 2))
        return self._of[1]


@dataclass(frozen=True, slots=True)
class ModuleGradient:
    """The gradient of one module's own parameters for each of several tasks.

    Attributes:
        weight: Of a linear layer's weight, or of a norm's, `[tasks, size]`.
        bias: `[tasks, out]`; None where it has none.
    """

    weight: Factored | Tensor
    bias: Tensor | None


Gradients = Mapping[str, ModuleGradient]
