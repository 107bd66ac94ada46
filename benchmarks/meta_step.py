"""A step of meta-training: 32 pseudo-tasks at once, one after another, and the published way. fp32 on CPU.

    python benchmarks/meta_step.py                    # writes results/benchmarks/meta_step.json
    python benchmarks/meta_step.py --encoder mbert-sized --rounds 1

A step is all that makes the meta-gradient: two inner steps on each task's supports, the query's loss with the stepped
weights, its gradient at the shared ones; without the optimiser's update, which is the same for all. Tasks are real
ones: CoNLL-2003 English where ../shared/data is, else the open corpus. The sequential engine takes the same rule, and
pads each task to its own longest window; `published` is `official.py`: 128 pieces whatever the length, bertadam,
weights copied back. The rows take turns in each round, each is divided by ours of the same rule in that round, and the
median of the rounds counts. Memory is what a process of its own needs at its peak beyond what it has before the step.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from subjects import RESULTS, corpora, make_tagger
from torch import nn

from salin.adaptation import official
from salin.adaptation.engines import SequentialAdaptation, SequentialTask, find_adaptable
from salin.adaptation.official_windows import label_names, windows
from salin.adaptation.rules import make_rule
from salin.encoding import collate
from salin.evaluation.records import Environment
from salin.files import write_json
from salin.models import Tagger
from salin.models.labelled import gold_of
from salin.models.losses import task_losses
from salin.training.loop import LoopSettings
from salin.training.meta import MetaBatches, MetaSettings
from salin.training.objectives import MetaObjective

OUT = RESULTS / "meta_step.json"
TASKS, MAX_WEIGHT = 32, 0.5
SENTENCES = 2000  # to draw tasks and supports from; more would change nothing but the time that the index takes


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--encoder", choices=["salin-tiny", "mbert-sized"], action="append")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--memory-of", metavar="ROW", help="one step of this row alone; prints its megabytes")
    chosen = options.parse_args()
    encoders = chosen.encoder or ["salin-tiny", "mbert-sized"]
    if chosen.memory_of:
        sys.stdout.write(f"{_megabytes(_steps(make_tagger(encoders[0]))[chosen.memory_of])}\n")
        return
    tables = []
    for encoder in encoders:
        rows = _timed(_steps(make_tagger(encoder)), chosen.rounds)
        print(f"\n{encoder}, {torch.get_num_threads()} threads, a step of {TASKS} tasks")
        for row in rows:
            row["megabytes"] = _memory_of(encoder, row["row"])
            print(f"  {row['row']:36} {row['ratio']:6.2f} x ours   {row['seconds']:7.2f} s {row['megabytes']:6} MB")
        tables.append({"encoder": encoder, "tasks": TASKS, "rows": rows})
    threads = torch.get_num_threads()
    write_json(OUT, {"threads": threads, "environment": Environment.here().model_dump(), "tables": tables})


def _steps(tagger: Tagger) -> dict[str, Callable[[int], None]]:
    """What takes the step of a number, by row."""
    source, _ = corpora(tagger.labels)
    steps: dict[str, Callable[[int], None]] = {}
    for rule in ("sgd", "bertadam"):
        loop = LoopSettings(steps=1000, learning_rate=1e-4, schedule="constant", warmup=0)
        settings = MetaSettings(loop=loop, batch=TASKS, rule=rule, max_weight=MAX_WEIGHT)
        batches = MetaBatches.of(tagger, [source[:SENTENCES]], settings)
        steps[f"{rule}: ours"] = _ours(tagger, batches, settings)
        steps[f"{rule}: sequential, padding fitted"] = _sequential(tagger, batches, settings)
    steps["bertadam: published way"] = _published(tagger, batches)
    return steps


def _ours(tagger: Tagger, batches: MetaBatches, settings: MetaSettings) -> Callable[[int], None]:
    modules = find_adaptable(tagger.network).modules
    rate, inner = settings.resolved_inner_rate, settings.inner_steps
    objective = MetaObjective(modules, settings.rule, rate, inner, settings.max_weight, settings.loss_aggregation)

    def step(number: int) -> None:
        batch = batches(number)
        assert batch is not None
        objective(tagger.network, batch)["loss"].backward()
        tagger.network.zero_grad()

    return step


def _sequential(tagger: Tagger, batches: MetaBatches, settings: MetaSettings) -> Callable[[int], None]:
    network, modules = tagger.network, find_adaptable(tagger.network).modules
    rule = make_rule(settings.rule, settings.resolved_inner_rate)
    engine = SequentialAdaptation(network, modules, rule, batches.pad, settings.inner_steps, settings.max_weight)

    def step(number: int) -> None:
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
    model = copy.deepcopy(tagger.network.classifier)
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    official.freeze(model, 0)
    for block in model.base_model.encoder.layer[: model.config.num_hidden_layers // 3]:
        block.requires_grad_(False)
    sentences = batches.examples.labelled.sentences
    source = windows(((s.tokens, s.tags()) for s in sentences), tagger.tokenizer, names)

    def step(number: int) -> None:
        # A window is a sentence but for the few that are longer than 128 pieces.
        tasks = [(source[[i]], source[list(batches.neighbours[i])]) for i in batches.epochs(number)]
        official.meta_gradient(model, tasks, max_weight=MAX_WEIGHT)

    return step


def _timed(steps: dict[str, Callable[[int], None]], rounds: int) -> list[dict]:
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            if round_ == 0 and name != "sgd: ours" and name != "bertadam: ours":
                continue  # only what is quick needs to warm up
            started = time.perf_counter()
            step(round_)
            if round_:
                seconds[name].append(time.perf_counter() - started)
    rows = []
    for name, taken in seconds.items():
        ours = seconds[f"{name.partition(':')[0]}: ours"]
        ratios = [theirs / mine for theirs, mine in zip(taken, ours, strict=True)]
        rows.append(
            {"row": name, "ratio": statistics.median(ratios), "ratios": ratios, "seconds": statistics.median(taken)}
        )
    return rows


def _memory_of(encoder: str, row: str) -> int:
    command = [sys.executable, __file__, "--encoder", encoder, "--memory-of", row]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def _megabytes(step: Callable[[int], None]) -> int:
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of what came before; Linux
    before = _status("VmRSS")
    step(1)
    return round((_status("VmHWM") - before) / 1024)


def _status(name: str) -> int:
    """A line of this process's status, in kilobytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
