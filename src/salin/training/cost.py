"""What a run costs: its time, and the most memory that its process held."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

# Linux alone can be asked to count anew.
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class CostMeter:
    """Measures a run that may go on where another process left it.

    What came after the last checkpoint of a killed process is done again, and so is counted once.

    Args:
        before: What the run has cost so far, as `figures` gave it.
    """

    def __init__(self, before: Mapping[str, float] | None = None):
        self._before = dict(before or {})
        self._began = perf_counter()
        reset_peak_memory()

    def figures(self) -> dict[str, float]:
        """`seconds`, evaluations included, and `peak_megabytes` of memory that was resident."""
        seconds = self._before.get("seconds", 0.0) + perf_counter() - self._began
        peak = max(self._before.get("peak_megabytes", 0.0), peak_megabytes())
        return {"seconds": round(seconds, 2), "peak_megabytes": round(peak)}


def reset_peak_memory() -> None:
    """Lets the peak begin anew at what is resident now; where the system cannot, it stays that of the process."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return


def peak_megabytes() -> float:
    """The most memory, in MiB, that was resident at once since the last reset, or since the process began."""
    try:
        status = _STATUS.read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        most: Any = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (1024 * 1024 if sys.platform == "darwin" else 1024)
