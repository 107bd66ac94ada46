"""A training step of the bundled encoder with plain and with torch's fused attention, on CPU in bf16.

    python benchmarks/training_attention.py            # writes results/benchmarks/training_attention.json
    python benchmarks/training_attention.py --quick

Shows what `salin.models.attention.training_attention` is worth.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from measuring import Row, arguments, median_ratio, save, take_turns, tell

from salin.models import Tagger
from salin.models.network import TaggingNetwork

SHAPES = ((32, 24), (32, 48), (32, 128))


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    torch.manual_seed(0)
    network = Tagger.on_encoder("salin-tiny-encoder", ["LOC", "ORG", "PER"]).network.train()
    rows = []
    for count, length in SHAPES:
        runs = {name: _step(network, name, count, length) for name in ("eager", "sdpa")}
        seconds = take_turns(runs, 2 if chosen.quick else 15)
        subject = f"salin-tiny, threads: {torch.get_num_threads()}, {count} rows of {length} pieces"
        ratio = median_ratio(seconds["sdpa"], seconds["eager"])
        rows.append(
            tell(Row(subject, "training step, plain attention", "speed", "fused attention", ratio, dtype="bf16"))
        )
    save(chosen, "training_attention", rows)


def _step(network: TaggingNetwork, implementation: str, count: int, length: int) -> Callable[[int], None]:
    ids = torch.randint(5, 1000, (count, length))

    def step(number: int) -> None:
        network.classifier.set_attn_implementation(implementation)
        with torch.autocast("cpu", torch.bfloat16):
            loss = network(ids, torch.ones_like(ids)).float().logsumexp(-1).mean()
        loss.backward()
        network.zero_grad()

    return step


if __name__ == "__main__":
    main()
