"""`salin pretrain`: from plain text to an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salin.cli import options


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="A pretraining recipe in TOML.", metavar="RECIPE")],
    out: options.OutFolder,
) -> None:
    """Train a tokenizer and a small encoder on plain and parallel text, as a recipe says.

    The encoder stands in DIR/encoder at the end. A run that was interrupted goes on where it was.
    """
    from salin.cli.console import note
    from salin.cli.launcher import take_leave
    from salin.pretraining.run import PretrainingSettings
    from salin.pretraining.run import pretrain as run

    figures = run(PretrainingSettings.read(recipe), out)
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    note(f"{out / 'encoder'}: {shown}")
    take_leave()
