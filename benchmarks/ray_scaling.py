"""What a second worker is worth: `salin tag --engine ray` with one worker and with two, text in, entities out.

    python benchmarks/ray_scaling.py                      # writes results/benchmarks/ray_scaling.json
    python benchmarks/ray_scaling.py --sentences 2000 --rounds 1 --adapt

Sentences of the Spanish CoNLL-2002 test set where ../shared/data is, else of the bundled open corpus, over and over,
one a line. Each round runs the command with one worker, with two, and, for what Ray itself costs, in a single process
with one thread. The ratio is that of whole runs, from the start of the program to its end; beside it that of what is
left when a run over one sentence, which is all start, is taken off. The outputs of one worker and of two are compared
byte by byte (not with --adapt, where they are rounded otherwise).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from salin.corpus import read
from salin.evaluation.records import Environment
from salin.files import write_json

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "results" / "benchmarks" / "ray_scaling.json"
SPANISH = ROOT.parent / "shared" / "data" / "ner" / "conll2002" / "es" / "test.conll"
WORKERS = (1, 2)


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sentences", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--shard-size", type=float, default=1, help="MiB")
    options.add_argument("--adapt", action="store_true")
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    more = ["--adapt"] if chosen.adapt else []
    corpus = read(SPANISH if SPANISH.exists() else "open-corpus/es/test")
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder, "one.txt"), Path(folder, "many.txt")
        texts = (" ".join(sentence.text.split()) + "\n" for sentence in cycle(corpus) if sentence.text.strip())
        one.write_text(next(texts), encoding="utf-8")
        many.write_text("".join(islice(texts, chosen.sentences)), encoding="utf-8")
        seconds: dict[str, list[float]] = {}
        for round_ in range(chosen.rounds):
            for workers in WORKERS:
                ray = ["--engine", "ray", "--workers", str(workers), "--shard-size", str(chosen.shard_size), *more]
                out = Path(folder, f"{workers}-{round_}")
                seconds.setdefault(f"{workers} start", []).append(_seconds(one, out.with_suffix(".one"), ray))
                seconds.setdefault(f"{workers}", []).append(_seconds(many, out, ray))
            seconds.setdefault("local", []).append(_seconds(many, Path(folder, f"{round_}.jsonl"), more))
            if not chosen.adapt and _content(Path(folder, f"1-{round_}")) != _content(Path(folder, f"2-{round_}")):
                print("the outputs of one worker and of two differ")
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    whole = statistics.median(a / b for a, b in zip(seconds["1"], seconds["2"], strict=True))
    without_start = (medians["1"] - medians["1 start"]) / (medians["2"] - medians["2 start"])
    print(
        f"{chosen.sentences:,} sentences: one worker takes {whole:.2f} times as long as two, {without_start:.2f} times"
    )
    print(f"without the {medians['2 start']:.1f} s to start; one process without Ray takes {medians['local']:.1f} s,")
    print(f"one worker {medians['1']:.1f} s, two {medians['2']:.1f} s")
    result = {
        "sentences": chosen.sentences, "corpus": corpus.name, "adapt": chosen.adapt, "shard_mib": chosen.shard_size,
        "cores": len(os.sched_getaffinity(0)), "environment": Environment.here().model_dump(),
        "seconds": seconds, "ratio": whole, "ratio_without_start": without_start,
    }  # fmt: skip
    write_json(chosen.out, result)


def _seconds(path: Path, out: Path, arguments: list[str]) -> float:
    command = [sys.executable, "-m", "salin", "tag", path, "--format", "lines", "--out", out, *arguments]
    started = time.perf_counter()
    subprocess.run(  # noqa: S603
        list(map(str, command)), check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def _content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("part-*")))


if __name__ == "__main__":
    main()
