"""`salin finetune-llm`: a language model that learns to bring names back, from names in two languages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salin.cli import options

if TYPE_CHECKING:
    from salin.translation.tuning import AlignedSentence

_PASSES = 3


def finetune_llm(
    pairs: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="Names in two languages, as `salin wikipedia-pairs` writes them.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="NAME", help="The language model to begin with: a folder or a Hugging Face id."
        ),
    ],
    out: options.OutFolder,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="CODE", help="ISO 639 code of the pairs' language, for the model."),
    ] = None,
    translator: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="TRANSLATOR",
            help="Translates the pairs' sentences first (apertium:..., openai:... or transformers:..., as for salin "
            "translate), so that the model learns to translate as well. Default: it learns to bring names back alone.",
        ),
    ] = None,
    rank: Annotated[
        int, typer.Option("--rank", min=1, help="Of the matrices that are trained (LoRA).", rich_help_panel="Training")
    ] = 16,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help=f"Updates. Default: {_PASSES} passes.", rich_help_panel="Training"),
    ] = None,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Its peak.", rich_help_panel="Training")
    ] = 2e-4,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Questions an update.", rich_help_panel="Training")] = 16,
    seed: options.Seed = 95,
    precision: options.Precision = "bf16",
    evaluate_every: Annotated[
        int,
        typer.Option(
            "--evaluate-every",
            min=0,
            help="Updates between evaluations on pairs that are held out, the best of which is kept; 0 is at the end "
            "alone.",
            rich_help_panel="Training",
        ),
    ] = 100,
) -> None:
    """Fine-tune a language model on names in two languages, for salin translate --with transformers:DIR.

    It is asked what salin translate asks, and learns the answers: which words of a sentence an English name stands for,
    and with --with the translation too. A part of the names is kept from training and chooses the checkpoint. What
    comes out is a whole model again. A run that was interrupted goes on where it was. Needs the extra llm.
    """
    import salin
    from salin.cli.console import note
    from salin.cli.run_folder import check_run_folder, finish_folder, start_run
    from salin.cli.training_settings import make_settings
    from salin.translation.tuning import TuningSettings, read_pairs, tune

    check_run_folder(out)
    read = read_pairs(pairs)
    sentences = _translated(read, translator, language) if translator else read
    questions = sum(1 + (sentence.translation is not None) for sentence in sentences)
    loop = {
        "steps": steps or math.ceil(_PASSES * questions / batch),
        "learning_rate": learning_rate,
        "precision": precision,
        "evaluate_every": evaluate_every,
        "weight_decay": 0.0,
        "seed": seed,
    }
    settings = make_settings(TuningSettings, {"loop": loop, "batch": batch, "rank": rank, "seed": seed})
    description = {
        "method": "finetune-llm",
        "base": model,
        "pairs": _described(pairs, sentences),
        "settings": {"language": language, "translator": translator, **settings.model_dump(mode="json")},
        "salin": salin.__version__,
    }
    run = start_run(out, description)
    tuned = tune(model, sentences, settings, language=language, folder=run)
    finish_folder(out, lambda folder: tuned.save(folder, description))
    now, before = (100 * found["exact"].get("back", 0.0) for found in (tuned.figures, tuned.before))
    note(f"{out}: {now:.1f} % of the names that were held out brought back word for word, {before:.1f} % before")


def _translated(sentences: Sequence[AlignedSentence], translator: str, language: str | None) -> list[AlignedSentence]:
    from salin.cli.console import note
    from salin.cli.translate import usage_in_words
    from salin.translation import open_translator
    from salin.translation.tuning import with_translations

    labels = sorted({name.label for sentence in sentences for name in sentence.names})
    opened = open_translator(translator, labels=labels, language=language)
    found, without = with_translations(sentences, opened)
    note(usage_in_words(translator, opened.usage))
    if without:
        note("without a translation: " + ", ".join(f"{count:,} {why}" for why, count in without.most_common()))
    return found


def _described(pairs: Path, sentences: Sequence[AlignedSentence]) -> dict[str, Any]:
    from salin.evaluation.records import FileRecord

    return {
        "file": pairs.name,
        "names": len({name.english for sentence in sentences for name in sentence.names}),
        "sentences": len(sentences),
        "translated": sum(sentence.translation is not None for sentence in sentences),
        "sha256": FileRecord.of(pairs).checksum,
    }
