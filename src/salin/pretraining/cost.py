"""What objectives cost, so that they can be compared at equal tokens and at equal compute.

*Equal tokens* is the same number of pieces of text read, `tokens_per_row` of an objective times its rows: what data
there is. *Equal compute* is the same number of floating-point operations: `flops` of `passes_per_row` times the rows.
The two differ, since an objective may read a text more than once, or learn from a part of what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from salin.models.parameters import block_stack

#: Where a model carries what an objective trains beside it and nothing else needs.
ATTACHED = "episode_head"


@dataclass(frozen=True, slots=True)
class Passes:
    """What goes through a model for each row that an objective draws, on average; padding is not counted.

    Attributes:
        forward: Pieces that go forward through the blocks.
        backward: Pieces that come back through them, for the gradients of states and of weights.
        scored: Pieces for which the whole vocabulary is scored, forward and backward.
        attended: Pieces that each of them attends to: those of what goes through the model as one, be it as long as a
            row or shorter. A decoder's are counted in full, as is usual.
    """

    forward: float
    backward: float
    scored: float
    attended: float


def flops(model: PreTrainedModel, passes: Passes) -> float:
    """Floating-point operations of the matrix products in some passes: two a weight and piece forward, four back.

    Softmax, norms, embeddings, the optimiser and the small heads of episodes are not counted: a few per cent.

    Args:
        model: A language model with its head.
        passes: What goes through it.
    """
    config = model.config
    stack = block_stack(model, config.num_hidden_layers)
    assert stack is not None
    in_blocks = _weights(model.get_submodule(stack))
    # Queries times keys and probabilities times values, each two operations for each number of a state.
    attention = 4 * passes.attended * config.hidden_size * config.num_hidden_layers
    head = sum(
        _weights(child) for name, child in model.named_children() if name not in (model.base_model_prefix, ATTACHED)
    )
    block = 2 * in_blocks + attention
    return passes.forward * block + passes.backward * 2 * block + passes.scored * 6 * head


def _weights(module: nn.Module) -> int:
    # GPT-2's linear layers are called Conv1D.
    return sum(child.weight.numel() for child in module.modules() if isinstance(child, nn.Linear | Conv1D))
