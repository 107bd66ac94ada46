"""What a second worker is worth: `salin tag --engine ray` with one worker and with two, text in, entities out.

    python benchmarks/ray_scaling.py                      # writes results/benchmarks/ray_scaling.json; half an hour
    python benchmarks/ray_scaling.py --quick              # small numbers, for trying it
    python benchmarks/ray_scaling.py --sentences 2000 --adapt

Sentences of the Spanish CoNLL-2002 test set where ../shared/data is, else of the bundled open corpus, over and over,
one a line. Each round runs the command with one worker, with two, and, for what Ray itself costs, in a single process
with one thread. The ratio is that of whole runs, from the start of the program to its end; beside it that of what is
left when a run over one sentence, which is all start, is taken off. The outputs of one worker and of two are compared
byte by byte (not with --adapt, where they are rounded otherwise).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from measuring import Row, arguments, median_ratio, save, take_turns, tell
from subjects import target_texts

ONE, TWO, LOCAL = "1 worker", "2 workers", "one process, without Ray"


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--sentences", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--shard-size", type=float, default=1, help="MiB")
    options.add_argument("--adapt", action="store_true")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.sentences = 2000
    more = ["--adapt"] if chosen.adapt else []
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder, "one.txt"), Path(folder, "many.txt")
        texts = cycle(target_texts())
        one.write_text(next(texts) + "\n", encoding="utf-8")
        many.write_text("".join(f"{text}\n" for text in islice(texts, chosen.sentences)), encoding="utf-8")

        def tagging(name: str, text: Path, *arguments: str) -> Callable[[int], None]:
            return lambda number: _tag(text, Path(folder, f"{name} {number}"), [*arguments, *more])

        ray = ["--engine", "ray", "--shard-size", str(chosen.shard_size), "--workers"]
        runs = {LOCAL: tagging(LOCAL, many, "--to", "jsonl")}
        for workers, name in enumerate((ONE, TWO), 1):
            runs[f"{name}, start"] = tagging(f"{name}, start", one, *ray, str(workers))
            runs[name] = tagging(name, many, *ray, str(workers))
        seconds = take_turns(runs, chosen.rounds, warm=())
        same = _content(Path(folder, f"{ONE} 1")) == _content(Path(folder, f"{TWO} 1"))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    without_start = (medians[ONE] - medians[f"{ONE}, start"]) / (medians[TWO] - medians[f"{TWO}, start"])
    equal = "" if chosen.adapt else f", outputs {'equal' if same else 'differ'}"
    subject = f"{chosen.sentences:,} sentences" + ", adapted" * chosen.adapt
    notes = {
        ONE: f"{medians[ONE]:.0f} s, of which {medians[f'{ONE}, start']:.0f} s start",
        TWO: f"{medians[TWO]:.0f} s; without the start {without_start:.2f}{equal}",
        LOCAL: f"{medians[LOCAL]:.0f} s",
    }
    rows = [
        tell(Row(subject, name, "speed", ONE, median_ratio(seconds[ONE], seconds[name]),
                 least=1.7 if name == TWO and not chosen.adapt else None, note=note))
        for name, note in notes.items()
    ]  # fmt: skip
    cores = len(os.sched_getaffinity(0))
    save(chosen, "ray_scaling", rows, cores=cores, shard_mib=chosen.shard_size, seconds=seconds)


def _tag(path: Path, out: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "salin", "tag", path, "--format", "lines", "--out", out, *arguments]
    subprocess.run(  # noqa: S603
        list(map(str, command)), check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL
    )


def _content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("part-*")))


if __name__ == "__main__":
    main()
