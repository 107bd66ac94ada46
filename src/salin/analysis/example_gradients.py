"""Squares of the gradients that each example's own loss has at each parameter, summed over examples.

With A what a linear layer was given and D the loss's gradient at what it gave, both at one example's positions, the
example's gradient of the weight is D^T A: one backward pass over a batch gives the factors of all its examples, and
what is left to do for each is a product. Norms, embeddings and a CRF's transitions fall apart in the same way. What
does not (recurrent layers, inputs that belong to no example) is computed one example at a time, by autograd.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from salin.adaptation.engines import OF_WINDOWS, PROBE, probed_inputs
from salin.adaptation.fast_weights import FastWeights
from salin.adaptation.gradients import Factored
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import Sgd
from salin.analysis.chain_gradients import chain_gradients
from salin.models.byte_config import ByteConfig
from salin.models.losses import Gold, task_losses
from salin.models.network import TaggingNetwork
from salin.models.parameters import is_norm

# Of one layer's gradients at once, 16 MB: of more examples they would leave a processor's caches.
_NUMBERS = 1 << 22


class ExampleGradients:
    """Sums of squared gradients of log p(gold tags of an example | its words), parameter by parameter.

    Args:
        network: In eval mode; it is left as it was.

    Attributes:
        sums: By parameter name.
        batched: Whether some parameters' gradients fall apart, so that many examples can be given at once.
        alone: Whether those of others do not.
    """

    def __init__(self, network: TaggingNetwork):
        self._network = network
        modules = _separable(network)
        # The step size is never used: nothing is updated.
        self._fast = FastWeights(network, modules, Sgd(0.0))
        known = {f"{name}.{own}" for name in modules for own, _ in self._fast.modules[name].named_parameters()}
        if modules:
            known |= {name for name, _ in network.named_parameters() if name.startswith("crf.")}
        self._alone = {name: parameter for name, parameter in network.named_parameters() if name not in known}
        self.batched, self.alone = bool(modules), bool(self._alone)
        self.sums = {
            name: torch.zeros_like(parameter, dtype=torch.promote_types(parameter.dtype, torch.float32))
            for name, parameter in network.named_parameters()
        }

    def add_batch(self, tasks: TaskBatch, gold: Gold) -> None:
        """Adds what some examples give to the parameters that fall apart; only where `batched`.

        Args:
            tasks: A task for each example.
            gold: Their tags; each example is a sentence with a word.
        """
        with self._fast.attached(), self._fast.capturing(), self._rows_of_positions(tasks):
            emissions = self._fast.forward(tasks)
            factors = self._fast.factors(log_probabilities(self._network, emissions, gold), tasks)
        for name, (inputs, outputs) in factors.items():
            self._add_module(name, inputs, outputs)
        if self._network.crf is not None:
            for name, found in chain_gradients(self._network.crf, emissions.detach(), gold).items():
                self.sums[f"crf.{name}"] += found.square().sum(0)

    def add_alone(self, tasks: TaskBatch, gold: Gold) -> None:
        """Adds what one example gives to all other parameters; only where `alone`."""
        batch = tasks.batch
        with torch.enable_grad(), _asked(self._alone):
            emissions = batch.at_words(self._network(batch.input_ids, batch.attention_mask))
            score = log_probabilities(self._network, emissions, gold).sum()
            found = torch.autograd.grad(score, list(self._alone.values()), allow_unused=True)
        for name, gradient in zip(self._alone, found, strict=True):
            if gradient is not None:  # pyright: ignore[reportUnnecessaryComparison]: allow_unused
                self.sums[name].addcmul_(gradient, gradient)

    def _add_module(self, name: str, inputs: Tensor, outputs: Tensor) -> None:
        module, sums = self._fast.modules[name], self.sums
        if isinstance(module, nn.Embedding):
            _add_looked_up(sums[f"{name}.weight"], inputs[..., 0].long(), outputs, module.padding_idx)
            return
        if isinstance(module, nn.Linear):
            _add_products(sums[f"{name}.weight"], inputs, outputs)
        else:
            sums[f"{name}.weight"] += (inputs * outputs).sum(1).square().sum(0)
        if f"{name}.bias" in sums:
            sums[f"{name}.bias"] += outputs.sum(1).square().sum(0)

    @contextmanager
    def _rows_of_positions(self, tasks: TaskBatch) -> Generator[None]:
        """Within it what looks up the positions of one row for all rows looks them up for each."""
        rows = len(tasks.batch.input_ids)

        def expand(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            first, *others = arguments
            return (first.expand(rows, -1) if len(first) == 1 else first, *others)

        embeddings = [module for module in self._fast.modules.values() if isinstance(module, nn.Embedding)]
        handles = [module.register_forward_pre_hook(expand) for module in embeddings]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def log_probabilities(network: TaggingNetwork, emissions: Tensor, gold: Gold) -> Tensor:
    """The log-probability of the gold tags of each task, all its words together, `[tasks]`.

    Args:
        network: The network that the scores come from.
        emissions: Scores at the decided words, `[words, tags]`.
        gold: Their tags.
    """
    words = torch.bincount(gold.tasks, minlength=gold.count)
    return -task_losses(network, emissions, gold) * words


def _separable(network: TaggingNetwork) -> tuple[str, ...]:
    """The modules whose every input has a row for each window, or is the positions of one row for all of them."""
    if isinstance(network.classifier.config, ByteConfig):
        return ()
    modules = {
        name: module
        for name, module in cast(Iterator[tuple[str, nn.Module]], network.named_modules())
        if isinstance(module, nn.Linear | nn.Embedding) or (is_norm(module) and list(module.parameters(recurse=False)))
    }
    found: list[str] = []
    for name, seen in probed_inputs(network, modules).items():
        wanted = OF_WINDOWS
        if isinstance(modules[name], nn.Embedding):
            shapes, wanted = seen, (PROBE, (1, PROBE[1]))
        else:
            shapes = [shape[:-1] for shape in seen]
        if shapes and all(shape in wanted for shape in shapes):
            found.append(name)
    return tuple(found)


def _add_products(total: Tensor, inputs: Tensor, outputs: Tensor) -> None:
    """Squares of products, of as many examples at once as memory should hold."""
    size = max(1, _NUMBERS // total.numel())
    for start in range(0, len(inputs), size):
        dense = Factored(inputs[start : start + size], outputs[start : start + size]).dense()
        total += dense.square_().sum(0)


def _add_looked_up(total: Tensor, ids: Tensor, outputs: Tensor, padding: int | None) -> None:
    """What an example's gradient is at each row that it looked up, however often it did."""
    examples = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)
    places = (examples * len(total) + ids).flatten()
    different, which = cast(tuple[Tensor, Tensor], torch.unique(places, return_inverse=True))
    summed = outputs.new_zeros(len(different), outputs.shape[-1]).index_add_(0, which, outputs.flatten(0, 1))
    rows = different % len(total)
    if padding is not None:  # Its row is held as it is, so that it has no gradient.
        summed[rows == padding] = 0
    total.index_add_(0, rows, summed.square_())


@contextmanager
def _asked(parameters: Mapping[str, nn.Parameter]) -> Generator[None]:
    """Within it these parameters ask for gradients."""
    before = [(parameter, parameter.requires_grad) for parameter in parameters.values()]
    try:
        for parameter, _ in before:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)
