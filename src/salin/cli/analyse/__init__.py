"""`salin analyse`: one thin file an analysis."""

from __future__ import annotations

import typer

from salin.cli.analyse import dynamics, fisher, particles, prototypes, pruning, shared, sources

app = typer.Typer(name="analyse", help="Look into data, runs and models, beyond a score.", no_args_is_help=True)
app.command("particles")(particles.particles)
app.command("dynamics")(dynamics.dynamics)
app.command("prototypes")(prototypes.prototypes)
app.command("sources")(sources.sources)
app.command("fisher")(fisher.fisher)
app.command("pruning")(pruning.pruning)
app.command("shared")(shared.shared)
