"""Fisher information: each sentence's own gradients out of a batch's factors, beside one sentence at a time. On CPU.

    python benchmarks/fisher.py                  # writes results/benchmarks/fisher.json
    python benchmarks/fisher.py --quick          # a few sentences, for trying it

Both are exact, which is checked. The sentences are the first ones of CoNLL-2003 English where ../shared/data is, else
of the open corpus. A byte-level network, whose layers recur, has no factors: it always goes one sentence at a time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from unittest.mock import patch

import torch
from measuring import Row, arguments, median_ratio, save, take_turns, tell
from subjects import make_tagger, source
from torch import Tensor

from salin.analysis import example_gradients
from salin.analysis.example_gradients import ExampleGradients
from salin.analysis.fisher import fisher_information
from salin.models import Tagger
from salin.models.labelled import LabelledSentences

OURS, ALONE = "factors of a batch", "one sentence at a time"
# Sentences.
SUBJECTS = {"salin-tiny": 256, "mbert-sized": 32, "byte-bilstm": 64}


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    rows: list[Row] = []
    for subject, most in SUBJECTS.items():
        tagger = _tagger(subject)
        count = 8 if chosen.quick else most
        labelled = LabelledSentences.from_corpora([source(tagger.labels)[:count]], tagger.settings)
        ways = _ways(tagger, labelled)
        if OURS in ways:
            _check_same(*(way(0) for way in ways.values()))
        seconds = take_turns(ways, 1 if chosen.quick else chosen.rounds)
        for name, taken in seconds.items():
            ratio = median_ratio(seconds[ALONE], taken)
            note = f"{1e3 * statistics.median(taken) / count:.1f} ms a sentence"
            where = f"{subject}, threads: {torch.get_num_threads()}, {count} sentences"
            rows.append(tell(Row(where, name, "speed", ALONE, ratio, note=note, more={"seconds": taken})))
    save(chosen, "fisher", rows, rounds=chosen.rounds)


def _tagger(subject: str) -> Tagger:
    torch.manual_seed(0)
    labels = ["LOC", "MISC", "ORG", "PER"]
    return Tagger.on_encoder(subject, labels) if subject == "byte-bilstm" else make_tagger(subject)


def _ways(tagger: Tagger, labelled: LabelledSentences) -> dict[str, Callable[[int], dict[str, Tensor]]]:
    chosen = range(len(labelled))

    def alone(number: int) -> dict[str, Tensor]:
        with patch.object(example_gradients, "_separable", lambda network: ()):
            return fisher_information(tagger, labelled, chosen)

    if not ExampleGradients(tagger.network).batched:
        return {ALONE: alone}
    return {ALONE: alone, OURS: lambda number: fisher_information(tagger, labelled, chosen)}


def _check_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    # Of some parameters (a key's bias) all gradients are nothing but rounding.
    least = 1e-10 * max(float(values.max()) for values in one.values())
    for name, values in one.items():
        torch.testing.assert_close(other[name], values, rtol=0, atol=1e-4 * float(values.max()) + least, msg=name)


if __name__ == "__main__":
    main()
