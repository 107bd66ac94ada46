"""`salin tag`: text in, entities out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from salin.cli import options
from salin.cli.outputs import OutputFormat
from salin.corpus.sentence import Entity, Sentence
from salin.errors import SettingError


def tag(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, folders, or - for standard input, which is the default.", metavar="[INPUTS]..."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Tag this text instead of files.")] = None,
    model: options.Model = "salin-tiny",
    to: Annotated[
        OutputFormat | None,
        typer.Option(
            "--to",
            help="Of the output. Default: by the ending of --out; text with colours on a terminal; else jsonl.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A file, - for standard output, or a folder where a folder is tagged. Written whole or not at all.",
        ),
    ] = None,
    label_map: options.LabelMap = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="Leave out entities with a lower score; those without stay."),
    ] = None,
    on_overflow: options.Overflow = "window",
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
    neighbours: Annotated[
        bool,
        typer.Option("--neighbours", help="Show what each sentence learned from.", rich_help_panel="Adaptation"),
    ] = False,
) -> None:
    """Tag text with entities.

    Plain text is split into sentences, a sentence of CoNLL or a JSON object is taken as it stands, and each comes out
    in the order it came in, on a line of its own. In JSON lines each says where it came from (origin: file and line)
    and keeps the other keys of its object, or has its offset in the text file; entities count characters in that
    line's own text. Labels of the input are not read. Memory does not grow with the length of the input.
    """
    from salin.cli.console import counted, counting, note
    from salin.cli.corpora import ReadOptions, map_labels
    from salin.cli.inputs import STANDARD, plan_jobs
    from salin.cli.outputs import choose_format, write_tagged
    from salin.cli.taggers import AdaptOptions, open_tagger
    from salin.corpus import iter_sentences

    if neighbours and not adapt:
        raise SettingError("--neighbours shows what was learned from: give --adapt too")
    if text is not None and inputs:
        raise SettingError("give --text or inputs, not both")
    chosen = AdaptOptions(adapt, source, source_map, source_lexicon, k, rule, rate, steps, vectors, target, index)
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    out = None if out == STANDARD else out
    written_as = choose_format(to, out, folder=any(path.is_dir() for path in inputs or ()))
    if neighbours and written_as in ("conll", "conllu"):
        raise SettingError("CoNLL has no place for neighbours: choose --to text, jsonl or html")
    jobs = plan_jobs(inputs or [], out, written_as if written_as != "text" else "txt")
    opened = open_tagger(model, chosen, reading.of_source(), on_overflow)
    finished = _Finish(map_labels(label_map, opened.tagger.labels), threshold, neighbours)
    with counting("sentences", show=out is not None or not _shows_text()) as bar:
        for done, job in enumerate(jobs):
            if text is not None:
                tagged: Iterable[Sentence] = [opened.tagger.tag(text, language=language)]
            else:
                arguments = {"language": language, "labelled": False, **reading.arguments()}
                read = (iter_sentences(path, **arguments) for path in job.inputs)
                tagged = opened.tagger.tag_sentences(chain.from_iterable(read))
            title = "tagging" if len(jobs) == 1 else str(job.inputs[0])
            try:
                write_tagged(counted(finished(tagged), bar, title), job.output, written_as)
            except BaseException:
                if done:
                    note(f"{done:,} of {len(jobs):,} files are done, the last of them {jobs[done - 1].output}")
                raise


class _Finish:
    """Renames and drops entities as the options say."""

    def __init__(self, mapping: dict[str, str], threshold: float | None, neighbours: bool):
        self._mapping, self._threshold, self._neighbours = mapping, threshold, neighbours

    def __call__(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence in sentences:
            entities = tuple(kept for entity in sentence.entities if (kept := self._kept(entity)) is not None)
            shown = sentence.neighbours if self._neighbours else ()
            yield replace(sentence, entities=entities, neighbours=shown)

    def _kept(self, entity: Entity) -> Entity | None:
        if self._threshold is not None and entity.score is not None and entity.score < self._threshold:
            return None
        label = self._mapping.get(entity.label, entity.label)
        return None if label == "O" else replace(entity, label=label)


def _shows_text() -> bool:
    from salin.cli.console import output

    return output.is_terminal
