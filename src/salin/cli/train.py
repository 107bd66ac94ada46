"""`salin train`: from labelled sentences and an encoder to a tagger."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from salin.cli import options
from salin.corpus import Corpus, load_open_corpus, parse_label_map
from salin.errors import SettingError

_META = "Meta-training"
_SWITCHING = "Code-switching"
# Updates and learning rate. What knows nothing yet would end, its rate at 0, before it has begun to find names.
_ENCODER, _FROM_SCRATCH = (800, 5e-4), (5000, 1e-3)


def train(
    out: options.OutFolder,
    method: Annotated[
        Literal["direct", "meta"],
        typer.Option("--method", help="direct: plain training. meta: so that adapting to a sentence helps."),
    ] = "direct",
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="A bundled model, a folder, or a Hugging Face id. byte-bilstm or charner: a network that is made from "
            "scratch, of other sizes than the published ones as in byte-bilstm:word_hidden=256.",
        ),
    ] = "salin-tiny-encoder",
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="[CODE=]FILE",
            help="Labelled sentences; give it again for more files, which may annotate fewer labels and be in other "
            "languages: es=esp.train. Default: the open corpus.",
        ),
    ] = None,
    dev: Annotated[
        list[str] | None,
        typer.Option(
            "--dev",
            metavar="[CODE=]FILE",
            help="Labelled source sentences that choose the checkpoint; give it again for more languages. Goes with "
            "--source.",
        ),
    ] = None,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    head: Annotated[
        Literal["softmax", "crf", "free-crf"] | None,
        typer.Option(
            "--head",
            help="What decides on tags. free-crf: a CRF that may take any step, also what IOB2 forbids. Default: "
            "softmax; crf for byte-bilstm.",
        ),
    ] = None,
    right_context: Annotated[
        bool,
        typer.Option("--right-context", help="Let each piece of a decoder see what is on its right as well."),
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help="Updates. Default: 800, or 5,000 for a network that is made from scratch.",
            rich_help_panel="Training",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            help="Its peak. Small encoders take 5e-4, the default; BERT-sized ones 5e-5; networks that are made from "
            "scratch 1e-3, their default.",
            rich_help_panel="Training",
        ),
    ] = None,
    batch: options.Batch = 32,
    seed: options.Seed = 95,
    mask_rate: options.MaskRate = 0.0,
    max_weight: options.MaxWeight = 0.0,
    frozen_blocks: Annotated[
        int | None,
        typer.Option(
            "--frozen-blocks",
            min=0,
            help="Do not train the embeddings and so many of the lowest blocks. Default: everything is trained.",
            rich_help_panel="Training",
        ),
    ] = None,
    precision: options.Precision = "fp32",
    evaluate_every: options.EvaluateEvery = 100,
    patience: options.Patience = None,
    sampling_temperature: Annotated[
        float,
        typer.Option(
            "--sampling-temperature",
            min=1,
            help="Of several languages: 1 draws each as often as it has sentences, 5 nearly all alike.",
            rich_help_panel="Training",
        ),
    ] = 1.0,
    lexicon: Annotated[
        list[str] | None,
        typer.Option(
            "--lexicon",
            metavar="CODE=FILE",
            help="A TSV file of translations from the source language, such as es=en-es.tsv; give it again for more.",
            rich_help_panel=_SWITCHING,
        ),
    ] = None,
    switch_language: Annotated[
        str | None,
        typer.Option(
            "--switch-language",
            metavar="CODE",
            help="Of sources in several languages, the one that the lexicons translate from. The others stay as they "
            "are.",
            rich_help_panel=_SWITCHING,
        ),
    ] = None,
    switch_sentences: Annotated[
        float, typer.Option("--switch-sentences", help="Share of sentences switched.", rich_help_panel=_SWITCHING)
    ] = 0.7,
    switch_words: Annotated[
        float, typer.Option("--switch-words", help="Share of their words looked up.", rich_help_panel=_SWITCHING)
    ] = 0.6,
    k: Annotated[
        int | None, typer.Option("--k", min=1, help="Supports a task. Default: 2.", rich_help_panel=_META)
    ] = None,
    rule: Annotated[
        Literal["sgd", "bertadam"] | None,
        typer.Option("--rule", help="The inner update rule. Default: sgd.", rich_help_panel=_META),
    ] = None,
    inner_rate: Annotated[
        float | None, typer.Option("--inner-rate", help="Its peak step size.", rich_help_panel=_META)
    ] = None,
    inner_steps: Annotated[
        int | None, typer.Option("--inner-steps", min=1, help="Steps on the supports.", rich_help_panel=_META)
    ] = None,
    vectors: Annotated[
        str | None, typer.Option("--vectors", metavar="NAME", help="What finds supports.", rich_help_panel=_META)
    ] = None,
    supports_from: Annotated[
        Literal["any", "same", "other"] | None,
        typer.Option(
            "--supports-from",
            help="Of several languages: those that supports come from, seen from the sentence they support. Default: "
            "any.",
            rich_help_panel=_META,
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting that has no option, by its name in MethodSettings or MetaSettings, such as "
            "loop.schedule=constant; give it again for more.",
            rich_help_panel="Training",
        ),
    ] = None,
) -> None:
    """Train a tagger on labelled sentences of a source language, or of several.

    The checkpoint with the best F1 on --dev becomes the tagger: a plain model folder with a card that says what it was
    made of. A run that was interrupted goes on where it was when the same command is given again.
    """
    from salin.cli.corpora import ReadOptions, read_by_language
    from salin.cli.run_folder import check_run_folder, finish_run, start_run
    from salin.cli.training_settings import make_settings, switching

    only_meta = {"k": k, "rule": rule, "inner_rate": inner_rate, "inner_steps": inner_steps, "vectors": vectors,
                 "supports_from": supports_from}  # fmt: skip
    given = {name: value for name, value in only_meta.items() if value is not None}
    if method == "direct" and given:
        raise SettingError(f"--{next(iter(given)).replace('_', '-')} is about meta-training: give --method meta")
    if bool(source) != bool(dev):
        raise SettingError("--source and --dev go together: name files for both, or for neither to use the open corpus")
    check_run_folder(out)
    if source and dev:
        reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
        read = read_by_language([*source, *dev], label_map, reading)
        corpora, development = read[: len(source)], read[len(source) :]
    else:
        corpora, development = _open_corpus(label_map)

    import torch

    import salin
    from salin.models import Tagger
    from salin.models.byte_config import named_config
    from salin.models.labelled import check_labels
    from salin.training.card import describe_data

    labels = sorted({label for corpus in corpora for label in corpus.labels})
    for corpus in development:
        check_labels(corpus, labels)
    usual = _ENCODER if named_config(encoder) is None else _FROM_SCRATCH
    loop = {
        "steps": usual[0] if steps is None else steps,
        "learning_rate": usual[1] if learning_rate is None else learning_rate,
        "precision": precision,
        "evaluate_every": evaluate_every,
        "patience": patience,
        "seed": seed,
    }
    settings = make_settings(
        salin.MetaSettings if method == "meta" else salin.MethodSettings,
        {
            "loop": loop,
            "batch": batch,
            "mask_rate": mask_rate,
            "max_weight": max_weight,
            "frozen_blocks": frozen_blocks,
            "switching": switching(lexicon or [], switch_sentences, switch_words, switch_language, corpora),
            "sampling_temperature": sampling_temperature,
            "select": "loss" if patience else "f1",
            "seed": seed,
            **given,
        },
        more or (),
    )
    torch.manual_seed(seed)
    tagger = Tagger.on_encoder(encoder, labels, head=head, right_context=right_context)
    description = {
        "method": method,
        "base": encoder,
        "data": describe_data(corpora),
        "dev": describe_data(development),
        "settings": {
            "head": tagger.settings.head,
            **({"right_context": True} if right_context else {}),
            **settings.model_dump(mode="json"),
        },
        "salin": salin.__version__,
    }
    run = start_run(out, description)
    if isinstance(settings, salin.MetaSettings):
        figures = salin.train_meta(tagger, corpora, development, settings, folder=run)
    else:
        figures = salin.train_direct(tagger, corpora, development, settings, folder=run)
    finish_run(out, tagger, description, figures)


def _open_corpus(label_map: str | None) -> tuple[list[Corpus], list[Corpus]]:
    train, dev = load_open_corpus("en", "train"), load_open_corpus("en", "dev")
    if label_map is not None:
        mapping = parse_label_map(label_map, train.labels)
        train, dev = train.map_labels(mapping), dev.map_labels(mapping)
    return [train], [dev]
