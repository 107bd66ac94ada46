"""Several processes that train one model: what each takes of a batch, and how they stay one run.

torchrun and `accelerate launch` start the processes. Every one makes the same batch and takes its part; the sum of the
parts' gradients is then the gradient of the whole batch, so that the number of processes is no setting of a run.
DistributedDataParallel does not fit: it averages, wants one forward pass a step, and leaves no say in which parameters
have no gradient at all, which optimisers must not decay.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env
from torch import Tensor, distributed, nn

from salin.errors import SalinError, SettingError

T = TypeVar("T")
# How long one process may keep the others waiting, as while it trains a tokenizer. One that dies is noticed at once.
_PATIENCE = timedelta(hours=2)
# Numbers that are sent at once: 32 MB, which is enough to fill a network and little beside a model.
_BUCKET = 1 << 23


@dataclass(frozen=True, slots=True)
class Part:
    """One process's part of whatever falls into examples.

    Attributes:
        index: Which part, from 0.
        count: How many there are.
    """

    index: int = 0
    count: int = 1

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The items of this part: neighbours, as many as in any other part or one less; perhaps none."""
        size, more = divmod(len(items), self.count)
        start = self.index * size + min(self.index, more)
        return items[start : start + size + (self.index < more)]


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of this run, seen from one of them. All have to call the same methods in the same order.

    Attributes:
        part: Of this process.
        device: Where it computes.
    """

    part: Part
    device: torch.device

    @classmethod
    def here(cls) -> Processes:
        """Those that a launcher started; this one alone where none did."""
        # Without a GPU accelerate takes the launcher's processes for one run only when it is told that the CPU it is.
        cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
        state = PartialState(cpu=cpu, timeout=_PATIENCE)
        part = Part(cast(int, state.process_index), cast(int, state.num_processes))
        return cls(part, cast(torch.device, state.device))

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes and talks."""
        return self.part.index == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.part.count > 1

    def wait(self) -> None:
        """Waits until all have come here."""
        if self.several:
            with _named_loss():
                PartialState().wait_for_everyone()

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all, in the order of the processes."""
        if not self.several:
            return list(items)
        with _named_loss():
            return gather_object(list(items))

    def total(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The sum of each figure over the processes that have it."""
        totals: dict[str, float] = {}
        for theirs in self.gather([figures]):
            for name, value in theirs.items():
                totals[name] = totals[name] + value if name in totals else value
        return totals

    def agree(self, values: Mapping[str, Any]) -> None:
        """Makes sure that all begin alike.

        Args:
            values: JSON values that must be the same in every process.

        Raises:
            SettingError: When they are not.
        """
        first, *others = self.gather([dict(values)])
        differing = sorted({name for theirs in others for name in values if theirs[name] != first[name]})
        if differing:
            raise SettingError(
                f"the processes of this run do not begin alike: they differ in {', '.join(differing)}. Give all "
                "of them the same files, settings and seed, and a run folder that all of them see"
            )

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Puts the sum of all processes' gradients in the place of each one's own.

        Args:
            parameters: The trained ones. One that has no gradient in any process keeps none.
        """
        if not self.several:
            return
        with _named_loss():
            own = [parameter.grad is not None for parameter in parameters]
            found = torch.tensor(own, dtype=torch.int32, device=self.device)
            distributed.all_reduce(found)
            counts: list[int] = found.tolist()
            shared = [parameter for parameter, count in zip(parameters, counts, strict=True) if count]
            for bucket in _buckets(shared):
                gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
                flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
                distributed.all_reduce(flat)
                pieces: tuple[Tensor, ...] = torch.split(flat, [p.numel() for p in bucket])
                for parameter, summed in zip(bucket, pieces, strict=True):
                    parameter.grad = summed.view(parameter.shape)


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    numbers = 0
    for parameter in parameters:
        if bucket and numbers + parameter.numel() > _BUCKET:
            yield bucket
            bucket, numbers = [], 0
        bucket.append(parameter)
        numbers += parameter.numel()
    if bucket:
        yield bucket


@contextmanager
def _named_loss() -> Generator[None]:
    """Says what it means when the others do not answer.

    Raises:
        SalinError: In the place of the network's own error.
    """
    try:
        yield
    except RuntimeError as error:
        raise SalinError(
            "another process of this run has ended or cannot be reached; what it said itself tells why "
            f"({str(error).splitlines()[0]}). The same command goes on with the run"
        ) from error
