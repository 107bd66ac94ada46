"""What is pretrained: a new language model with a tokenizer of its own, or one that there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.files import atomic_directory, atomic_write
from salin.models.loading import is_decoder, load_to_pretrain, load_tokenizer, resolve
from salin.pretraining.objectives import switched_passages
from salin.pretraining.presets import ModelSettings, build
from salin.pretraining.rows import Passages
from salin.pretraining.settings import PretrainingSettings
from salin.pretraining.skipgram import PieceVectors, SkipgramSettings, begin_with, learn_vectors
from salin.pretraining.store import TextStore
from salin.pretraining.tokenizer import train_tokenizer
from salin.training.checkpoint import has_checkpoint
from salin.training.processes import Processes

_log = logging.getLogger(__name__)
# What follows the seed of the mixture, so that no step draws the same.
_OF_SKIPGRAM = (0, 0, 1)


def begin(
    settings: PretrainingSettings, folder: Path, processes: Processes, store: Callable[[], TextStore]
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model before the first step, and its tokenizer, the same in all processes.

    Args:
        settings: The recipe.
        folder: The run's, where the tokenizer is kept, and vectors that the embeddings began with.
        processes: Of the run.
        store: Gives the text, which a model that goes on does without.

    Raises:
        SettingError: When something is not installed, or words cannot be switched.
        DataError: When there is too little text.
        ModelError: When there is no such base, or its architecture has no language model.
    """
    if settings.base is None:
        assert settings.model is not None
        tokenizer = _tokenizer(settings, settings.model, store, folder / "tokenizer", processes)
        torch.manual_seed(settings.loop.seed)
        model = build(settings.model, tokenizer)
        if settings.skipgram is not None:
            path = folder / "skipgram.safetensors"
            begin_with(model, _vectors(settings, settings.skipgram, tokenizer, store, path, processes))
        return model, tokenizer
    torch.manual_seed(settings.loop.seed)
    return _base_model(settings.base)


def _base_model(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
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


def _tokenizer(
    settings: PretrainingSettings, model: ModelSettings, store: Callable[[], TextStore], folder: Path,
    processes: Processes,
) -> PreTrainedTokenizerFast:  # fmt: skip
    if settings.tokenizer.folder is not None:
        return load_tokenizer(settings.tokenizer.folder)
    # One that a run without a checkpoint left behind may be of other settings.
    if processes.is_main and not (folder.exists() and has_checkpoint(folder.parent)):
        text = store()
        plain = text.plain("plain", settings.text.temperature)
        lines = plain.sample(settings.tokenizer.characters, np.random.default_rng(settings.mixture.seed))
        translations = text.parallel(settings.text.sets).all_lines() if settings.text.sets else ()
        tokenizer = train_tokenizer(
            (line for lines in (lines, translations) for line in lines),
            model.vocabulary,
            max_length=model.positions,
            kind=settings.tokenizer.kind,
        )
        with atomic_directory(folder, marker="tokenizer.json") as temporary:
            tokenizer.save_pretrained(temporary)
    processes.wait()
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _vectors(
    settings: PretrainingSettings, skipgram: SkipgramSettings, tokenizer: PreTrainedTokenizerFast,
    store: Callable[[], TextStore], path: Path, processes: Processes,
) -> PieceVectors:  # fmt: skip
    """The vectors that embeddings begin with, learned once for a run however often it is interrupted."""
    assert settings.model is not None
    length = settings.model.positions
    if processes.is_main and not (path.exists() and has_checkpoint(path.parent)):
        plain = store().plain("plain", settings.text.temperature)
        passages = Passages(plain)
        switched = switched_passages("skipgram.switched", settings, plain) if skipgram.switched else passages

        def draw(random: np.random.Generator) -> Sequence[str]:
            return (switched if random.random() < skipgram.switched else passages)(length, random)

        random = np.random.default_rng([settings.mixture.seed, *_OF_SKIPGRAM])
        learned = learn_vectors(draw, tokenizer, settings.model.embedding_size, skipgram, random)
        with atomic_write(path, "wb") as file:
            file.write(save(learned._asdict()))
    processes.wait()
    return PieceVectors(**load_file(path))
