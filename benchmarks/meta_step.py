"""A step of meta-training: 32 pseudo-tasks at once, one after another, and the published way. On CPU.

    python benchmarks/meta_step.py                    # writes results/benchmarks/meta_step.json
    python benchmarks/meta_step.py --quick            # one round of the bundled encoder, for trying it

A step is all that makes the meta-gradient: two inner steps on each task's supports, the query's loss with the stepped
weights, its gradient at the shared ones; without the optimiser's update, which is the same for all. The network is in
the mode, and has the attention, that it has in training: in bf16 under autocast, as the recipes train, and in fp32.
Tasks are real ones: CoNLL-2003 English where ../shared/data is, else the open corpus. The sequential engine takes the
same rule in the same numbers, and pads each task to its own longest window; `published` is `official.py`: 128 pieces
whatever the length, bertadam in fp32, weights copied back. Each round is another step of a run; steps are of sentences
of like length, and differ. What is compared is processor time; operations are those of the matrix products of the first
of these steps; memory is what a process of its own needs at its peak beyond what it has before the step.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from measuring import Row, arguments, median_ratio, peak_memory, save, take_turns, tell
from subjects import ENCODERS, make_tagger, official_model, source
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from salin.adaptation import official
from salin.adaptation.engines import SequentialAdaptation, SequentialTask, find_adaptable
from salin.adaptation.official_windows import label_names, windows
from salin.adaptation.rules import make_rule
from salin.encoding import collate
from salin.models import Tagger
from salin.models.attention import training_attention
from salin.models.labelled import gold_of
from salin.models.losses import task_losses
from salin.training.loop import LoopSettings
from salin.training.meta import MetaBatches, MetaSettings
from salin.training.objectives import MetaObjective

TASKS, MAX_WEIGHT = 32, 0.5
OURS, SEQUENTIAL, PUBLISHED = "all tasks at once", "sequential engine, padding fitted", "published way"
LEAST = 4
ROUNDS = {"salin-tiny": 15, "mbert-sized": 3}
SENTENCES = 2000  # to draw tasks and supports from; more would change nothing but the time that the index takes


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--encoder", choices=ENCODERS, action="append")
    options.add_argument("--rounds", type=int, help="15 of the bundled encoder and 3 of the large one")
    options.add_argument("--memory-of", metavar="ROW", help="one step of this row alone; prints its megabytes")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.encoder, chosen.rounds = chosen.encoder or ["salin-tiny"], 1
    encoders = chosen.encoder or ENCODERS
    if chosen.memory_of:
        step = _steps(make_tagger(encoders[0]))[chosen.memory_of]
        with peak_memory() as peak:
            step(1)
        sys.stdout.write(f"{peak.more}\n")
        return
    rows = [tell(row) for encoder in encoders for row in _rows(encoder, chosen.rounds or ROUNDS[encoder])]
    save(chosen, "meta_step", rows)


def _rows(encoder: str, rounds: int) -> Iterator[Row]:
    steps = _steps(make_tagger(encoder))
    # Only what is quick needs to warm up.
    seconds = take_turns(steps, rounds, clock=time.process_time, warm=[name for name in steps if name.endswith(OURS)])
    for name, taken in seconds.items():
        rule, dtype, way = name.split("/")
        megabytes, each, operations = _memory_of(encoder, name), statistics.median(taken), _operations(steps[name])
        yield Row(
            f"{encoder}, threads: {torch.get_num_threads()}, a step of {TASKS} tasks", OURS, "speed", way,
            median_ratio(taken, seconds[f"{rule}/{dtype}/{OURS}"]), rule, dtype,
            least=LEAST if way == SEQUENTIAL else None,
            note=f"{each:.1f} s, {operations:.1e} operations, {megabytes:.0f} MB" + " of the reference" * (way != OURS),
            more={
                "seconds of the reference": taken, "megabytes of the reference": megabytes,
                "operations of the reference": operations,
            },
        )  # fmt: skip


def _steps(tagger: Tagger) -> dict[str, Callable[[int], None]]:
    """What takes the step of a number, by row."""
    known = source(tagger.labels)[:SENTENCES]
    frozen = tagger.network.classifier.config.num_hidden_layers // 3  # as `train_meta` has it
    tagger.settings = tagger.settings.model_copy(update={"frozen_blocks": frozen})
    steps: dict[str, Callable[[int], None]] = {}
    for rule in ("sgd", "bertadam"):
        loop = LoopSettings(steps=1000, learning_rate=1e-4, schedule="constant", warmup=0)
        settings = MetaSettings(loop=loop, batch=TASKS, rule=rule, max_weight=MAX_WEIGHT)
        batches = MetaBatches.of(tagger, [known], settings)
        for dtype in ("bf16", "fp32"):
            steps[f"{rule}/{dtype}/{OURS}"] = _ours(tagger, batches, settings, dtype)
            steps[f"{rule}/{dtype}/{SEQUENTIAL}"] = _sequential(tagger, batches, settings, dtype)
    steps[f"bertadam/fp32/{PUBLISHED}"] = _published(tagger, batches)
    return steps


def _ours(tagger: Tagger, batches: MetaBatches, settings: MetaSettings, dtype: str) -> Callable[[int], None]:
    network, modules = tagger.network, find_adaptable(tagger.network, tagger.settings.frozen_blocks).modules
    rate, inner = settings.resolved_inner_rate, settings.inner_steps
    objective = MetaObjective(modules, settings.rule, rate, inner, settings.max_weight, settings.loss_aggregation)

    def step(number: int) -> None:
        batch = batches(number)
        assert batch is not None
        with training_attention(network.train().classifier, tagger.settings.max_length, dtype):
            for portion in batch.portions():
                with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
                    losses = objective(network, portion)
                losses["loss"].backward()
        network.zero_grad()

    return step


def _sequential(tagger: Tagger, batches: MetaBatches, settings: MetaSettings, dtype: str) -> Callable[[int], None]:
    network, modules = tagger.network, find_adaptable(tagger.network, tagger.settings.frozen_blocks).modules
    rule = make_rule(settings.rule, settings.resolved_inner_rate)
    engine = SequentialAdaptation(network, modules, rule, batches.pad, settings.inner_steps, settings.max_weight)

    def step(number: int) -> None:
        # Weights change within it, so that what autocast remembered of them would be wrong.
        numbers = torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16", cache_enabled=False)
        with training_attention(network.train().classifier, tagger.settings.max_length, dtype), numbers:
            for task in batches.tasks(number):
                (support, known), (query, wanted) = (zip(*pairs, strict=True) for pairs in (task.support, task.query))
                alone = SequentialTask(support, gold_of(support, known, [0] * len(support), 1), query)
                with engine.adapted(alone):
                    batch = collate(query, batches.pad)
                    emissions = batch.at_words(network(batch.input_ids, batch.attention_mask))
                    gold = gold_of(query, wanted, [0] * len(query), 1)
                    (task_losses(network, emissions, gold, settings.max_weight).sum() / TASKS).backward()
        network.zero_grad()

    return step


def _published(tagger: Tagger, batches: MetaBatches) -> Callable[[int], None]:
    """`official.py` on the same encoder, blocks and sentences, with the head of 13 labels that it has."""
    names = label_names()
    model = official_model(tagger, len(names))
    sentences = batches.examples.labelled.sentences
    cut = windows(((s.tokens, s.tags()) for s in sentences), tagger.tokenizer, names)

    def step(number: int) -> None:
        # A window is a sentence but for the few that are longer than 128 pieces.
        tasks = [(cut[[i]], cut[list(batches.neighbours[i])]) for i in batches.epochs(number)]
        official.meta_gradient(model, tasks, max_weight=MAX_WEIGHT)

    return step


def _operations(step: Callable[[int], None]) -> int:
    """Floating-point operations of the matrix products of the first step: what no batching saves."""
    with _Operations() as counted:
        step(1)
    return counted.total


class _Operations(TorchDispatchMode):
    """Counts them as torch's FlopCounterMode does, which cannot follow a graph that begins inside of a network."""

    total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func.overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def _memory_of(encoder: str, row: str) -> float:
    command = [sys.executable, __file__, "--encoder", encoder, "--memory-of", row]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


if __name__ == "__main__":
    main()
