"""`salin analyse sources`: how often a ranking of sources is right."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

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
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results are.")] = Path("results"),
    encoder: RankingEncoder = "salin-tiny-encoder",
    vectors: RankingVectors = "mean-last",
    as_json: options.AsJson = False,
) -> None:
    """Compare the order that salin rank-sources puts sources in with what taggers trained on each of them reach.

    Of each target, sources in its own language are left out. Nothing is trained: run the recipe first.
    """
    from salin.analysis.source_choice import TOGETHER
    from salin.analysis.source_hits import hit_rates
    from salin.cli.console import output, print_json
    from salin.evaluation import ReportTable
    from salin.experiments.standings import Standings
    from salin.experiments.transfer import transfer_truths

    standings = Standings.read(recipe, results)
    truths = transfer_truths(standings, profiler(encoder, vectors))
    rates = hit_rates(truths)
    if as_json:
        targets = {
            truth.name: {"f1": truth.f1, "ranks": {one.name: one.ranks for one in truth.ranked}} for truth in truths
        }
        print_json({"choosers": [asdict(rate) for rate in rates], "targets": targets})
        return
    per_target = tuple(
        (truth.name, truth.ranked[0].name, f"{100 * truth.f1[truth.ranked[0].name]:.1f}", best, f"{100 * f1:.1f}",
         " ".join(one.name for one in truth.ranked))
        for truth in truths
        for best, f1 in [max(truth.f1.items(), key=lambda pair: pair[1])]
    )  # fmt: skip
    columns = ("target", "first", "its F1", "best", "its F1", "ranking")
    output.print(ReportTable(f"{TOGETHER}: first and best sources", columns, per_target, prose=(0, 1, 3, 5)))
    rows = tuple(
        (rate.chooser, f"{rate.best:.0%}", f"{rate.among:.0%}", f"{100 * rate.lost:.1f}",
         "" if rate.correlation is None else f"{rate.correlation:.2f}")
        for rate in rates
    )  # fmt: skip
    footer = (
        "first is best, best of three: shares of targets. lost: F1 in points that the first source reaches less than "
        "the best, on average. correlation: Spearman's, of nearness and F1 over the sources of a target, on average. "
        f"Sources that are alike stand in the order of their sizes. Targets: {len(truths)}; with few of them most "
        f"differences are chance. {standings.progress}",
    )
    headings = ("chosen by", "first is best", "best of three", "lost", "correlation")
    output.print(ReportTable("How often a ranking is right", headings, rows, footer))
