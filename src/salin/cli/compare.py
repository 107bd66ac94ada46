"""`salin compare`: which of several systems is better, and how sure is that?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salin.cli import options

if TYPE_CHECKING:
    from salin.evaluation import Result


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Results of `salin evaluate`, or cells of `salin run`, of which each row counts; the baseline first.",
            metavar="RESULT...",
        ),
    ],
    test: Annotated[str | None, typer.Option(help="Which test of the cells, where they have several.")] = None,
    paired: Annotated[
        bool,
        typer.Option("--paired", help="Runs of the same seed use the same trained model, as with and without --adapt."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare results on the same data with the first one, by tests over sentences and over runs.

    Results of one system that differ in their seeds alone are taken together, and two systems are compared over the
    seeds that both have. What a seed does to a model is no chance where both use the same model: say `--paired`.
    """
    from salin import evaluation
    from salin.cli.console import output, print_json
    from salin.experiments.cell import load_results

    loaded = [result for path in results for result in load_results(path, test)]
    comparison = evaluation.compare(*_systems(loaded), paired=paired)
    if as_json:
        print_json(comparison.model_dump(mode="json"))
    else:
        output.print(evaluation.comparison_table(comparison), soft_wrap=True)


def _systems(results: list[Result]) -> list[list[Result]]:
    """Runs by system, in the order of their first.

    Runs that adapted in different ways are of different systems, and a run whose seeds its system has already is a
    system of its own.
    """
    systems: list[list[Result]] = []
    for result in results:
        for runs in systems:
            same = (runs[0].system, runs[0].adaptation) == (result.system, result.adaptation)
            if same and result.seeds and all(result.seeds != run.seeds for run in runs):
                runs.append(result)
                break
        else:
            systems.append([result])
    return systems
