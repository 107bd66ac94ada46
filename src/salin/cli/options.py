"""Options that several commands have, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

InputFormat = Literal["auto", "conll", "jsonl", "inline", "text", "lines"]
OnError = Literal["strict", "repair", "skip"]
Offsets = Literal["characters", "bytes"]
OnOverflow = Literal["window", "error"]
Dtype = Literal["fp32", "bf16"]
_READING = "Reading"
_ADAPT = "Adaptation"
_TRAINING = "Training"

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A bundled model, a folder, a Hugging Face id, or rules: rules:tl, rules:ceb, rules:capitalised, "
        "rules:gazetteer.",
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--source",
        metavar="FILE",
        help="Labelled source sentences. Default: the bundled open corpus (English).",
        rich_help_panel=_ADAPT,
    ),
]
SourceMap = Annotated[
    str | None,
    typer.Option(
        "--source-map",
        metavar="OLD=NEW,...",
        help="Rename labels of the source; NEW is O to drop one.",
        rich_help_panel=_ADAPT,
    ),
]
SourceLexicon = Annotated[
    list[Path] | None,
    typer.Option(
        "--source-lexicon",
        metavar="FILE",
        help="Translate most words of the source, one by one, before learning from it: a TSV file, word TAB "
        "translation; give it again for more.",
        rich_help_panel=_ADAPT,
    ),
]
Adapt = Annotated[
    bool,
    typer.Option(
        "--adapt",
        help="Learn from similar source sentences before tagging each sentence. Sources in another language than the "
        "text gain nothing measurable as they are: give --source-lexicon with them.",
        rich_help_panel=_ADAPT,
    ),
]
K = Annotated[
    int | None,
    typer.Option("--k", min=1, help="Source sentences to learn from. Default: 2.", rich_help_panel=_ADAPT),
]
UpdateRule = Annotated[
    Literal["sgd", "bertadam"] | None,
    typer.Option("--rule", help="The update rule. Default: sgd.", rich_help_panel=_ADAPT),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", help="Its step size. Default: the rule's own.", rich_help_panel=_ADAPT),
]
InnerSteps = Annotated[
    int | None,
    typer.Option("--steps", min=1, help="Gradient steps a sentence. Default: 1.", rich_help_panel=_ADAPT),
]
FrozenBlocks = Annotated[
    int | None,
    typer.Option(
        "--frozen-blocks",
        min=0,
        help="Lowest blocks that do not adapt: more are cheaper, all leave the head alone. Default: what the model was "
        "meta-trained with, else all of them.",
        rich_help_panel=_ADAPT,
    ),
]
MinSimilarity = Annotated[
    float | None,
    typer.Option(
        "--min-similarity",
        min=-1,
        max=1,
        help="Tag a sentence plainly when its nearest source sentence has a smaller cosine. Default: adapt to all.",
        rich_help_panel=_ADAPT,
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        metavar="NAME",
        help="What similarity is measured with, such as mean-1-centred, cls-last@ENCODER or ngrams.",
        rich_help_panel=_ADAPT,
    ),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--target",
        metavar="FILE",
        help="Plain text of the target language; its mean vector centres what is compared.",
        rich_help_panel=_ADAPT,
    ),
]
IndexFolder = Annotated[
    Path | None,
    typer.Option(
        "--index", metavar="DIR", help="An index of the source that `salin index` made.", rich_help_panel=_ADAPT
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep",
        metavar="SIZE",
        help="Memory for what was computed of source sentences, which are near to many: 512MB, 4GB, or 0. Default: "
        "2GiB.",
        rich_help_panel=_ADAPT,
    ),
]
LabelMap = Annotated[
    str | None,
    typer.Option("--map", metavar="OLD=NEW,...", help="Rename labels; NEW is O to drop one."),
]
Format = Annotated[
    InputFormat,
    typer.Option(
        "--format",
        help="Of the input. auto: told from its name and first lines. lines: plain text, a sentence on each line.",
        rich_help_panel=_READING,
    ),
]
BadLines = Annotated[
    OnError,
    typer.Option(
        "--on-error",
        help="Bad lines: stop at the first, mend what can be mended, or leave out sentences.",
        rich_help_panel=_READING,
    ),
]
TokenColumn = Annotated[
    int | None,
    typer.Option(
        "--token-column",
        help="CoNLL: the column of the word, counted from 0, or from -1 at the right. Default: told from the columns.",
        rich_help_panel=_READING,
    ),
]
TagColumn = Annotated[
    int | None,
    typer.Option(
        "--tag-column", help="CoNLL: the column of the tag. Default: told from the columns.", rich_help_panel=_READING
    ),
]
SpanOffsets = Annotated[
    Offsets | None,
    typer.Option(
        "--offsets",
        help="JSONL: what offsets count. Default: characters, or bytes (UTF-8) where that is plain.",
        rich_help_panel=_READING,
    ),
]
Overflow = Annotated[
    OnOverflow,
    typer.Option(
        "--on-overflow",
        help="Sentences longer than the model reads at once: tag them in windows, or stop.",
    ),
]
Language = Annotated[
    str,
    typer.Option(
        "--language",
        metavar="CODE",
        help="ISO 639 code, for splitting text into sentences.",
        rich_help_panel=_READING,
    ),
]
TagPrecision = Annotated[
    Dtype,
    typer.Option("--precision", help="bf16 is quicker where the processor knows it, and changes a tag now and then."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output instead of a table.")]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw it as well: .svg, .png or .pdf; needs the extra plots."),
]

LearningRate = Annotated[
    float,
    typer.Option(
        "--learning-rate", help="Its peak. Small encoders take 5e-4, BERT-sized ones 5e-5.", rich_help_panel=_TRAINING
    ),
]
Batch = Annotated[int, typer.Option("--batch", min=1, help="Sentences an update.", rich_help_panel=_TRAINING)]
Seed = Annotated[int, typer.Option("--seed", help="Decides everything random.", rich_help_panel=_TRAINING)]
MaskRate = Annotated[
    float,
    typer.Option("--mask-rate", help="Probability that a word of an entity is hidden.", rich_help_panel=_TRAINING),
]
MaxWeight = Annotated[float, typer.Option("--max-weight", help="Weight of the max loss.", rich_help_panel=_TRAINING)]
Precision = Annotated[
    Dtype,
    typer.Option("--precision", help="bf16 is quicker where the processor knows it.", rich_help_panel=_TRAINING),
]
EvaluateEvery = Annotated[
    int,
    typer.Option(
        "--evaluate-every",
        min=0,
        help="Updates between evaluations on dev, the best of which is kept; 0 is at the end alone.",
        rich_help_panel=_TRAINING,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        min=1,
        help="End after so many evaluations without a lower loss on --dev, and keep the weights with the lowest. Then "
        "--steps is the most. Default: go on to the end, and keep the weights with the highest F1.",
        rich_help_panel=_TRAINING,
    ),
]
OutFolder = Annotated[
    Path,
    typer.Option(
        "--out", metavar="DIR", help="The new folder. An interrupted run whose DIR is named again goes on there."
    ),
]
