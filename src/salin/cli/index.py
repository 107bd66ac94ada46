"""`salin index`: keep the vectors of a source corpus, so that adapting need not make them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salin.cli import options
from salin.errors import SettingError


def index(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the index.")],
    model: options.Model = "salin-tiny",
    source: options.Source = None,
    source_map: options.SourceMap = None,
    vectors: options.Vectors = None,
    target: options.Target = None,
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Make an index of labelled source sentences, for the option --index of other commands.

    It holds the checksums of the source and the model, and serves with no others.
    """
    from salin.baselines import is_rules
    from salin.cli.console import note
    from salin.cli.corpora import ReadOptions, read_source
    from salin.cli.run_folder import check_replaceable
    from salin.corpus import iter_sentences

    if is_rules(model):
        raise SettingError(f"{model} has no weights that could adapt, so it needs no index")
    check_replaceable(out, "index.json")

    from salin.adaptation.adapter import DEFAULT_VECTORS
    from salin.models import Tagger
    from salin.retrieval import SourceIndex, VectorSettings

    tagger = Tagger.from_pretrained(model)
    reading = ReadOptions(on_error=on_error, token_column=token_column, tag_column=tag_column, offsets=offsets)
    corpus = read_source(source, source_map, tagger.labels, reading)
    plain = () if target is None else list(iter_sentences(target, labelled=False))
    made = SourceIndex.build(tagger, corpus.sentences, VectorSettings.parse(vectors or DEFAULT_VECTORS), plain)
    made.save(out, corpus)
    note(f"{out}: {len(corpus):,} sentences, {made.source.shape[1]} numbers each, {made.vectors.settings}")
