"""What is pretrained: a new language model, or one that there is."""

from __future__ import annotations

import logging

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.models.loading import is_decoder, load_to_pretrain, load_tokenizer, resolve

_log = logging.getLogger(__name__)


def base_model(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """A model to go on from, and its tokenizer. A tagger gives its encoder.

    Args:
        name: A bundled model, a folder, or a Hugging Face id.

    Raises:
        ModelError: When there is no such model, or its architecture has no language model.
    """
    folder = resolve(name)
    model, new_head = load_to_pretrain(folder)
    if new_head:
        tied = ", whose output layer is the embeddings" if model.config.tie_word_embeddings else ""
        _log.warning("%s: it has no language-model head, so a new one is trained%s", name, tied)
    # A decoder reads running text alone, and keeps the tokenizer that it came with.
    return model, load_tokenizer(folder, for_words=not is_decoder(model.config))
