"""A fine-tuning run from aligned sentences to a model that is whole again: low-rank adapters, trained and merged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field
from torch import nn
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from salin.errors import DataError, SettingError
from salin.files import atomic_write
from salin.models.attention import training_attention
from salin.models.checksum import folder_checksum
from salin.models.loading import load_language_model, load_tokenizer, quiet, resolve
from salin.settings import StrictSettings
from salin.training.loop import LoopSettings, fit
from salin.training.processes import Processes
from salin.translation.chat.languages import language_name
from salin.translation.chat.local import context_of, end_tokens
from salin.translation.chat.template import PLAIN_TEMPLATE
from salin.translation.tuning.batches import AnswerBatches, answer_loss, measure
from salin.translation.tuning.card import tuning_card
from salin.translation.tuning.examples import Example, ExampleMaker, checksum, counted
from salin.translation.tuning.pairs import AlignedSentence, hold_out

_log = logging.getLogger(__name__)


class TuningSettings(StrictSettings):
    """How a model is fine-tuned.

    Attributes:
        loop: How long and how fast.
        batch: Examples a step.
        rank: Of the matrices that are added to each linear layer (Hu et al. 2022); they count twice (alpha = 2 rank).
        seed: Decides the order of examples and the new matrices.
    """

    loop: LoopSettings
    batch: int = Field(16, gt=0)
    rank: int = Field(16, gt=0)
    seed: int = 95


@dataclass(frozen=True)
class TunedModel:
    """A model that was fine-tuned, adapters merged into its weights.

    Attributes:
        model: In the precision of the one that it began as.
        tokenizer: With the chat template that it was trained with.
        figures: Of the chosen checkpoint on the pairs that were held out: `loss`, `exact` by task, `step`.
        before: The same without training.
        examples: How many of each task it was trained on.
        held_out: How many of each task chose the checkpoint.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    figures: Mapping[str, Any]
    before: Mapping[str, Any]
    examples: Mapping[str, int]
    held_out: Mapping[str, int]

    def save(self, folder: Path, description: Mapping[str, Any]) -> None:
        """Writes a plain model folder, safetensors and JSON alone, with a card.

        Args:
            folder: It; `transformers:FOLDER` names it as a translator.
            description: Base, data and settings, as JSON values, for the card.
        """
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        with atomic_write(folder / "README.md") as card:
            card.write(
                tuning_card(
                    description, figures=self.figures, before=self.before, examples=self.examples,
                    held_out=self.held_out,
                )
            )  # fmt: skip


def tune(
    base: str,
    sentences: Sequence[AlignedSentence],
    settings: TuningSettings,
    *,
    language: str | None = None,
    folder: Path | None = None,
) -> TunedModel:
    """Fine-tunes a causal language model to bring names back, and to translate where there are translations.

    A part of the names is held out, and chooses the checkpoint by the loss of the answers.

    Args:
        base: A folder or a Hugging Face id.
        sentences: With names whose English is known.
        settings: How.
        language: Of the sentences, as a code or in English, where it is known.
        folder: For the log and checkpoints; a run found there is resumed.

    Raises:
        SettingError: When peft is not installed, or the folder holds a checkpoint of another run.
        ModelError: When the model cannot be loaded.
        DataError: When there are too few pairs, or they are longer than what the model reads.
    """
    peft = _peft()
    place = resolve(base)
    model, tokenizer = load_language_model(place), load_tokenizer(place, for_words=False)
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
        _log.warning("%s: it has no chat template, so it gets a plain one: marks <|user|> and <|assistant|>", base)
    ends = end_tokens(model, tokenizer)
    labels = sorted({name.label for sentence in sentences for name in (*sentence.names, *sentence.others)})
    make = ExampleMaker(tokenizer, ends, labels, language_name(language), context_of(model))
    training, held_out = (_examples(make, part) for part in hold_out(sentences))

    dtype = model.dtype
    if settings.loop.precision == "fp32":
        model.float()
    torch.manual_seed(settings.seed)
    config = peft.LoraConfig(
        r=settings.rank, lora_alpha=2 * settings.rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    # The model's own layers are replaced in place, so that it stays what it was to everything but the optimiser.
    adapted = peft.get_peft_model(model, config)
    bf16, pad = settings.loop.precision == "bf16", ends[0]
    made_with = {
        "the base": folder_checksum(place),
        "rank": settings.rank,
        "batch": settings.batch,
        "order": settings.seed,
        "examples": checksum(training),
        "held out": checksum(held_out),
    }

    def evaluate() -> dict[str, Any]:
        return measure(model, held_out, pad, bf16=bf16)

    with training_attention(model, max(map(len, training)), settings.loop.precision):
        nn.Module.to(model, Processes.here().device).eval()
        before = evaluate()
        figures = fit(
            model, AnswerBatches(training, settings.batch, pad, settings.seed), answer_loss, settings.loop,
            folder=folder, evaluate=evaluate, select="loss", title="finetune-llm", made_with=made_with,
        )  # fmt: skip
    merged = cast(PreTrainedModel, adapted.merge_and_unload(safe_merge=True))
    nn.Module.to(merged, dtype)
    merged.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=pad)
    return TunedModel(merged, tokenizer, figures, before, counted(training), counted(held_out))


def _examples(make: ExampleMaker, sentences: Sequence[AlignedSentence]) -> list[Example]:
    """Those that fit the model."""
    examples, too_long = make(sentences)
    if not examples:
        raise DataError(f"every pair is longer than the {make.context:,} pieces that the model reads")
    if too_long:
        _log.warning(
            "%d questions are left out: with their answers they are longer than what the model reads", too_long
        )
    return examples


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise SettingError("this needs peft, which is not installed: pip install 'salin[llm]'") from error
    return peft
