"""`salin finetune`: go on training a tagger on a few target labels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from salin.cli import options
from salin.errors import SettingError

# With --patience the end is rarely reached.
_PASSES = 30


def finetune(
    target: Annotated[
        Path, typer.Option("--target", metavar="FILE", help="Labelled sentences of the target language.")
    ],
    dev: Annotated[
        Path,
        typer.Option(
            "--dev",
            metavar="FILE",
            help="Labelled sentences that choose the checkpoint: source ones, so that no more target labels are used, "
            "or target ones, as with --patience.",
        ),
    ],
    out: options.OutFolder,
    model: options.Model = "salin-tiny",
    fraction: Annotated[float, typer.Option("--fraction", help="The random share of --target to use.")] = 1.0,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help=f"Updates. Default: 100, or with --patience at most {_PASSES} passes.",
            rich_help_panel="Training",
        ),
    ] = None,
    learning_rate: options.LearningRate = 1e-4,
    batch: options.Batch = 32,
    seed: options.Seed = 95,
    mask_rate: options.MaskRate = 0.0,
    max_weight: options.MaxWeight = 0.0,
    precision: options.Precision = "fp32",
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            "--evaluate-every",
            min=0,
            help="Updates between evaluations on dev, the best of which is kept. Default: 0, which is at the end "
            "alone, or with --patience a pass.",
            rich_help_panel="Training",
        ),
    ] = None,
    patience: options.Patience = None,
) -> None:
    """Go on training a tagger on labelled sentences of a target language, all of them or a random share.

    With --patience it goes on until the loss on --dev has stopped falling, as is done with a tagger that several
    languages have trained.
    """
    from salin.baselines import is_rules
    from salin.cli.corpora import ReadOptions, read_corpora
    from salin.cli.run_folder import check_run_folder, finish_run, start_run
    from salin.cli.training_settings import make_settings

    if is_rules(model):
        raise SettingError(f"{model} has no weights to train")
    check_run_folder(out)
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    whole, dev_corpus = read_corpora([target, dev], label_map, reading)

    import salin
    from salin.models.labelled import check_labels
    from salin.training.card import describe_data
    from salin.training.finetune import fraction as random_share

    tagger = salin.Tagger.from_pretrained(model)
    check_labels(dev_corpus, tagger.labels)
    part = random_share(whole, fraction, seed)
    a_pass = math.ceil(len(part) / batch)
    loop = {
        "steps": steps or (_PASSES * a_pass if patience else 100),
        "learning_rate": learning_rate,
        "precision": precision,
        "evaluate_every": evaluate_every if evaluate_every is not None else a_pass if patience else 0,
        "patience": patience,
        "seed": seed,
    }
    settings = make_settings(
        salin.MethodSettings,
        {
            "loop": loop,
            "batch": batch,
            "mask_rate": mask_rate,
            "max_weight": max_weight,
            "select": "loss" if patience else "f1",
            "seed": seed,
        },
    )
    description = {
        "method": "finetune",
        "base": model,
        "before": dict(tagger.settings.provenance),
        "data": describe_data([part]),
        "dev": describe_data([dev_corpus]),
        "settings": {"fraction": fraction, **settings.model_dump(mode="json")},
        "salin": salin.__version__,
    }
    run = start_run(out, description)
    figures = salin.finetune(tagger, part, dev_corpus, settings, folder=run)
    finish_run(out, tagger, description, figures)
