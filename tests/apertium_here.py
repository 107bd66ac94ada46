"""Whether Apertium is installed, for tests that use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import which


def require_apertium(require: Callable[[str, bool], None]) -> None:
    """Skips the test where Apertium or one of the pairs that tests use is missing."""
    modes = Path("/usr/share/apertium/modes")
    present = which("apertium-wblank-mode") is not None
    present = present and all((modes / f"{pair}.mode").exists() for pair in ("spa-eng", "eng-spa", "hbs-eng"))
    require("Apertium (apt-get install apertium apertium-eng-spa apertium-hbs-eng)", present)
