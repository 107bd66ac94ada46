"""`python -m salin`: the command line without its entry point."""

from __future__ import annotations

from salin.cli import main

main()
