"""`salin neighbours`: the source sentences that adapting to a text would learn from."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from salin.cli import options
from salin.errors import SettingError


def neighbours(
    text: Annotated[str | None, typer.Option("--text", help="The text. Default: standard input.")] = None,
    model: options.Model = "salin-tiny",
    source: options.Source = None,
    source_map: options.SourceMap = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Neighbours a sentence.")] = 5,
    vectors: options.Vectors = None,
    target: options.Target = None,
    index: options.IndexFolder = None,
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    language: options.Language = "en",
    as_json: options.AsJson = False,
) -> None:
    """Show the labelled source sentences that are most similar to each sentence of a text."""
    from rich.table import Table

    from salin.baselines import is_rules
    from salin.cli.console import output, print_json
    from salin.cli.corpora import ReadOptions, read_source
    from salin.cli.outputs import highlighted
    from salin.cli.taggers import AdaptOptions, open_index
    from salin.corpus import iter_sentences, split_sentences

    if is_rules(model):
        raise SettingError(f"{model} has no weights that could adapt, so it has no neighbours")
    AdaptOptions(True, vectors=vectors, target=target, index=index)

    from salin.adaptation.adapter import DEFAULT_VECTORS
    from salin.models import Tagger
    from salin.retrieval import SourceIndex, VectorSettings, as_pairs

    given = sys.stdin.read() if text is None else text
    sentences = [sentence for _, sentence in split_sentences(given, language)]
    if not sentences:
        raise SettingError("there is no text: give --text, or write to standard input")
    tagger = Tagger.from_pretrained(model)
    reading = ReadOptions(on_error=on_error, token_column=token_column, tag_column=tag_column, offsets=offsets)
    corpus = read_source(source, source_map, tagger.labels, reading)
    if index is not None:
        made = open_index(index, corpus, tagger)
    else:
        plain = () if target is None else list(iter_sentences(target, labelled=False))
        made = SourceIndex.build(tagger, corpus.sentences, VectorSettings.parse(vectors or DEFAULT_VECTORS), plain)
    near = as_pairs(*made.nearest(sentences, k))
    found = [
        (sentence, [(cosine, corpus[index]) for index, cosine in row])
        for sentence, row in zip(sentences, near, strict=True)
    ]
    if as_json:
        print_json([
            {
                "text": sentence.text,
                "neighbours": [
                    {"text": near.text, "similarity": round(value, 6), "origin": near.origin} for value, near in nearest
                ],
            }
            for sentence, nearest in found
        ])  # fmt: skip
        return
    for sentence, nearest in found:
        table = Table("cosine", "source sentence", "from", title=highlighted(sentence), title_justify="left", box=None)
        for value, near in nearest:
            table.add_row(f"{value:.3f}", highlighted(near), near.origin)
        output.print(table)
