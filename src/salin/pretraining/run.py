"""A pretraining run from its recipe to an encoder folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from salin.corpus.lexicon import Lexicon
from salin.encoding import padding_piece
from salin.errors import SettingError
from salin.files import atomic_directory
from salin.models.attention import training_attention
from salin.pretraining.masked import MaskedBatches, masked_loss
from salin.pretraining.text import ParallelText, PlainText
from salin.pretraining.tokenizer import train_tokenizer
from salin.training.loop import LoopSettings, fit
from salin.training.processes import Processes
from salin.validation import explain, place_of


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextSettings(_Strict):
    """Where the text is and how it is mixed; folders are relative to the recipe's file."""

    plain: Path
    parallel: Path
    dictionaries: Path
    temperature: float = 0.5
    exclude: tuple[str, ...] = ()
    sets: dict[str, float] = Field(description="Parallel sets and how often each is drawn.")
    lexicons: tuple[str, ...] = Field(description="Dictionary sources; `en-LANGUAGE.tsv.xz` of each are merged.")


class ModelSettings(_Strict):
    """The size of a BERT-type encoder."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    dropout: float = 0.0


class MaskedSettings(_Strict):
    """How rows are made and masked; see `MaskedBatches`."""

    mix: dict[str, float]
    rows: int
    mask_rate: float = 0.2
    switch_rate: float = 0.4
    seed: int = 1


class PretrainingSettings(_Strict):
    """A pretraining recipe."""

    text: TextSettings
    model: ModelSettings
    masked: MaskedSettings
    loop: LoopSettings
    tokenizer_characters: int = 40_000_000

    @classmethod
    def read(cls, path: Path) -> PretrainingSettings:
        """Reads a TOML recipe.

        Raises:
            SettingError: When the file is missing, is no TOML, or holds a setting that does not exist.
        """
        try:
            with open(path, "rb") as file:
                settings = cls.model_validate(tomllib.load(file))
        except FileNotFoundError:
            raise SettingError(f"{path}: no such recipe. Recipes are TOML files; salin's own are in recipes/") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: no recipe: {error}") from error
        except ValidationError as error:
            raise SettingError(f"{place_of(error, path)}: {explain(error, [cls])}") from error
        folder = path.resolve().parent
        text = settings.text.model_copy(
            update={name: folder / getattr(settings.text, name) for name in ("plain", "parallel", "dictionaries")}
        )
        return settings.model_copy(update={"text": text})


def pretrain(settings: PretrainingSettings, folder: Path) -> dict[str, float]:
    """Trains tokenizer and encoder; goes on from the checkpoint that it finds in `folder`.

    Args:
        settings: The recipe.
        folder: `tokenizer/`, the checkpoint, the log and the finished `encoder/` go here.

    Returns:
        The last figures of the log.
    """
    plain = PlainText(settings.text.plain, settings.text.temperature, settings.text.exclude)
    parallel = ParallelText(settings.text.parallel, settings.text.sets)
    processes = Processes.here()
    tokenizer = _tokenizer(settings, plain, parallel, folder / "tokenizer", processes)
    batches = MaskedBatches(
        tokenizer, plain, parallel, _lexicons(settings.text), settings.masked.mix, settings.masked.rows,
        settings.model.positions, settings.masked.mask_rate, settings.masked.switch_rate, settings.masked.seed,
    )  # fmt: skip
    torch.manual_seed(settings.loop.seed)
    model = BertForMaskedLM(_config(settings.model, tokenizer))
    made_with = settings.model_dump(mode="json", exclude={"loop"})
    with training_attention(model):
        figures = fit(
            model, batches, masked_loss, settings.loop, folder=folder, title="pretraining", made_with=made_with
        )
    if processes.is_main:
        with atomic_directory(folder / "encoder", marker="config.json") as temporary:
            model.half().save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
    return figures


def _tokenizer(
    settings: PretrainingSettings, plain: PlainText, parallel: ParallelText, folder: Path, processes: Processes
) -> PreTrainedTokenizerFast:
    if processes.is_main and not folder.exists():
        random = np.random.default_rng(settings.masked.seed)
        lines = (*plain.sample(settings.tokenizer_characters, random), *parallel.all_lines())
        tokenizer = train_tokenizer(lines, settings.model.vocabulary, max_length=settings.model.positions)
        with atomic_directory(folder, marker="tokenizer.json") as temporary:
            tokenizer.save_pretrained(temporary)
    processes.wait()
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _lexicons(settings: TextSettings) -> dict[str, Lexicon]:
    files: dict[str, list[Path]] = {}
    for source in settings.lexicons:
        for path in sorted((settings.dictionaries / source).glob("en-*.tsv*")):
            files.setdefault(path.name.split(".")[0].removeprefix("en-"), []).append(path)
    return {language: Lexicon.read(*paths) for language, paths in files.items()}


def _config(size: ModelSettings, tokenizer: PreTrainedTokenizerFast) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.feed_forward,
        max_position_embeddings=size.positions,
        hidden_dropout_prob=size.dropout,
        attention_probs_dropout_prob=size.dropout,
        type_vocab_size=1,
        pad_token_id=padding_piece(tokenizer),
    )
