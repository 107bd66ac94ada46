"""BertAdam, the optimiser of the published Meta-Cross code: Adam without bias correction, clipped tensor by tensor.

It is not AdamW. On the first step AdamW moves a weight by up to `lr`; BertAdam moves it by up to
`0.1 / sqrt(0.001) = 3.16 lr`, so a step size that was tuned for one is wrong for the other (SPECS 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NO_DECAY = ("bias", "LayerNorm.weight")


def decay_groups(model: nn.Module, weight_decay: float = 0.01) -> list[dict[str, Any]]:
    """Sorts the parameters that require a gradient into those with weight decay and those without.

    Args:
        model: Parameters of it whose names contain `bias` or `LayerNorm.weight` are not decayed.
        weight_decay: For the others.

    Returns:
        Two parameter groups for [BertAdam][salin.adaptation.bertadam.BertAdam].
    """
    groups: list[dict[str, Any]] = [{"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[any(part in name for part in NO_DECAY)]["params"].append(parameter)
    return groups


def warmup_linear(progress: float, warmup: float) -> float:
    """Gives the factor of the learning rate: up from 0 to 1 until `warmup`, then down to 0 at `progress` 1.

    Args:
        progress: The share of the run that is done before this step; the first step has 0, so it moves nothing.
        warmup: The share of the run that goes up.
    """
    if progress < warmup:
        return progress / warmup
    return max((1.0 - progress) / (1.0 - warmup), 0.0)


class BertAdam(torch.optim.Optimizer):
    """Adam as pytorch-pretrained-bert 0.6.2 had it, which is what the published numbers were made with.

    For each tensor p with gradient g, at its step t = 0, 1, ... (SPECS 1.3):

        g <- g min(1, max_norm / (|g| + 1e-6))        each tensor on its own, not the norm of them all
        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g g
        p <- p - lr f(t) (m / (sqrt(v) + eps) + weight_decay p)

    with no bias correction of m and v, and f(t) = 1, or `warmup_linear(t / total_steps, warmup)`.

    Args:
        params: Parameters, or groups of them such as `decay_groups` makes.
        lr: Learning rate.
        total_steps: Steps of the whole run, for the schedule; None keeps the learning rate constant.
        warmup: The share of `total_steps` in which the learning rate goes up.
        betas: b1 and b2.
        eps: Added to sqrt(v). It matters: gradients much below `eps / sqrt(1 - b2)` = 3e-5 are damped by it.
        weight_decay: For groups that do not bring their own.
        max_norm: What each tensor's gradient is clipped to; None does not clip.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        *,
        total_steps: int | None = None,
        warmup: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        max_norm: float | None = 1.0,
    ):
        if lr < 0.0:
            raise ValueError(f"the learning rate is {lr}, but must not be negative")
        if not 0.0 <= warmup < 1.0:
            raise ValueError(f"warmup is {warmup}, but must be at least 0 and below 1")
        if total_steps is not None and total_steps < 1:
            raise ValueError(f"total_steps is {total_steps}, but must be at least 1, or None for no schedule")
        self.total_steps, self.warmup = total_steps, warmup
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "max_norm": max_norm}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every parameter that has a gradient; the gradients themselves stay as they are.

        Args:
            closure: Computes the loss and its gradients anew, where given.

        Returns:
            What `closure` gives, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)
        return loss

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        if not state:
            state.update(step=0, m=torch.zeros_like(parameter), v=torch.zeros_like(parameter))
        if group["max_norm"] is not None:
            gradient = gradient * (group["max_norm"] / (gradient.norm() + 1e-6)).clamp(max=1.0)
        state["m"].mul_(beta1).add_(gradient, alpha=1 - beta1)
        state["v"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        update = state["m"] / (state["v"].sqrt() + group["eps"])
        update.add_(parameter, alpha=group["weight_decay"])
        # Steps are counted a tensor at a time, as published: one that first gets a gradient late warms up late.
        factor = 1.0 if self.total_steps is None else warmup_linear(state["step"] / self.total_steps, self.warmup)
        parameter.sub_(update, alpha=group["lr"] * factor)
        state["step"] += 1
