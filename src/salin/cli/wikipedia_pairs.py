"""`salin wikipedia-pairs`: names in two languages from Wikipedia's dumps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salin.cli import options
from salin.errors import SettingError


def wikipedia_pairs(
    names: Annotated[
        Path, typer.Argument(metavar="NAMES", help="Labelled English sentences, whose entities are looked up.")
    ],
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="Of the Wikipedia: ru, zh, ...")],
    langlinks: Annotated[Path, typer.Option("--langlinks", metavar="FILE", help="RUwiki-DATE-langlinks.sql.gz.")],
    properties: Annotated[Path, typer.Option("--properties", metavar="FILE", help="RUwiki-DATE-page_props.sql.gz.")],
    articles: Annotated[
        Path, typer.Option("--articles", metavar="FILE", help="RUwiki-DATE-pages-articles.xml.bz2, plain, gz or bz2.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The pairs, a JSON object a line.")],
    english: Annotated[
        Path | None,
        typer.Option(
            "--english",
            metavar="FILE",
            help="enwiki-DATE-pages-articles.xml.bz2: keep a name only if --model finds its type in its article.",
        ),
    ] = None,
    model: options.Model = "salin-tiny",
) -> None:
    """Collect names in two languages, each in a sentence, from Wikipedia's public dumps.

    English names are followed through language links to articles of another Wikipedia (RU stands for its code). A pair
    is kept where the name stands in the article's first sentence. Memory does not grow with the dumps, and a run that
    was stopped goes on where it was when it is started again.
    """
    from salin.cli.console import note
    from salin.cli.corpora import data_file
    from salin.cli.taggers import AdaptOptions, open_tagger
    from salin.corpus import read
    from salin.translation.wikipedia import PairSettings, make_pairs, sought_names

    path, reading = data_file(names)
    sought = sought_names(read(path, **reading.arguments()))
    if not sought:
        raise SettingError(f"{names}: no entity in it is a name of one type")
    settings = PairSettings(language, langlinks, properties, articles, english)
    tagger = open_tagger(model, AdaptOptions(adapt=False)).tagger if english is not None else None
    counts = make_pairs(settings, sought, out, tagger=tagger, tagger_name=model)
    note(f"{len(sought):,} names, {counts.pop('pairs', 0):,} pairs in {out}")
    if counts:
        note("left out: " + ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common()))
