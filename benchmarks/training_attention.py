"""A training step with plain and with torch's fused attention: the bundled encoder and a small decoder. On CPU.

    python benchmarks/training_attention.py            # writes results/benchmarks/training_attention.json
    python benchmarks/training_attention.py --quick

Shows what `salin.models.attention.training_attention` chooses between: plain attention in bf16 for rows of up to 256
pieces, fused attention elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from measuring import Row, arguments, median_ratio, save, take_turns, tell
from transformers import PreTrainedModel

from salin.models import Tagger
from salin.models.attention import PLAIN
from salin.models.loading import load_tokenizer, resolve
from salin.pretraining.presets import build

# Subject, rows, pieces a row, precision.
CASES = (
    *(("salin-tiny", 32, length, "bf16") for length in (24, 48, 128)),
    ("decoder-cpu", 32, 128, "bf16"),
    ("decoder-cpu", 2, 2048, "bf16"),
    ("salin-tiny", 32, 48, "fp32"),
    ("decoder-cpu", 32, 128, "fp32"),
)
# Pieces a row that take no more than a moment.
_QUICK = 128


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    torch.manual_seed(0)
    models = {
        "salin-tiny": Tagger.on_encoder("salin-tiny-encoder", ["LOC", "ORG", "PER"]).network.classifier.base_model,
        "decoder-cpu": build("decoder-cpu", load_tokenizer(resolve("salin-tiny-encoder"))).base_model,
    }
    rows = []
    cases = [case for case in CASES if not chosen.quick or case[2] <= _QUICK]
    for subject, count, length, dtype in cases:
        runs = {name: _step(models[subject].train(), name, count, length, dtype) for name in (PLAIN, "sdpa")}
        seconds = take_turns(runs, 2 if chosen.quick else 15)
        where = f"{subject}, threads: {torch.get_num_threads()}, {count} rows of {length} pieces"
        ratio = median_ratio(seconds["sdpa"], seconds[PLAIN])
        rows.append(tell(Row(where, "training step, plain attention", "speed", "fused attention", ratio, dtype=dtype)))
    save(chosen, "training_attention", rows)


def _step(model: PreTrainedModel, implementation: str, count: int, length: int, dtype: str) -> Callable[[int], None]:
    ids = torch.randint(5, 1000, (count, length))

    def step(number: int) -> None:
        model.set_attn_implementation(implementation)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        states.float().sum().backward()
        model.zero_grad()

    return step


if __name__ == "__main__":
    main()
