"""`salin run`: run a recipe cell by cell, and show its table as far as it has come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe in TOML.", metavar="RECIPE")],
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", help="Run only cells whose names begin so; give it again for more."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", metavar="NAME", help="In place of the recipe's: a model, a folder, a hub id."),
    ] = None,
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results go.")] = Path("results"),
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where logs and checkpoints go.")] = Path("runs"),
    list_cells: Annotated[bool, typer.Option("--list", help="List the cells, and run nothing.")] = False,
) -> None:
    """Run what is not finished of a recipe, and show its table.

    Each finished cell leaves a JSON file, so that an interrupted run goes on where it was.
    """
    from salin.cli.console import note, output
    from salin.experiments import Recipe, recipe_table, run_recipe
    from salin.experiments.cell import cells

    if list_cells:
        for one in cells(Recipe.read(recipe, encoder)):
            output.print(one.name, markup=False)
        return
    run_recipe(recipe, only=cell or (), encoder=encoder, results=results, runs=runs, tell=note)
    if encoder is None:
        output.print(recipe_table(recipe, results))
