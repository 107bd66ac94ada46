"""Runs the benchmarks one after another, then prints their one table.

python benchmarks/run.py                          # all of them: some hours, on a machine that does nothing else
python benchmarks/run.py retrieval meta_step      # these
python benchmarks/run.py --quick                  # all with small numbers, for trying them: minutes; keeps nothing
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import RESULTS

HERE = Path(__file__).resolve().parent
BENCHMARKS = (
    "adaptation_price", "same_tags", "meta_step", "plain_tagging", "onnx_tagging", "retrieval", "tag_memory",
    "ray_scaling", "training_attention", "episode_step", "byte_throughput", "wikipedia_memory", "fisher",
    "kept_rank", "support_loss",
)  # fmt: skip


def main() -> None:
    """Runs them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("benchmark", nargs="*", choices=[*BENCHMARKS, []], help="all unless named")
    options.add_argument("--quick", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as tried:
        results = Path(tried) if chosen.quick else RESULTS
        for number, name in enumerate(chosen.benchmark or BENCHMARKS, 1):
            print(f"\n{number} of {len(chosen.benchmark or BENCHMARKS)}: {name}", flush=True)
            command = [sys.executable, HERE / f"{name}.py", "--results", results, *["--quick"] * chosen.quick]
            subprocess.run(list(map(str, command)), check=True)  # noqa: S603
        subprocess.run([sys.executable, str(HERE / "table.py"), "--results", str(results)], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
