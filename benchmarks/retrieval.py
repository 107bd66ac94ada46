"""What finding two neighbours costs: `salin.retrieval.nearest` beside the published dense argsort.

    python benchmarks/retrieval.py                        # writes results/benchmarks/retrieval.json
    python benchmarks/retrieval.py --quick                # small numbers, for trying it

Random unit vectors of 256 dimensions, a thousand queries on 15,000 source vectors and a hundred on a million, and at
15,000 also 5,000 queries as a test set has. The published way (Wu et al. 2020) multiplies all queries with all source
vectors and sorts each row whole, in numpy; where that would need more than `--dense-limit` GB it is not run. What is
compared is processor time and how much larger a process of its own became; both have to find the same neighbours.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection

import numpy as np
import torch
from measuring import Row, arguments, median_ratio, peak_memory, save, tell

from salin.retrieval import nearest

SIZE, K = 256, 2
PUBLISHED = "published argsort"


@dataclass(frozen=True)
class Found:
    """What a way found, and what it took."""

    seconds: float
    megabytes: float
    neighbours: list[list[int]]


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--dense-limit", type=float, default=6, help="GB")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    shapes = [(1000, 15_000), (5000, 15_000), (100, 1_000_000)]
    if chosen.quick:
        shapes, chosen.rounds = [(100, 1000), (20, 50_000)], 1
    rows = [
        tell(row)
        for queries, known in shapes
        for row in _rows(queries, known, chosen.rounds, dense=12 * queries * known <= chosen.dense_limit * 1e9)
    ]
    save(chosen, "retrieval", rows, rounds=chosen.rounds)


def _rows(queries: int, known: int, rounds: int, *, dense: bool) -> Iterator[Row]:
    # The published way holds a product in fp32 and an order in int64.
    ways = [PUBLISHED] * dense + ["salin"] + ["faiss"] * (find_spec("faiss") is not None)
    found: dict[str, list[Found]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way].append(_in_own_process(way, queries, known))
    for way in ways:
        seconds = [each.seconds for each in found[way]]
        pairs = zip(found[way][-1].neighbours, found["salin"][-1].neighbours, strict=True)
        same = statistics.mean(ours == theirs for ours, theirs in pairs)
        each, megabytes = 1e3 * statistics.median(seconds) / queries, found[way][-1].megabytes
        yield Row(
            f"{queries:,} queries, {known:,} vectors", way, "speed", PUBLISHED,
            median_ratio([each.seconds for each in found[PUBLISHED]], seconds) if dense else None,
            note=f"{each:.2f} ms a query, {megabytes:.0f} MB, {same:.0%} the same neighbours as salin",
            more={"milliseconds a query": each, "megabytes": megabytes, "same neighbours": same},
        )  # fmt: skip


def _in_own_process(way: str, queries: int, known: int) -> Found:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_find, args=(way, queries, known, theirs))
    process.start()
    found = ours.recv()
    process.join()
    return found


def _find(way: str, queries: int, known: int, answer: Connection) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(known, SIZE), dim=1)
    asked = torch.nn.functional.normalize(torch.randn(queries, SIZE), dim=1)
    nearest(asked[:1], vectors[:64], K)  # what is made once
    with peak_memory() as peak:
        started = time.process_time()
        if way == "salin":
            neighbours = nearest(asked, vectors, K)[1].tolist()
        elif way == "faiss":
            import faiss

            faiss.omp_set_num_threads(1)
            index = faiss.IndexFlatIP(SIZE)
            index.add(vectors.numpy())
            neighbours = index.search(asked.numpy(), K)[1].tolist()
        else:
            similarity = asked.numpy() @ vectors.numpy().T
            neighbours = np.argsort(similarity, axis=1)[:, ::-1][:, :K].tolist()
        seconds = time.process_time() - started
    answer.send(Found(seconds, peak.more, neighbours))


if __name__ == "__main__":
    main()
