"""Whether the memory of `salin tag FILE` stays flat: its resident size while it tags a file of so many megabytes.

    python benchmarks/tag_memory.py                     # writes results/benchmarks/tag_memory.json
    python benchmarks/tag_memory.py --quick             # two megabytes, for trying it
    python benchmarks/tag_memory.py --model salin-tiny --megabytes 100

The file is made of the sentences of the Spanish CoNLL-2002 test set where ../shared/data is, else of the bundled open
corpus, over and over, one a line with a blank line now and then. `rules:tl` reads, splits and writes alone, which is
quick enough for 2 GB. The size is taken twice a second. What counts is the largest of the last half of the run as a
multiple of the largest of the second quarter: the first holds the start.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import cycle
from pathlib import Path

from measuring import Row, arguments, growth, save, tell, watch_memory
from subjects import target_texts

PARAGRAPH = 40


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--megabytes", type=float, action="append", help="2000 for rules:tl and 20 for salin-tiny")
    options.add_argument("--model", action="append", help="each goes with the --megabytes in the same place")
    chosen = options.parse_args()
    pairs = list(zip(chosen.model or ["rules:tl", "salin-tiny"], chosen.megabytes or [2000, 20], strict=True))
    if chosen.quick:
        pairs = [("rules:tl", 2), ("salin-tiny", 0.2)]
    save(chosen, "tag_memory", [tell(_watched(model, megabytes)) for model, megabytes in pairs])


def _watched(model: str, megabytes: float) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        lines = _write(text, int(megabytes * 1e6))
        command = [sys.executable, "-m", "salin", "tag", text, "--model", model, "--language", "es", "--format", "text"]
        sizes, seconds = watch_memory([*command, "--out", Path(folder, "out.jsonl")])
    return Row(
        f"{megabytes:,g} MB of text", f"salin tag --model {model}", "memory", "its second quarter", growth(sizes),
        most=1.05, note=f"last half; {max(sizes):.0f} MB at its peak, {lines:,} lines, {seconds:,.0f} s",
        # A hundred of the sizes show the course as well as all do.
        more={"megabytes": [round(size, 1) for size in sizes[:: max(1, len(sizes) // 100)]]},
    )  # fmt: skip


def _write(path: Path, size: int) -> int:
    """Writes lines until the file has a size, and says how many."""
    written = count = 0
    with path.open("wb") as file:
        for text in cycle(target_texts()):
            count += 1
            written += file.write((text + ("\n\n" if count % PARAGRAPH == 0 else "\n")).encode())
            if written >= size:
                return count
    return count


if __name__ == "__main__":
    main()
