"""Two sets of parameters: what training changes, and what adaptation changes.

*Trained* is all, or all above some frozen blocks. *Adapted* are linear layers and norms of the upper blocks and the
head, never embeddings.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from torch import nn
from transformers import PreTrainedModel

from salin.errors import ModelError
from salin.models.byte_config import ByteConfig
from salin.models.network import TaggingNetwork


@dataclass(frozen=True, slots=True)
class AdaptedParameters:
    """The modules whose own weights and biases adaptation changes.

    Attributes:
        modules: Names within the network, in the order of definition.
        excluded: Names of modules above the frozen blocks that cannot be adapted, each with the reason.
    """

    modules: tuple[str, ...]
    excluded: tuple[tuple[str, str], ...]


def adapted_parameters(network: TaggingNetwork, frozen_blocks: int | None = None) -> AdaptedParameters:
    """Chooses what adaptation changes.

    Args:
        network: A tagger's network.
        frozen_blocks: Blocks left alone, counted from the lowest; None is all of them, so that the head adapts alone
            (docs/decisions/0019). Where all blocks share one set of weights (ALBERT) they are adapted together, unless
            all are frozen.

    Raises:
        ModelError: When the network has fewer blocks than that.
    """
    config = network.classifier.config
    if isinstance(config, ByteConfig):
        # Their layers are recurrent, and their words are shared by the sentences of a batch.
        return AdaptedParameters((), (("classifier", "a byte-level network has no layers that adapt"),))
    frozen = config.num_hidden_layers if frozen_blocks is None else frozen_blocks
    left_alone = _names_of_lowest(network, frozen)
    modules: list[str] = []
    excluded: list[tuple[str, str]] = []
    for name, module in cast(Iterator[tuple[str, nn.Module]], network.named_modules()):
        if not list(module.parameters(recurse=False)) or name.startswith(left_alone):
            continue
        if "embed" in name.lower() or isinstance(module, nn.Embedding):
            continue
        if name == "crf":
            excluded.append((name, "the transitions of a CRF are shared by all tasks"))
        elif isinstance(module, nn.Linear) or is_norm(module):
            modules.append(name)
        else:
            excluded.append((name, f"{type(module).__name__} is neither a linear layer nor a norm"))
    return AdaptedParameters(tuple(modules), tuple(excluded))


@contextmanager
def trained_parameters(network: TaggingNetwork, frozen_blocks: int | None) -> Generator[None]:
    """Within it only what is to be trained asks for gradients.

    Args:
        network: A tagger's network.
        frozen_blocks: None trains all. Otherwise the embeddings and so many of the lowest blocks stay as they are (Wu
            et al. 2020 freeze the embeddings and 4 of 12). Where all blocks share one set of weights (ALBERT) they are
            trained unless all are frozen.

    Raises:
        ModelError: When the network has fewer blocks than that.
    """
    frozen = [] if frozen_blocks is None else _frozen(network, frozen_blocks)
    before = [(parameter, parameter.requires_grad) for parameter in frozen]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)


def _frozen(network: TaggingNetwork, frozen_blocks: int) -> list[nn.Parameter]:
    names = _names_of_lowest(network, frozen_blocks)
    return [
        parameter for name, parameter in network.named_parameters() if "embed" in name.lower() or name.startswith(names)
    ]


def _names_of_lowest(network: TaggingNetwork, frozen_blocks: int) -> tuple[str, ...]:
    """What the names of all that is in the lowest blocks begin with."""
    config = network.classifier.config
    if isinstance(config, ByteConfig):
        raise ModelError("a byte-level network has no blocks that could be frozen: leave out frozen_blocks")
    blocks = config.num_hidden_layers
    if frozen_blocks > blocks:
        raise ModelError(f"frozen_blocks is {frozen_blocks}, but the encoder has {blocks} blocks")
    if frozen_blocks == blocks:  # what stands behind the blocks too, such as a last norm: the head is all that is left
        return (f"classifier.{network.classifier.base_model_prefix}.",)
    stack = block_stack(network.classifier, blocks)
    return () if stack is None else tuple(f"classifier.{stack}.{i}." for i in range(frozen_blocks))


def output_layers(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """What gives a token classifier's scores, by name: a row of its weight for each class.

    Args:
        model: A token classifier.
    """
    encoder = f"{model.base_model_prefix}."
    classes = getattr(model, "classes", model.config.num_labels)
    return {
        name: module
        for name, module in cast(Iterator[tuple[str, nn.Module]], model.named_modules())
        if isinstance(module, nn.Linear) and module.out_features == classes and not name.startswith(encoder)
    }


def is_norm(module: nn.Module) -> bool:
    """Whether a module is LayerNorm or RMSNorm over its last dimension, in any of transformers' spellings."""
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return len(module.normalized_shape) == 1 and module.elementwise_affine
    return type(module).__name__.endswith("RMSNorm") and hasattr(module, "weight") and norm_epsilon(module) is not None


def norm_epsilon(module: nn.Module) -> float | None:
    """What a norm adds to the variance."""
    return getattr(module, "variance_epsilon", None) or getattr(module, "eps", None)


def block_stack(model: nn.Module, blocks: int) -> str | None:
    """The name of the list that holds the blocks, or None where they share one set of weights.

    Args:
        model: An encoder, or a classifier on top of one.
        blocks: How many blocks its config says it has.
    """
    for name, module in cast(Iterator[tuple[str, nn.Module]], model.named_modules()):
        if (
            isinstance(module, nn.ModuleList)
            and len(module) == blocks
            and (blocks > 1 or name.endswith(("layer", "layers")))
        ):
            return name
    return None
