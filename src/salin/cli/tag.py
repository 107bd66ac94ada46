"""`salin tag`: text in, entities out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from salin.cli import options
from salin.errors import SettingError

_SCALING = "Past one process"


def tag(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, folders, or - for standard input, which is the default.", metavar="[INPUTS]..."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Tag this text instead of files.")] = None,
    model: options.Model = "salin-tiny",
    to: Annotated[
        Literal["text", "jsonl", "conll", "conllu", "html", "parquet"] | None,
        typer.Option(
            "--to",
            help="Of the output. Default: by the ending of --out; text with colours on a terminal; else jsonl. "
            "parquet is for --engine ray.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A file, - for standard output, or a folder where a folder is tagged or with --engine ray. Files are "
            "written whole or not at all.",
        ),
    ] = None,
    label_map: options.LabelMap = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="Leave out entities with a lower score; those without stay."),
    ] = None,
    on_overflow: options.Overflow = "window",
    precision: options.TagPrecision = "fp32",
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    language: options.Language = "en",
    adapt: options.Adapt = False,
    source: options.Source = None,
    source_map: options.SourceMap = None,
    source_lexicon: options.SourceLexicon = None,
    k: options.K = None,
    rule: options.UpdateRule = None,
    rate: options.Rate = None,
    steps: options.InnerSteps = None,
    vectors: options.Vectors = None,
    target: options.Target = None,
    index: options.IndexFolder = None,
    keep: options.Keep = None,
    frozen_blocks: options.FrozenBlocks = None,
    min_similarity: options.MinSimilarity = None,
    neighbours: Annotated[
        bool,
        typer.Option("--neighbours", help="Show what each sentence learned from.", rich_help_panel="Adaptation"),
    ] = False,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="ray: many processes, on this machine or on the cluster that RAY_ADDRESS names. The output is a "
            "folder of shards; when the same command is given again, it goes on.",
            rich_help_panel=_SCALING,
        ),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes. Default: one a core.", rich_help_panel=_SCALING),
    ] = None,
    shard_size: Annotated[
        float | None,
        typer.Option(
            "--shard-size",
            min=0.001,
            metavar="MIB",
            help="Cut larger files into shards of so many MiB. Default: 8.",
            rich_help_panel=_SCALING,
        ),
    ] = None,
) -> None:
    """Tag text with entities.

    Plain text is split into sentences, a sentence of CoNLL or a JSON object is taken as it stands, and each comes out
    in the order it came in, on a line of its own. In JSON lines each says where it came from (origin: file and line)
    and keeps the other keys of its object, or has its offset in the text file; entities count characters in that
    line's own text. Labels of the input are not read. Memory does not grow with the length of the input.

    From a pipe or a terminal a sentence is tagged when it is whole and no other follows at once: a JSON object at the
    end of its line, with --format lines any line, and running text (give --format text) at a blank line.

    With --engine ray Parquet is read and written too: a row with a column text (or tokens) is a sentence.
    """
    from salin.cli.console import note
    from salin.cli.corpora import ReadOptions
    from salin.cli.inputs import STANDARD, plan_jobs
    from salin.cli.jobs import run_jobs
    from salin.cli.outputs import choose_format
    from salin.cli.taggers import AdaptOptions, kept_in_words
    from salin.cli.tagging import TagOptions

    if neighbours and not adapt:
        raise SettingError("--neighbours shows what was learned from: give --adapt too")
    if text is not None and inputs:
        raise SettingError("give --text or inputs, not both")
    chosen = AdaptOptions(
        adapt, source, source_map, source_lexicon, k, rule, rate, steps, vectors, target, index, keep, frozen_blocks,
        min_similarity,
    )  # fmt: skip
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    out = None if out == STANDARD else out
    tagging = TagOptions(model, chosen, reading, language, on_overflow, precision, label_map, threshold, neighbours)
    if engine == "ray":
        from salin.cli.sharded import ShardOptions, tag_with_ray

        if text is not None:
            raise SettingError("--engine ray tags files and folders: leave out --text")
        return tag_with_ray(inputs or [], out, to, tagging, ShardOptions(workers, shard_size))
    written_as = choose_format(to if to != "parquet" else None, out, folder=any(path.is_dir() for path in inputs or ()))
    if neighbours and written_as in ("conll", "conllu"):
        raise SettingError("CoNLL has no place for neighbours: choose --to text, jsonl or html")
    jobs = plan_jobs(inputs or [], out, written_as if written_as != "text" else "txt")
    _check_local([path for job in jobs for path in job.inputs], to, workers, shard_size)
    opened, finishing = tagging.open()
    run_jobs(jobs, written_as, opened.tagger, finishing, tagging.read_arguments(), text=text)
    if kept := kept_in_words(opened.kept):
        note(kept)


def _check_local(inputs: list[Path], to: str | None, workers: int | None, shard_size: float | None) -> None:
    """Refuses what only `--engine ray` does."""
    for name, value in (("--workers", workers), ("--shard-size", shard_size)):
        if value is not None:
            raise SettingError(f"{name} is about shards: give --engine ray too")
    parquet = [path for path in inputs if path.suffix.lower() in (".parquet", ".pq")]
    if parquet or to == "parquet":
        raise SettingError(f"{parquet[0] if parquet else '--to parquet'}: Parquet is for --engine ray: give that too")
