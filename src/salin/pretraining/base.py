"""What is pretrained: a new language model, or one that there is."""

from __future__ import annotations

import logging

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.models.loading import load_masked_model, load_tokenizer, resolve

_log = logging.getLogger(__name__)


def base_model(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """A model to go on from, and its tokenizer. A tagger gives its encoder.

    Args:
        name: A bundled model, a folder, or a Hugging Face id.

    Raises:
        ModelError: When there is no such model, or its architecture has no masked language model.
    """
    folder = resolve(name)
    model, new_head = load_masked_model(folder)
    if new_head:
        tied = ", whose output layer is the embeddings" if model.config.tie_word_embeddings else ""
        _log.warning("%s: it has no language-model head, so a new one is trained%s", name, tied)
    return model, load_tokenizer(folder)
