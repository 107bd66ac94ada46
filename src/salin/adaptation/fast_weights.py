"""Per-task weights without copies: what a task's gradient steps change, as corrections to each layer's output.

With A a linear layer's inputs and D the loss's gradient at its outputs, both over a task's support positions, the
gradient of its weight W is D^T A. After a step of size a the layer computes x W^T - a (x A^T) D for that task: a
batch of tasks needs one shared forward and two thin products instead of a copy of the weights for each. Running queries
with the corrections held constant, autograd's gradient at the shared weights is the sum of the tasks' first-order
meta-gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from salin.adaptation.gradients import Factored, Gradients, Grams, ModuleGradient
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import Rule, Sgd
from salin.models.parameters import norm_epsilon

# Of a norm's weights, which are near 1.
_LEAST = 0.05


@dataclass(slots=True)
class _Steps:
    """The gradients that a module's own parameters got, one entry a step."""

    weight: list[Factored | Tensor] = field(default_factory=list[Factored | Tensor])
    bias: list[Tensor] = field(default_factory=list[Tensor])


class FastWeights:
    """Captures gradients of the adapted modules task by task, and applies the updates they lead to.

    Use it within `attached`: hooks exist only there, and are removed on every way out. Nothing here ever writes to a
    parameter.

    Args:
        network: The network.
        modules: Names of the linear layers and norms to adapt.
        rule: Makes updates of gradients.
    """

    def __init__(self, network: nn.Module, modules: tuple[str, ...], rule: Rule):
        self.network = network
        self.modules = {name: network.get_submodule(name) for name in modules}
        self.rule = rule
        self._steps: dict[str, _Steps] = {}
        self._grams = Grams()
        self._layout: TaskBatch | None = None
        self._products: tuple[Tensor, list[tuple[Tensor, Tensor]]] | None = None
        self._captured: dict[str, list[tuple[Tensor, Tensor]]] | None = None

    @contextmanager
    def attached(self) -> Generator[None]:
        """Within it the network's forward sees the corrections; afterwards no trace of any task is left."""
        handles = [module.register_forward_hook(self._hook(name)) for name, module in self.modules.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._steps, self._grams, self._layout, self._captured = {}, Grams(), None, None

    def forward(self, tasks: TaskBatch) -> Tensor:
        """Each task's rows through its own weights: scores at the decided words, `[words, tags]`."""
        self._layout = tasks
        try:
            return tasks.batch.at_words(self.network(tasks.batch.input_ids, tasks.batch.attention_mask))
        finally:
            self._layout = self._products = None

    @contextmanager
    def capturing(self) -> Generator[None]:
        """Within it the forward remembers what `gradients` needs; no parameter asks for a gradient.

        The graph begins at what the lowest adapted modules give, so that nothing is computed below them, and no
        gradient of a weight anywhere.
        """
        self._captured = {}
        before = [(parameter, parameter.requires_grad) for parameter in self.network.parameters()]
        try:
            for parameter, _ in before:
                parameter.requires_grad_(False)
            with torch.enable_grad():
                yield
        finally:
            for parameter, required in before:
                parameter.requires_grad_(required)
            self._captured = None

    def factors(self, losses: Tensor, tasks: TaskBatch) -> dict[str, tuple[Tensor, Tensor]]:
        """What each module's weight was multiplied with, and the gradient of the tasks' own losses at what it gave.

        Args:
            losses: Each task's own loss, `[tasks]`, from the forward that was captured.
            tasks: The batch of that forward.

        Returns:
            For each module two tensors `[tasks, positions, size]` with zeros behind a task's last position. Of an
            embedding, which multiplies nothing, the first holds what it looked up, `[tasks, positions, 1]`.
        """
        assert self._captured is not None
        calls = [(name, inputs, output) for name, seen in self._captured.items() for inputs, output in seen]
        gradients = torch.autograd.grad(losses.sum(), [output for _, _, output in calls])
        collected: dict[str, list[tuple[Tensor, Tensor]]] = {}
        # Layers that are given the same tensor (a block's queries, keys and values) share what is made of it.
        shared: dict[int, Tensor] = {}
        for (name, inputs, _), gradient in zip(calls, gradients, strict=True):
            if isinstance(self.modules[name], nn.Linear):
                rows = shared.get(id(inputs))
                if rows is None:
                    rows = shared[id(inputs)] = tasks.valid_rows(_as_computed(inputs.detach()))
            else:
                rows = tasks.valid_rows(self._rows(name, inputs.detach()))
            collected.setdefault(name, []).append((rows, tasks.valid_rows(gradient)))
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for name, seen in collected.items():
            # A module that is called several times (ALBERT's shared block) has seen that many times the positions.
            inputs, outputs = (part[0] if len(seen) == 1 else torch.cat(part, 1) for part in zip(*seen, strict=True))
            found[name] = inputs, outputs
        return found

    def gradients(self, losses: Tensor, tasks: TaskBatch) -> Gradients:
        """The gradients of each task's own loss, within `capturing`; arguments as for `factors`."""
        found: dict[str, ModuleGradient] = {}
        for name, (inputs, outputs) in self.factors(losses, tasks).items():
            linear = isinstance(self.modules[name], nn.Linear)
            weight = Factored.bounded(inputs, outputs) if linear else (inputs * outputs).sum(1)
            has_bias = getattr(self.modules[name], "bias", None) is not None
            found[name] = ModuleGradient(weight, outputs.sum(1) if has_bias else None)
        return found

    def take(self, gradients: Gradients) -> None:
        """Takes one step for every task at once, within `attached`."""
        for name, gradient in gradients.items():
            steps = self._steps.setdefault(name, _Steps())
            weight = gradient.weight
            if isinstance(self.rule, Sgd) and isinstance(weight, Factored):
                weight = self.rule.factored(weight, self._grams)
            steps.weight.append(weight)
            if gradient.bias is not None:
                steps.bias.append(gradient.bias)

    def _rows(self, name: str, inputs: Tensor) -> Tensor:
        """What the weight of a module is multiplied with: a linear layer's inputs, a norm's normalised ones."""
        module = self.modules[name]
        if isinstance(module, nn.Embedding):
            return inputs[..., None]
        return inputs if isinstance(module, nn.Linear) else _normalised(inputs, module)

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if self._layout is None:
                return output
            inputs = arguments[0]
            if name in self._steps:
                output = self._corrected(name, inputs, output)
            if self._captured is not None:
                if not output.requires_grad:
                    output.requires_grad_()
                self._captured.setdefault(name, []).append((inputs, output))
            return output

        return hook

    def _corrected(self, name: str, inputs: Tensor, output: Tensor) -> Tensor:
        """A module's output less what its updates take off it."""
        assert self._layout is not None
        module, steps = self.modules[name], self._steps[name]
        corrected = self._layout.by_task(output)
        factored = [weight for weight in steps.weight if isinstance(weight, Factored)]
        corrections: list[Tensor] = []
        if not torch.is_grad_enabled() and isinstance(module, nn.LayerNorm) and _divides(module):
            return self._scaled(module, steps, corrected).reshape(output.shape)
        rows = self._layout.by_task(self._rows(name, inputs))
        if not factored:
            delta = self.rule.delta(
                [g for g in steps.weight if isinstance(g, Tensor)], _own(module, "weight"), decays=False
            )
            corrections.append(rows * delta[:, None])
        elif isinstance(self.rule, Sgd):
            for step, update in enumerate(factored):
                corrected = update.taken_off(corrected, self._products_of(update, step, inputs, rows))
        else:
            # Not kept: one layer's gradient for every task at a time is as much as memory should hold.
            delta = self.rule.delta([gradient.dense() for gradient in factored], _own(module, "weight"), decays=True)
            corrections.append(torch.bmm(rows, delta.transpose(1, 2).to(rows.dtype)))
        if steps.bias:
            corrections.append(self.rule.delta(steps.bias, _own(module, "bias"), decays=False)[:, None])
        for correction in corrections:
            if torch.is_grad_enabled():
                corrected = corrected - correction.to(output.dtype)
            else:  # Nothing needs the output as it was but the graph of a loss.
                corrected = corrected.sub_(correction)
        return corrected.reshape(output.shape)

    def _scaled(self, module: nn.LayerNorm, steps: _Steps, output: Tensor) -> Tensor:
        """The output of a norm with updated weights, from that with its own: a third of the price of normalising again.

        With n the normalised inputs, w and b its own weight and bias, d and e what is taken off them,
        n (w - d) + b - e = (n w + b) (1 - d / w) + b d / w - e.
        """
        weight, bias = _own(module, "weight"), _own(module, "bias")
        share = self.rule.delta([g for g in steps.weight if isinstance(g, Tensor)], weight, decays=False) / weight
        shift = bias * share - self.rule.delta(steps.bias, bias, decays=False)
        return torch.addcmul(shift[:, None], output, (1 - share)[:, None])

    def _products_of(self, update: Factored, step: int, inputs: Tensor, rows: Tensor) -> Tensor:
        """A layer's inputs times those of a step: a block's queries, keys and values are given the same in both."""
        if self._products is None or self._products[0] is not inputs:
            self._products = inputs, []
        known = self._products[1]
        if len(known) <= step or known[step][0] is not update.inputs:
            known[step:] = [(update.inputs, update.products(rows))]
        return known[step][1]


def _as_computed(rows: Tensor) -> Tensor:
    """In the precision in which autocast gives them to the layer, where it does."""
    device = rows.device.type
    return rows.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else rows


def _divides(norm: nn.LayerNorm) -> bool:
    """Whether what a norm gave can be divided by its weights without losing more than a digit or two."""
    if getattr(norm, "bias", None) is None or norm.weight.dtype == torch.bfloat16:
        return False
    return float(norm.weight.abs().min()) > _LEAST


def _own(module: nn.Module, name: str) -> Tensor:
    return module.get_parameter(name).detach()


def _normalised(inputs: Tensor, module: nn.Module) -> Tensor:
    epsilon = norm_epsilon(module)
    assert epsilon is not None
    if isinstance(module, nn.LayerNorm):
        return functional.layer_norm(inputs, module.normalized_shape, eps=epsilon)
    return inputs * torch.rsqrt(inputs.pow(2).mean(-1, keepdim=True) + epsilon)
