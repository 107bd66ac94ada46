"""Architectures of salin's own, which transformers does not know: it stops at their folders instead of guessing."""

from __future__ import annotations

from collections.abc import Mapping

from transformers import PreTrainedModel

from salin.models.byte_bilstm import ByteBilstmForTokenClassification
from salin.models.byte_config import ByteBilstmConfig, ByteConfig, CharnerConfig
from salin.models.charner import CharnerForTokenClassification

#: By what `config.json` calls them.
OWN: Mapping[str, tuple[type[ByteConfig], type[PreTrainedModel]]] = {
    ByteBilstmConfig.model_type: (ByteBilstmConfig, ByteBilstmForTokenClassification),
    CharnerConfig.model_type: (CharnerConfig, CharnerForTokenClassification),
}


def new_classifier(config: ByteConfig) -> PreTrainedModel:
    """A network with weights drawn from torch's seed."""
    return OWN[config.model_type][1](config)
