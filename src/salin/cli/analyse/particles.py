"""`salin analyse particles`: how often a particle stands before a name."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salin.cli import options

if TYPE_CHECKING:
    from salin.analysis.particles import ParticleStatistics
    from salin.evaluation import ReportTable


def particles(
    corpora: Annotated[list[Path], typer.Argument(help="Labelled sentences.", metavar="CORPUS...")],
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="CODE",
            help="The particles of tl or ceb. Default: the five of Africa et al. 2025, si, ni, ang, ng and sa.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="FILE", help="Say how many words do not occur in these labelled sentences."),
    ] = None,
    plot: options.Plot = None,
    as_json: options.AsJson = False,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Count how many gold entities stand behind a particle, such as Tagalog si and sa, and how many of all words do.

    Shares have 95 % Wilson intervals, which take entities for independent: those of one text are not.
    """
    from salin.analysis.particles import PARTICLE_SETS, PUBLISHED, particle_statistics, plot_particles
    from salin.cli.console import note, output, print_json
    from salin.cli.corpora import ReadOptions, read_corpora, read_corpus
    from salin.errors import SettingError
    from salin.evaluation.figures import check_figure

    if language is not None and language not in PARTICLE_SETS:
        raise SettingError(f"--language: no particles are known of {language!r}, only of {', '.join(PARTICLE_SETS)}")
    if plot is not None:
        check_figure(plot)
    chosen = PUBLISHED if language is None else PARTICLE_SETS[language]
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    read = read_corpora(corpora, label_map, reading)
    known = None if source is None else read_corpus(source, reading=reading.of_source())
    found = [particle_statistics(corpus, chosen, known) for corpus in read]
    if plot is not None:
        # The same file name stands in many folders.
        names = ["/".join(file.parts[-2:]) for file in corpora]
        plot_particles(list(zip(names, found, strict=True)), plot)
        note(f"{plot}: the shares with their intervals")
    if as_json:
        print_json([
            {"file": str(file), "personal": chosen.personal, "common": chosen.common, **asdict(statistics)}
            for file, statistics in zip(corpora, found, strict=True)
        ])  # fmt: skip
        return
    for file, statistics in zip(corpora, found, strict=True):
        output.print(_table(file, statistics), soft_wrap=True)
    note(f"personal: {' '.join(chosen.personal)}; common: {' '.join(chosen.common)}; [95 % interval in percent]")


def _table(file: Path, found: ParticleStatistics) -> ReportTable:
    from salin.analysis.particles import KINDS
    from salin.evaluation import ReportTable

    rows = tuple((name, *(str(shares[kind]) for kind in KINDS)) for name, shares in found.preceded.items())
    footer = [f"{found.sentences:,} sentences, {found.names:,} different names"]
    if found.unseen is not None:
        shares = f"{found.unseen.entity_words}; of other words {found.unseen.other_words}"
        footer.append(f"not in the source: of the words of entities {shares}")
    headings = ("preceded by a particle", *KINDS)
    return ReportTable(str(file), headings, rows, tuple(footer))
