"""`salin analyse shared`: Fisher information and pruning of the taggers of a recipe, part by part."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def shared(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="What to look into, such as recipes/what-is-shared.toml.")
    ],
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", help="Run or list only cells whose names begin so; give it again for more."),
    ] = None,
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results go.")] = Path("results"),
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where the taggers are.")] = Path("runs"),
    list_cells: Annotated[
        bool, typer.Option("--list", help="List the cells and whether each is finished, stale or missing.")
    ] = False,
) -> None:
    """Look into the taggers that a recipe has trained: what languages share, what fine-tuning moved, and pruning.

    It finds the taggers in --runs, where salin run has left them. Each finished cell leaves a JSON file, so that an
    interrupted run goes on where it was; make tables puts figures and tables of them into documents.
    """
    from salin.cli.console import advancing, note, output
    from salin.experiments.shared_documents import shared_tables
    from salin.experiments.shared_experiment import SharedExperiment
    from salin.experiments.shared_run import run_shared

    experiment = SharedExperiment(recipe, results, runs)
    if list_cells:
        for one in experiment.chosen(cell or ()):
            sys.stdout.write(f"{one.name}\t{experiment.state(one)}\n")
        return
    run_shared(experiment, only=cell or (), tell=note, counting=partial(advancing, "sentences"))
    finished = [(one, found) for one in experiment.chosen() if (found := experiment.finished(one)) is not None]
    for network in experiment.recipe.networks:
        for table in shared_tables(network, [(one, found) for one, found in finished if one.network == network]):
            output.print(table, soft_wrap=True)
