"""The reference of the command line is made from the program, as `make docs` makes it: no command is left out."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import typer.main

from salin.cli.app import app

DOCS = Path(__file__).resolve().parents[2] / "docs"


def commands(group: object, name: str) -> Iterator[str]:
    """The full names of a program's commands, those that hold others included."""
    for part, command in getattr(group, "commands", {}).items():
        yield f"{name} {part}"
        yield from commands(command, f"{name} {part}")


def test_every_command_is_in_the_reference(require: Callable[[str, bool], None], tmp_path: Path) -> None:
    present = all(map(find_spec, ("sphinx", "myst_parser", "sphinxcontrib.typer")))
    require("what builds the documentation (pip install -e '.[docs]')", present)
    source, out = tmp_path / "source", tmp_path / "html"
    source.mkdir()
    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(page, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-c", DOCS, source, out],
        capture_output=True, text=True, env={**os.environ, "FORCE_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = html.unescape(re.sub(r"<[^>]*>", "", (out / "index.html").read_text(encoding="utf-8")))
    names = list(commands(typer.main.get_command(app), "salin"))
    assert {"salin tag", "salin data get"} <= set(names)
    for name in names:
        assert f"Usage: {name} " in text
    assert "--neighbours" in text
    assert "\x1b" not in text
