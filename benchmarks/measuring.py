"""How the benchmarks measure, and the one form of what they found."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

from salin.evaluation.records import Environment
from salin.files import write_json

RESULTS = Path(__file__).resolve().parents[1] / "results" / "benchmarks"


@dataclass
class Row:
    """A line of the table: something beside its reference, both measured in one run.

    Attributes:
        subject: What the two have in common, such as the encoder and the threads.
        name: What is measured.
        measure: Of what the ratio is. A larger `time` or `memory` is worse, a larger `speed` or `share` better, and a
            `loss` is neither; a share is of what `reference` names.
        reference: What it is measured beside.
        ratio: The measure as a multiple of the reference's, the median over rounds; None where that cannot run.
        rule: The update rule, where anything adapts.
        dtype: What is computed with.
        least: The ratio that was promised at least.
        most: The ratio that was promised at most.
        note: What else there is to say.
        more: Other figures, by name and unit.
    """

    subject: str
    name: str
    measure: Literal["time", "speed", "memory", "share", "loss"]
    reference: str
    ratio: float | None
    rule: str = ""
    dtype: str = "fp32"
    least: float | None = None
    most: float | None = None
    note: str = ""
    more: dict[str, Any] = field(default_factory=dict)


class Peak:
    """The memory of this process while something ran, in megabytes.

    Attributes:
        before: Resident before it.
        most: Resident at its peak.
    """

    def __init__(self) -> None:
        self.before = psutil.Process().memory_info().rss / 1e6
        self.most = self.before

    @property
    def more(self) -> float:
        """How much larger the process became."""
        return self.most - self.before


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watches the memory of what runs inside, which should have a process of its own: Linux only.

    What `resource` says would hold the peak of what came before, and that of the process which started this one.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    peak = Peak()
    yield peak
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak.most = 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1e6


def watch_memory(command: Sequence[str | Path]) -> tuple[list[float], float]:
    """Runs a command to its end.

    Args:
        command: Of one thread; what it says on its streams is dropped.

    Returns:
        Its resident megabytes, twice a second, and the seconds that it took.

    Raises:
        SystemExit: When it fails.
    """
    started, sizes = time.perf_counter(), []
    running = subprocess.Popen(  # noqa: S603
        [*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    watched = psutil.Process(running.pid)
    while running.poll() is None:
        sizes.append(watched.memory_info().rss / 1e6)
        time.sleep(0.5)
    if running.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {running.returncode}")
    return sizes, time.perf_counter() - started


def growth(sizes: Sequence[float]) -> float:
    """The largest of the last half as a multiple of the largest of the second quarter: the first holds the start."""
    quarter = max(1, len(sizes) // 4)
    return max(sizes[2 * quarter :] or sizes) / max(sizes[quarter : 2 * quarter] or sizes)


def take_turns(
    runs: Mapping[str, Callable[[int], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    warm: Sequence[str] | None = None,
) -> dict[str, list[float]]:
    """Seconds of each run in each round, in which all take turns, so that what disturbs the machine disturbs all.

    Args:
        runs: Each is given the number of the round, from 1 on.
        rounds: How many.
        clock: Of the machine, or of the processor (`time.process_time`).
        warm: Which to run once before, with the number 0; None is all.
    """
    for name in runs if warm is None else warm:
        runs[name](0)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1, rounds + 1):
        for name, run in runs.items():
            started = clock()
            run(number)
            seconds[name].append(clock() - started)
    return seconds


def median_ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """The median over rounds of one row's figure divided by another's."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def arguments(about: str | None) -> argparse.ArgumentParser:
    """What every benchmark understands.

    Args:
        about: The docstring of the script.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers, for trying it; writes to --results alone")
    parser.add_argument("--results", type=Path, help="folder; results/benchmarks if not --quick")
    return parser


def save(chosen: argparse.Namespace, name: str, rows: Sequence[Row], **about: Any) -> None:
    """Writes what a benchmark found, unless it was only tried.

    Args:
        chosen: What the parser of `arguments` found.
        name: Of the benchmark.
        rows: Its lines of the table.
        about: How it was measured.
    """
    folder = chosen.results or (None if chosen.quick else RESULTS)
    if folder is None:
        return
    environment = Environment.here().model_dump() | {"processor": torch.cpu.get_capabilities()["cpu_name"]}
    content = {"benchmark": name, "quick": chosen.quick, **about, "environment": environment}
    write_json(folder / f"{name}.json", content | {"rows": [asdict(row) for row in rows]})


def tell(row: Row) -> Row:
    """Prints a row as soon as it is there."""
    ratio = "no reference" if row.ratio is None else f"{row.ratio:.2f} × the {row.measure} of {row.reference}"
    print(f"{row.subject}: {' '.join(filter(None, (row.rule, row.name, row.dtype)))}: {ratio}  {row.note}", flush=True)
    return row
