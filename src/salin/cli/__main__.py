"""`python -m salin.cli`, the same as `python -m salin`."""

from __future__ import annotations

from salin.cli.app import main

main()
