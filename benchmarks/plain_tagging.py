"""What plain tagging costs beside `transformers.pipeline`, text in, entities out, and whether it grows with the text.

    python benchmarks/plain_tagging.py                    # writes results/benchmarks/plain_tagging.json
    python benchmarks/plain_tagging.py --quick            # a few sentences, for trying it; writes nothing

The texts are the sentences of the Spanish CoNLL-2002 test set where ../shared/data is, else of the bundled open corpus.
The reference is `pipeline("token-classification", batch_size=32, aggregation_strategy="simple")` in fp32 with the same
weights, which cuts off what does not fit. The rows take turns, each round is divided by the reference in the same
round, and the median of the rounds is what counts: `times` by the clock, `times (processor)` by processor time, which
other work on the machine disturbs less. Agreement is with salin in fp32, as `salin export` has it. The mBERT-sized
tagger has 12 blocks of 768, random weights and the bundled vocabulary (the size of a vocabulary costs nothing here), so
that its agreement says how far rounding moves scores, not how good its tags are.

Growth is measured in a process of its own for each size, on the same texts over and over.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import psutil
import torch
from transformers import BertConfig, BertModel, pipeline

from salin.corpus import Sentence, read
from salin.errors import SettingError
from salin.evaluation.records import Environment
from salin.files import write_json
from salin.models import Tagger
from salin.models.agreement import compare_taggers
from salin.models.loading import load_tokenizer, quiet, resolve

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "results" / "benchmarks" / "plain_tagging.json"
SPANISH = ROOT.parent / "shared" / "data" / "ner" / "conll2002" / "es" / "test.conll"
REFERENCE = "pipeline, batches of 32, fp32"
GATE = 2.5


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--encoder", choices=["salin-tiny", "mbert-sized"], action="append")
    options.add_argument("--threads", type=int, action="append", help="1 and all cores by default; give it again")
    options.add_argument("--sentences", type=int, default=1000, help="for salin-tiny; a fifth of it for mbert-sized")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--growth", type=int, action="append", help="1k, 10k and 100k sentences by default")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path, default=OUT)
    options.add_argument("--grow", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    sentences = [s for s in read(SPANISH if SPANISH.exists() else "open-corpus/es/test").sentences if s.words]
    if chosen.grow is not None:
        print(json.dumps(_grown(chosen.grow, sentences)))
        return
    if chosen.quick:
        chosen.sentences, chosen.rounds, chosen.growth = 100, 1, [200, 400]
    cores = len(os.sched_getaffinity(0))
    rows = [
        row
        for encoder in chosen.encoder or ["salin-tiny", "mbert-sized"]
        for threads in chosen.threads or sorted({1, cores})
        for row in _rows(
            encoder, threads, sentences[: chosen.sentences // (1 if encoder == "salin-tiny" else 5)], chosen.rounds
        )
    ]
    growth = [_in_own_process(size) for size in chosen.growth or [1_000, 10_000, 100_000]]
    if not chosen.quick:
        environment = {**Environment.here().model_dump(), "processor": torch.cpu.get_capabilities()["cpu_name"]}
        write_json(chosen.out, {"rounds": chosen.rounds, "environment": environment, "rows": rows, "growth": growth})


def _rows(encoder: str, threads: int, sentences: Sequence[Sentence], rounds: int) -> Iterator[dict]:
    torch.set_num_threads(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"
    tagger = Tagger.from_pretrained("salin-tiny") if encoder == "salin-tiny" else _mbert_sized()
    texts = [sentence.text for sentence in sentences]
    print(f"\n{encoder}, {threads} threads, {len(texts)} sentences; how many times as quick as {REFERENCE}")
    others = dict(_others(tagger, sentences))
    reference = pipeline(
        "token-classification", model=tagger.network.classifier, tokenizer=tagger.tokenizer, batch_size=32,
        aggregation_strategy="simple", device="cpu",
    )  # fmt: skip
    runs: dict[str, Callable[[], object]] = {REFERENCE: lambda: reference(texts)}
    runs |= {name: lambda t=t: t.tag(texts, language="es") for name, t in (("salin, fp32", tagger), *others.items())}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        for name, run in runs.items():
            clock, processor = time.perf_counter(), time.process_time()
            run()
            if round_:  # the first one warms up
                taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
    for name in runs:
        times, on_processor = (
            statistics.median(theirs[of] / ours[of] for theirs, ours in zip(taken[REFERENCE], taken[name], strict=True))
            for of in (0, 1)
        )
        row = {
            "encoder": encoder, "threads": threads, "sentences": len(texts), "row": name, "reference": REFERENCE,
            "times": times, "times (processor)": on_processor, "gate": GATE if name == "salin, fp32" else None,
            "milliseconds a sentence": 1e3 * statistics.median(clock for clock, _ in taken[name]) / len(texts),
        }  # fmt: skip
        if name in others:
            agreement = compare_taggers(tagger, others[name], sentences)
            row["same tag by word"], row["same entities by sentence"] = agreement.by_word, agreement.by_sentence
        agrees = f"  {row['same tag by word']:.2%} of words have the same tag" if name in others else ""
        print(f"  {name:32} {times:5.2f}  (processor {on_processor:5.2f}){agrees}")
        yield row


def _others(tagger: Tagger, sentences: Sequence[Sentence]) -> Iterator[tuple[str, Tagger]]:
    """The same weights in other ways, as far as the machine knows them."""
    try:
        yield (
            "salin, bf16",
            Tagger(tagger.network, tagger.tokenizer, tagger.settings, on_overflow="window", precision="bf16"),
        )
    except SettingError as error:
        print(f"  no row for bf16: {error}")
    try:
        from salin.models.export import export_onnx

        for dtype in ("fp32", "int8"):
            with tempfile.TemporaryDirectory() as folder:
                # What a few sentences say is no more than that it is the same network.
                export_onnx(tagger, Path(folder, "export"), sentences[:50], dtype=dtype, min_agreement=0.01)
                yield f"salin, onnx {dtype}", Tagger.from_pretrained(Path(folder, "export"))
    except SettingError as error:
        print(f"  no rows for ONNX: {error}")


def _mbert_sized() -> Tagger:
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve("salin-tiny-encoder"))
    with tempfile.TemporaryDirectory() as folder, quiet():
        BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return Tagger.on_encoder(folder, ["LOC", "MISC", "ORG", "PER"])


def _in_own_process(size: int) -> dict:
    command = [sys.executable, __file__, "--grow", str(size)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    ran = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
    row = json.loads(ran.stdout.splitlines()[-1])
    print(
        f"{size:>8,} sentences: {row['milliseconds a sentence']:.2f} ms each (processor "
        f"{row['processor milliseconds a sentence']:.2f}), {row['megabytes at its peak']:.0f} MB at its peak, "
        f"{row['megabytes more than before']:.0f} more than before"
    )
    return row


def _grown(size: int, sentences: Sequence[Sentence]) -> dict:
    tagger = Tagger.from_pretrained("salin-tiny")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    before = psutil.Process().memory_info().rss
    clock, processor = time.perf_counter(), time.process_time()
    for _ in tagger.tag(islice(cycle(sentence.text for sentence in sentences), size), language="es"):
        pass
    seconds, on_processor = time.perf_counter() - clock, time.process_time() - processor
    peak = _peak()
    return {
        "sentences": size,
        "milliseconds a sentence": 1e3 * seconds / size,
        "processor milliseconds a sentence": 1e3 * on_processor / size,
        "megabytes at its peak": peak / 1e6,
        "megabytes more than before": (peak - before) / 1e6,
    }


def _peak() -> int:
    """The most bytes since the peak was reset; what `resource` says holds those of the process that started this."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
