"""A training step of the bundled encoder with plain and with torch's fused attention, on CPU in bf16.

    python benchmarks/training_attention.py            # writes results/benchmarks/training_attention.json

Shows what `salin.models.attention.training_attention` is worth: the ratio of the medians of interleaved steps.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

from salin.evaluation.records import Environment
from salin.files import write_json
from salin.models import Tagger

OUT = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "training_attention.json"
SHAPES = ((32, 24), (32, 48), (32, 128))
REPEATS = 15


def main() -> None:
    """Runs it and writes the result."""
    torch.manual_seed(0)
    network = Tagger.on_encoder("salin-tiny-encoder", ["LOC", "ORG", "PER"]).network.train()
    rows = []
    for count, length in SHAPES:
        ids = torch.randint(5, 1000, (count, length))
        seconds: dict[str, list[float]] = {"eager": [], "sdpa": []}
        for repeat in range(REPEATS + 2):
            for implementation, taken in seconds.items():
                network.classifier.set_attn_implementation(implementation)
                started = time.perf_counter()
                with torch.autocast("cpu", torch.bfloat16):
                    loss = network(ids, torch.ones_like(ids)).float().logsumexp(-1).mean()
                loss.backward()
                network.zero_grad()
                if repeat >= 2:  # the first ones warm up
                    taken.append(time.perf_counter() - started)
        medians = {name: statistics.median(taken) for name, taken in seconds.items()}
        ratio = medians["eager"] / medians["sdpa"]
        rows.append({"rows": count, "pieces": length, **medians, "ratio": ratio})
        print(f"{count} rows of {length} pieces: plain takes {ratio:.2f} times as long as fused")
    threads = torch.get_num_threads()
    write_json(OUT, {"threads": threads, "environment": Environment.here().model_dump(), "rows": rows})


if __name__ == "__main__":
    main()
