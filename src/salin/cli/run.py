"""`salin run`: run a recipe cell by cell, and show its table as far as it has come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salin.errors import SettingError


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
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the table as well: .svg, .png or .pdf.")
    ] = None,
    list_cells: Annotated[bool, typer.Option("--list", help="List the cells, and run nothing.")] = False,
) -> None:
    """Run what is not finished of a recipe, and show its table.

    Each finished cell leaves a JSON file, so that an interrupted run goes on where it was.
    """
    from salin.cli.console import note, output
    from salin.experiments import Recipe, run_recipe
    from salin.experiments.cell import cells
    from salin.experiments.plots import check_plot, plot_standings
    from salin.experiments.standings import Standings
    from salin.experiments.tables import dev_table, score_table, significance_table

    if plot is not None:
        if list_cells:
            raise SettingError("--plot draws the recipe's table, which --list does not show: leave one out")
        check_plot(recipe, plot)
    if list_cells:
        for one in cells(Recipe.read(recipe, encoder)):
            output.print(one.name, markup=False)
        return
    run_recipe(recipe, only=cell or (), encoder=encoder, results=results, runs=runs, tell=note)
    standings = Standings.read(recipe, results, encoder)
    if standings.runs:
        output.print(score_table(standings))
        output.print(significance_table(standings))
    if standings.recipe.switched_dev or not standings.runs:
        output.print(dev_table(standings))
    if plot is not None:
        plot_standings(standings, plot)
        note(f"{plot}: the figure of this table")
