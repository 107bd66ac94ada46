"""`make bench` and its one table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_benchmark_is_tried_and_its_rows_stand_in_one_table() -> None:
    printed = run("run.py", "training_attention", "--quick")
    assert "Benchmarks (tried with small numbers: no evidence)" in printed
    assert "speed of fused attention" in printed.rpartition("Benchmarks")[2]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    shared = {"subject": "tiny, 1 thread", "measure": "time", "reference": "plain tagging", "dtype": "fp32", "note": ""}
    rows = [
        {**shared, "name": "all kept", "rule": "sgd", "ratio": 1.4, "least": None, "most": 1.35},
        {**shared, "name": "one pass", "rule": "sgd", "ratio": 2.9, "least": None, "most": 3},
        {**shared, "name": "too large", "rule": "", "ratio": None, "least": 2, "most": None},
    ]
    machine = {"processor": "P", "cpus": 2, "platform": "Linux", "python": "3.11", "torch": "2.13"}
    price = {"benchmark": "price", "quick": False, "environment": machine, "rows": rows}
    (tmp_path / "price.json").write_text(json.dumps(price), encoding="utf-8")
    return tmp_path


def test_a_promise_that_is_missed_is_marked(results: Path) -> None:
    document = results / "page.md"
    document.write_text("Before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n", encoding="utf-8")
    run("table.py", "--results", results, "--fill", document)
    lines = document.read_text("utf-8").splitlines()
    assert lines[0] == "Before"
    assert lines[-1] == "after"
    assert "old" not in lines
    rows = [[cell.strip() for cell in line.split("|")[3:-1]] for line in lines if line.startswith("| price")]
    assert rows == [
        ["all kept", "sgd", "fp32", "1.40", "time of plain tagging", "at most 1.35: missed", ""],
        ["one pass", "sgd", "fp32", "2.90", "time of plain tagging", "at most 3", ""],
        ["too large", "", "fp32", "", "time of plain tagging", "at least 2", ""],
    ]
