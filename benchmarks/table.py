"""The one table of all benchmarks, from the files that they wrote.

python benchmarks/table.py                 # prints it
python benchmarks/table.py --fill FILE     # writes it between the marks of a document
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

from measuring import RESULTS
from rich.console import Console

from salin.errors import DataError
from salin.evaluation.report import ReportTable
from salin.files import atomic_write

_MARKED = re.compile(r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->)", re.DOTALL)
_COLUMNS = ("benchmark", "of", "row", "rule", "numbers", "ratio", "of the", "promised", "note")


def main() -> None:
    """Prints the table, or writes it into a document."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--results", type=Path, default=RESULTS)
    options.add_argument(
        "--fill", type=Path, help="a document with the marks <!-- benchmarks --> and <!-- /benchmarks -->"
    )
    chosen = options.parse_args()
    table = benchmark_table(chosen.results)
    if chosen.fill is None:
        Console(width=200).print(table)
        return
    text = chosen.fill.read_text(encoding="utf-8")
    filled, marks = _MARKED.subn(lambda match: f"{match[1]}\n{table.markdown()}\n{match[2]}", text)
    if not marks:
        raise DataError("it has no marks <!-- benchmarks --> and <!-- /benchmarks -->", path=chosen.fill)
    with atomic_write(chosen.fill) as file:
        file.write(filled)


def benchmark_table(results: Path) -> ReportTable:
    """Every row of every benchmark that was run.

    Args:
        results: Where their files are.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))]
    rows = tuple(cells for benchmark in found for cells in _cells(benchmark))
    machines = sorted({_machine(benchmark["environment"]) for benchmark in found})
    footer = (
        "ratio: time or memory of the row divided by that of its reference in the same run (less is better), its speed "
        "(more is better), or its loss; median over rounds.",
        f"Measured on: {'; '.join(machines)}.",
    )
    quick = " (tried with small numbers: no evidence)" if any(benchmark["quick"] for benchmark in found) else ""
    return ReportTable(f"Benchmarks{quick}", _COLUMNS, rows, footer, prose=(0, 1, 2, 3, 4, 6, 7, 8))


def _cells(benchmark: dict) -> Iterator[tuple[str, ...]]:
    for row in benchmark["rows"]:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        yield (
            benchmark["benchmark"], row["subject"], row["name"], row["rule"], row["dtype"], ratio,
            f"{row['measure']} of {row['reference']}", _promised(row), row["note"],
        )  # fmt: skip


def _promised(row: dict) -> str:
    """What was promised, and whether it is so: a missed promise is not hidden."""
    for bound, word, kept in (
        (row["least"], "at least", lambda: row["ratio"] >= row["least"]),
        (row["most"], "at most", lambda: row["ratio"] <= row["most"]),
    ):
        if bound is not None:
            return f"{word} {bound:g}" + ("" if row["ratio"] is None or kept() else ": missed")
    return ""


def _machine(environment: dict) -> str:
    return (
        f"{environment['processor']}, {environment['cpus']} cores, {environment['platform']}, Python "
        f"{environment['python']}, torch {environment['torch']}"
    )


if __name__ == "__main__":
    main()
