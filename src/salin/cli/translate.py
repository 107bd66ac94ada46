"""`salin translate`: text of another language in, entities out, by way of English."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salin.cli import options
from salin.cli.outputs import OutputFormat
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.corpus import TagsText
    from salin.translation import LinksWords, Translator, Usage


def translate(
    translator: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="TRANSLATOR",
            help="apertium:spa-eng (installed languages), openai:URL?model=NAME (a server with OpenAI's chat API) or "
            "transformers:FOLDER (a chat model).",
        ),
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, folders, or - for standard input, which is the default.", metavar="[INPUTS]..."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Tag this text instead of files.")] = None,
    model: options.Model = "salin-tiny",
    word_alignment: Annotated[
        bool | None,
        typer.Option(
            "--word-alignment/--no-word-alignment",
            help="Where an entity cannot be brought back, find its words by the vectors of the tagger's encoder. "
            "Default: yes, where the tagger has one; no with prompts=official, as published.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        OutputFormat | None,
        typer.Option(
            "--to", help="Of the output. Default: by the ending of --out; text with colours on a terminal; else jsonl."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A file, - for standard output, or a folder where a folder is tagged. Files are written whole or not "
            "at all.",
        ),
    ] = None,
    label_map: options.LabelMap = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="Leave out entities with a lower score."),
    ] = None,
    silver: Annotated[
        float | None,
        typer.Option(
            "--silver",
            min=0,
            max=1,
            metavar="SCORE",
            help="Give only sentences to train a tagger on: translated, every entity found again, and none of a lower "
            "score.",
        ),
    ] = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="CODE",
            help="ISO 639 code of the text: for splitting it into sentences, and for a chat model.",
            rich_help_panel="Reading",
        ),
    ] = None,
) -> None:
    """Tag text by way of English: translate it, tag the translation, and bring every entity back.

    What can be tagged is what `salin tag` takes, and what comes out is what it gives: an entity is always words of the
    text itself. The tagger is one of English (--model). At the end it says what that took, and what was lost and why.
    """
    from salin.cli.console import note
    from salin.cli.corpora import ReadOptions, map_labels
    from salin.cli.inputs import STANDARD, plan_jobs
    from salin.cli.jobs import run_jobs
    from salin.cli.outputs import choose_format
    from salin.cli.taggers import AdaptOptions, open_tagger
    from salin.cli.tagging import Finishing
    from salin.translation import SilverTagger, TranslationTagger, describe_tally, open_translator

    if text is not None and inputs:
        raise SettingError("give --text or inputs, not both")
    if silver is not None and (text is not None or threshold is not None):
        other = "--text" if text is not None else "--threshold"
        raise SettingError(f"--silver leaves out whole sentences, so it does not go with {other}")
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    out = None if out == STANDARD else out
    written_as = choose_format(to, out, folder=any(path.is_dir() for path in inputs or ()))
    jobs = plan_jobs(inputs or [], out, written_as if written_as != "text" else "txt")
    english = open_tagger(model, AdaptOptions(adapt=False)).tagger
    opened = open_translator(translator, labels=english.labels, language=language)
    word_links = _word_links(english, opened, word_alignment)
    tagger = TranslationTagger(opened, english, word_links=word_links)
    finishing = Finishing(tagger, map_labels(label_map, tagger.labels), threshold, neighbours=False)
    kept = None if silver is None else SilverTagger(tagger, silver)
    try:
        arguments = {"language": language or "en", **reading.arguments()}
        run_jobs(jobs, written_as, kept or tagger, finishing, arguments, text=text)
    finally:
        # What was paid for is told even when it came to nothing.
        for line in (*describe_tally(tagger.tally), usage_in_words(translator, opened.usage)):
            note(line)
        if kept is not None:
            note(kept.describe())


def _word_links(tagger: TagsText, translator: Translator, wanted: bool | None) -> LinksWords | None:
    from salin.models import Tagger
    from salin.translation.word_links import EncoderLinks

    chosen = not translator.asks_for_all if wanted is None else wanted
    if chosen and isinstance(tagger, Tagger):
        return EncoderLinks.of(tagger)
    if wanted:
        raise SettingError("--word-alignment takes the vectors of the tagger's encoder, and rules have none")
    return None


def usage_in_words(name: str, usage: Usage) -> str:
    """What a translator took, in a line for people.

    Args:
        name: Of the translator.
        usage: What it has cost.
    """
    parts = [f"{usage.calls:,} calls", f"{usage.seconds:,.1f} s"]
    if usage.cached:
        parts.append(f"{usage.cached:,} answers from the cache{_when_asked(usage)}")
    if usage.prompt_tokens or usage.completion_tokens:
        parts.append(f"{usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out")
    if usage.price:
        parts.append(f"{usage.price:,.4g} at the prices given")
    parts += [f"{count:,} lost: {why}" for why, count in usage.lost.most_common()]
    return f"{name}: {', '.join(parts)}"


def _when_asked(usage: Usage) -> str:
    """What answers from the cache took when they were asked for, as far as that is known."""
    took: list[str] = []
    if usage.cached_prompt_tokens or usage.cached_completion_tokens:
        took.append(f"{usage.cached_prompt_tokens:,} tokens in, {usage.cached_completion_tokens:,} out, then")
    if usage.uncounted:
        took.append(f"of {usage.uncounted:,} no tokens are known")
    return f" ({'; '.join(took)})" if took else ""
