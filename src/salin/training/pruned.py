"""Training with some weights held at zero: what pruning took away stays away.

The loop is the one that everything is trained by. A weight that is zero and whose gradient is zero stays zero under
every optimiser here: there is no momentum to move it, and weight decay takes a share of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def held_at_zero(network: nn.Module, kept: Mapping[str, Tensor]) -> Generator[None]:
    """Within it the weights that masks leave out are zero, and training does not change that.

    They are left at zero; give the optimiser no state of before.

    Args:
        network: Its parameters are changed in place.
        kept: By parameter name a mask of its shape, set at the weights that stay.
    """
    parameters = {name: network.get_parameter(name) for name in kept}
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.masked_fill_(~kept[name].to(parameter.device), 0)
    handles = [parameter.register_hook(_masked(kept[name])) for name, parameter in parameters.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _masked(mask: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda gradient: gradient.masked_fill(~mask.to(gradient.device), 0)
