"""Whether the memory of `salin tag FILE` stays flat: its resident size while it tags a file of so many megabytes.

    python benchmarks/tag_memory.py                                   # writes results/benchmarks/tag_memory.json
    python benchmarks/tag_memory.py --megabytes 2000 --model rules:tl # reading, splitting and writing alone
    python benchmarks/tag_memory.py --quick                           # two megabytes; writes nothing

The file is made of the sentences of the Spanish CoNLL-2002 test set where ../shared/data is, else of the bundled open
corpus, over and over, one a line with a blank line now and then. The size is taken twice a second. What counts is the
largest of the last half of the run as a multiple of the largest of the second quarter: the first holds the start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import psutil

from salin.corpus import read
from salin.evaluation.records import Environment
from salin.files import write_json

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "results" / "benchmarks" / "tag_memory.json"
SPANISH = ROOT.parent / "shared" / "data" / "ner" / "conll2002" / "es" / "test.conll"
PARAGRAPH = 40


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=float, action="append")
    options.add_argument("--model", action="append", help="each goes with the --megabytes in the same place")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    pairs = list(zip(chosen.model or ["rules:tl", "salin-tiny"], chosen.megabytes or [200, 20], strict=True))
    if chosen.quick:
        pairs = [("rules:tl", 2), ("salin-tiny", 0.2)]
    rows = [_watched(model, megabytes) for model, megabytes in pairs]
    if not chosen.quick:
        write_json(chosen.out, {"environment": Environment.here().model_dump(), "rows": rows})


def _watched(model: str, megabytes: float) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        count = _write(text, int(megabytes * 1e6))
        command = [sys.executable, "-m", "salin", "tag", text, "--model", model, "--language", "es", "--format", "text"]
        started, sizes = time.perf_counter(), []
        running = subprocess.Popen(  # noqa: S603
            [*map(str, command), "--out", str(Path(folder, "out.jsonl"))], stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        )  # fmt: skip
        watched = psutil.Process(running.pid)
        while running.poll() is None:
            sizes.append(watched.memory_info().rss / 1e6)
            time.sleep(0.5)
        seconds = time.perf_counter() - started
        if running.returncode:
            raise SystemExit(f"salin tag ended with {running.returncode}")
    quarter = max(1, len(sizes) // 4)
    growth = max(sizes[2 * quarter :]) / max(sizes[quarter : 2 * quarter] or sizes)
    print(
        f"{model}, {megabytes:,g} MB, {count:,} lines, {seconds:,.0f} s: {max(sizes):.0f} MB at its peak, "
        f"{growth:.2f} times as much in the last half as in the second quarter"
    )
    # A hundred of the sizes show the course as well as all do.
    course = [round(size, 1) for size in sizes[:: max(1, len(sizes) // 100)]]
    return {
        "model": model, "megabytes of text": megabytes, "lines": count, "seconds": seconds,
        "megabytes at its peak": max(sizes), "growth": growth, "course": course,
    }  # fmt: skip


def _write(path: Path, size: int) -> int:
    """Writes lines until the file has a size, and says how many."""
    texts = [" ".join(s.text.split()) for s in read(SPANISH if SPANISH.exists() else "open-corpus/es/test").sentences]
    written = count = 0
    with path.open("wb") as file:
        for text in cycle(filter(None, texts)):
            count += 1
            written += file.write((text + ("\n\n" if count % PARAGRAPH == 0 else "\n")).encode())
            if written >= size:
                return count
    return count


if __name__ == "__main__":
    main()
