"""Update rules: from the gradients of a task's steps to what is taken off its weights.

A rule is a pure function of the gradients, so that it works for one task or for many at once, and needs no optimiser
state. The two rules are different algorithms: `bertadam` is nearly the sign of the gradient, `sgd` is the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from salin.adaptation.gradients import Factored, Grams
from salin.errors import SettingError

RuleName = Literal["sgd", "bertadam"]
# Numbers; a megabyte in fp32, of which `bertadam` has a handful at a time.
_CACHED = 1 << 18


class Rule(Protocol):
    """How gradients become an update."""

    @property
    def rate(self) -> float:
        """The step size."""
        ...

    @property
    def clip(self) -> float:
        """The largest norm of each tensor's gradient, a task each; 0 clips nothing."""
        ...

    def delta(self, gradients: Sequence[Tensor], weights: Tensor, *, decays: bool) -> Tensor:
        """What all steps so far take off the weights, `[tasks, ...]`.

        Args:
            gradients: One `[tasks, ...]` a step.
            weights: The shared weights, `[...]`.
            decays: Whether weight decay applies to them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sgd:
    """Plain gradient descent; linear weights get a low-rank correction and are never materialised.

    The default step size was measured on source data (docs/decisions/0019); the published 1e-5 belongs to BertAdam and
    would do nothing here.
    """

    rate: float = 0.1
    clip: float = 1.0
    name: ClassVar[str] = "sgd"

    def delta(self, gradients: Sequence[Tensor], weights: Tensor, *, decays: bool) -> Tensor:
        """The sum of the clipped gradients times the step size."""
        return self.rate * sum((_clipped(gradient, self.clip) for gradient in gradients), torch.zeros_like(weights))

    def factored(self, gradient: Factored, grams: Grams | None = None) -> Factored:
        """What one step takes off linear weights, as a product of factors; those of several steps add up.

        Args:
            gradient: Of the step.
            grams: See [norm][salin.adaptation.gradients.Factored.norm].
        """
        scale = gradient.outputs.new_full((len(gradient.outputs),), self.rate, dtype=torch.promote_types(
            gradient.outputs.dtype, torch.float32))  # fmt: skip
        if self.clip:
            scale = scale * _shrink(gradient.norm(self.clip, grams), self.clip)
        return gradient.scaled(scale)


@dataclass(frozen=True, slots=True)
class BertAdam:
    """The published rule in closed form: Adam without bias correction, from fresh moments (SPECS 1.3)."""

    rate: float = 1e-5
    clip: float = 1.0
    decay: float = 0.01
    name: ClassVar[str] = "bertadam"
    _first: ClassVar[float] = 0.9
    _second: ClassVar[float] = 0.999
    _epsilon: ClassVar[float] = 1e-6

    def delta(self, gradients: Sequence[Tensor], weights: Tensor, *, decays: bool) -> Tensor:
        """Runs the moments over the steps."""
        total = torch.zeros_like(gradients[0])
        for tasks in _portions(total):
            self._run([gradient[tasks] for gradient in gradients], weights, total[tasks], decays)
        return total

    def _run(self, gradients: Sequence[Tensor], weights: Tensor, total: Tensor, decays: bool) -> None:
        """Adds the updates of all steps to `total`."""
        mean, square = torch.zeros_like(total), torch.zeros_like(total)
        for gradient in gradients:
            gradient = _clipped(gradient, self.clip)
            mean.mul_(self._first).add_(gradient, alpha=1 - self._first)
            square.mul_(self._second).addcmul_(gradient, gradient, value=1 - self._second)
            update = square.sqrt().add_(self._epsilon)
            torch.div(mean, update, out=update)
            if decays:
                update.add_(weights - total, alpha=self.decay)
            total.add_(update, alpha=self.rate)


def make_rule(name: str, rate: float | None = None) -> Rule:
    """A rule by its name, with its own default step size unless one is given.

    Raises:
        SettingError: When there is no such rule.
    """
    rules: dict[str, type[Sgd | BertAdam]] = {"sgd": Sgd, "bertadam": BertAdam}
    if name not in rules:
        raise SettingError(f"no update rule {name!r}; there are: {', '.join(rules)}")
    return rules[name]() if rate is None else rules[name](rate=rate)


def _clipped(gradient: Tensor, clip: float) -> Tensor:
    if not clip:
        return gradient
    scale = _shrink(gradient.flatten(1).square().sum(1).sqrt(), clip)
    return gradient * scale.reshape(-1, *[1] * (gradient.dim() - 1))


def _shrink(norm: Tensor, clip: float) -> Tensor:
    # As torch.nn.utils.clip_grad_norm_ computes it.
    return (clip / (norm + 1e-6)).clamp(max=1)


def _portions(values: Tensor) -> Iterator[slice]:
    """So many tasks at a time as a processor's cache holds; on other devices all at once.

    Elementwise work on what lies in the cache takes a tenth of the time.
    """
    most = _CACHED // max(1, values[0].numel()) if values.device.type == "cpu" and len(values) else len(values)
    size = max(1, most)
    return (slice(start, start + size) for start in range(0, len(values), size))
