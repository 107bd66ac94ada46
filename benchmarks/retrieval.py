"""What finding two neighbours costs: `salin.retrieval.nearest` beside the published dense argsort.

    python benchmarks/retrieval.py                        # writes results/benchmarks/retrieval.json
    python benchmarks/retrieval.py --quick                # small numbers, for trying it; writes nothing

Random unit vectors of 256 dimensions, a thousand queries on 15,000 source vectors and a hundred on a million, and at
15,000 also 5,000 queries as a test set has. The published way (Wu et al. 2020) multiplies all queries with all source
vectors and sorts each row whole, in numpy; where that would need more than `--dense-limit` GB it is not run. Memory is
how much larger a process of its own became; the ways take turns, and each round is divided by the published way in the
same round, of which the median counts. Both have to find the same neighbours.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import torch

from salin.evaluation.records import Environment
from salin.files import write_json
from salin.retrieval import nearest

OUT = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "retrieval.json"
SIZE, K = 256, 2


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dense-limit", type=float, default=6, help="GB")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    shapes = [(1000, 15_000), (5000, 15_000), (100, 1_000_000)]
    if chosen.quick:
        shapes, chosen.rounds = [(100, 1000), (20, 50_000)], 1
    torch.set_num_threads(1)
    rows = []
    for queries, source in shapes:
        dense = 12 * queries * source <= chosen.dense_limit * 1e9  # a product in fp32, an order in int64
        ways = ["published argsort"] * dense + ["salin"] + ["faiss"] * (find_spec("faiss") is not None)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        megabytes: dict[str, float] = {}
        found: dict[str, list[list[int]]] = {}
        for _ in range(chosen.rounds):
            for way in ways:
                taken, megabytes[way], found[way] = _in_own_process(way, queries, source)
                seconds[way].append(taken)
        for way in ways:
            row = {
                "queries": queries, "source": source, "row": way, "seconds": statistics.median(seconds[way]),
                "milliseconds a query": 1e3 * statistics.median(seconds[way]) / queries, "megabytes": megabytes[way],
                "same neighbours": _same(found[way], found["salin"]), "times published": None,
            }  # fmt: skip
            if dense:
                ratios = [a / b for a, b in zip(seconds["published argsort"], seconds[way], strict=True)]
                row["times published"] = statistics.median(ratios)
            rows.append(row)
            print("  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                            for key, value in row.items()))  # fmt: skip
    if not chosen.quick:
        write_json(chosen.out, {"threads": 1, "environment": Environment.here().model_dump(), "rows": rows})


def _in_own_process(way: str, queries: int, source: int) -> tuple[float, float, list[list[int]]]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_find, args=(way, queries, source, theirs))
    process.start()
    seconds, megabytes, indices = json.loads(ours.recv())
    process.join()
    return seconds, megabytes, indices


def _find(way: str, queries: int, source: int, answer: multiprocessing.connection.Connection) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    known = torch.nn.functional.normalize(torch.randn(source, SIZE), dim=1)
    asked = torch.nn.functional.normalize(torch.randn(queries, SIZE), dim=1)
    nearest(asked[:1], known[:64], K)  # what is made once
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    before, started = psutil.Process().memory_info().rss, time.process_time()
    if way == "salin":
        indices = nearest(asked, known, K)[1]
    elif way == "faiss":
        import faiss

        faiss.omp_set_num_threads(1)
        index = faiss.IndexFlatIP(SIZE)
        index.add(known.numpy())
        indices = torch.from_numpy(index.search(asked.numpy(), K)[1])
    else:
        similarity = asked.numpy() @ known.numpy().T
        indices = torch.from_numpy(np.argsort(similarity, axis=1)[:, ::-1][:, :K].copy())
    seconds = time.process_time() - started
    peak = _peak()
    answer.send(json.dumps([seconds, (peak - before) / 1e6, indices.tolist()]))


def _same(found: list[list[int]], expected: list[list[int]]) -> float:
    return statistics.mean(ours == theirs for ours, theirs in zip(found, expected, strict=True))


def _peak() -> int:
    """The most bytes since the peak was reset; what `resource` says holds those of the process that started this."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
