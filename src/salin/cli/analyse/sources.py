"""`salin analyse sources`: how often a ranking of sources is right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salin.analysis.source_defaults import ENCODER, VECTORS
from salin.cli import options
from salin.cli.rank_sources import RankingEncoder, RankingVectors, profiler


def sources(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE",
            help="A recipe whose systems are trained on one language each: recipes/transfer-matrix.toml.",
        ),
    ],
    results: Annotated[
        Path, typer.Option("--results", metavar="DIR", help="Where results are, and where this one goes.")
    ] = Path("results"),
    encoder: RankingEncoder = ENCODER,
    vectors: RankingVectors = VECTORS,
    as_json: options.AsJson = False,
) -> None:
    """Compare the order that salin rank-sources puts sources in with what taggers trained on each of them reach.

    Of each target, sources in its own language are left out. Nothing is trained: run the recipe first. What it finds
    is left as a JSON file beside the cells, and found again there until these, the corpora or the ranking change; make
    tables puts it into documents.
    """
    from salin.cli.console import note, output, print_json
    from salin.experiments.source_ranking import SourceRanking
    from salin.experiments.source_tables import ranking_tables
    from salin.experiments.standings import Standings

    standings = Standings.read(recipe, results)
    ranking = SourceRanking(standings, encoder, vectors)
    found = ranking.finished()
    result = found or ranking.run(profiler(encoder, vectors))
    note(f"{ranking.result_file}: {'as it was' if found else 'written'}")
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    for table in ranking_tables(standings, result):
        output.print(table)
