"""How many pieces an encoder can read at once."""

from __future__ import annotations

from transformers import PreTrainedConfig

# They count positions from behind the padding index.
_FROM_BEHIND_PADDING = {"roberta", "xlm-roberta", "camembert"}


def fitting_length(config: PreTrainedConfig, wanted: int) -> int:
    """The length of a window, special pieces included, that an encoder has positions for.

    Args:
        config: The encoder's.
        wanted: What it is at most; also where the encoder has no limit.
    """
    positions = getattr(config, "max_position_embeddings", None) or wanted
    if config.model_type in _FROM_BEHIND_PADDING:
        positions -= (config.pad_token_id or 0) + 1
    return min(wanted, positions)
