"""What a run costs is measured from where it begins, whatever its process did before."""

from __future__ import annotations

import sys
from collections.abc import Callable

from salin.training.cost import CostMeter, peak_megabytes, reset_peak_memory


def test_the_peak_is_that_since_the_last_reset(require: Callable[[str, bool], None]) -> None:
    require("Linux, since other systems cannot be asked to count anew", sys.platform == "linux")
    block = bytearray(150 << 20)
    block[::4096] = b"x" * len(block[::4096])
    before = peak_megabytes()
    del block
    reset_peak_memory()
    assert peak_megabytes() < before - 100


def test_what_another_process_spent_is_added_and_its_peak_kept() -> None:
    assert CostMeter().figures()["seconds"] < 5
    found = CostMeter({"seconds": 60.0, "peak_megabytes": 1e6}).figures()
    assert 60 <= found["seconds"] < 65
    assert found["peak_megabytes"] == 1e6
