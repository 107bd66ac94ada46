"""`salin run`: run a recipe cell by cell, and show its table as far as it has come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.experiments.standings import Standings


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe in TOML.", metavar="RECIPE")],
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", help="Run or list only cells whose names begin so; give it again for more."),
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
    list_cells: Annotated[
        bool,
        typer.Option(
            "--list",
            help="List the cells and run nothing: each is finished, stale (its result is of other settings or inputs), "
            "or missing.",
        ),
    ] = False,
    table_only: Annotated[
        bool, typer.Option("--table", help="Show the table of what is finished, with --plot draw it, and run nothing.")
    ] = False,
) -> None:
    """Run what is not finished of a recipe, and show its table.

    Each finished cell leaves a JSON file, so that an interrupted run goes on where it was.
    """
    from salin.cli.console import note
    from salin.experiments import run_recipe
    from salin.experiments.experiment import Experiment
    from salin.experiments.plots import check_plot, plot_standings
    from salin.experiments.standings import Standings

    if list_cells and (table_only or plot is not None):
        other = "--table shows" if table_only else "--plot draws"
        raise SettingError(f"{other} the recipe's table, which --list does not show: leave one out")
    if table_only and cell:
        raise SettingError("--table is of all finished cells: leave --cell out")
    if plot is not None:
        check_plot(recipe, plot)
    if list_cells:
        experiment = Experiment(recipe, results, runs, encoder)
        for one in experiment.chosen(cell or ()):
            sys.stdout.write(f"{one.name}\t{experiment.state(one)}\n")
        return
    if not table_only:
        run_recipe(recipe, only=cell or (), encoder=encoder, results=results, runs=runs, tell=note)
    standings = Standings.read(recipe, results, encoder)
    _show(standings)
    if plot is not None:
        plot_standings(standings, plot)
        note(f"{plot}: the figure of this table")


def _show(standings: Standings) -> None:
    """Writes every table that the recipe has."""
    from salin.cli.console import output
    from salin.experiments.ordering import ordering_table
    from salin.experiments.tables import dev_table, score_table, significance_table
    from salin.experiments.translation_tables import lenient_table, round_trip_table, translation_table

    if standings.runs:
        output.print(score_table(standings))
        output.print(significance_table(standings))
    if (ordered := ordering_table(standings)).rows:
        output.print(ordered)
    if any(system.translate for system in standings.recipe.systems.values()):
        for table in (lenient_table, translation_table, round_trip_table):
            output.print(table(standings))
    if standings.recipe.switched_dev or not standings.runs:
        output.print(dev_table(standings))
