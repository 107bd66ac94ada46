"""What plain tagging costs beside `transformers.pipeline`, text in, entities out, and whether it grows with the text.

    python benchmarks/plain_tagging.py                    # writes results/benchmarks/plain_tagging.json
    python benchmarks/plain_tagging.py --quick            # a few sentences, for trying it

The texts are the sentences of the Spanish CoNLL-2002 test set where ../shared/data is, else of the bundled open corpus.
The reference is `pipeline("token-classification", batch_size=32, aggregation_strategy="simple")` in fp32 with the same
weights, which cuts off what does not fit. Ratios are by the clock; beside them those by processor time, which other
work on the machine disturbs less. Agreement is with salin in fp32, as `salin export` has it. The mBERT-sized tagger has
12 blocks of 768, random weights and the bundled vocabulary (the size of a vocabulary costs nothing here), so that its
agreement says how far rounding moves scores, not how good its tags are.

Growth is measured in a process of its own for each size, on the same texts over and over.
"""

from __future__ import annotations

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

import torch
from measuring import Row, arguments, median_ratio, peak_memory, save, take_turns, tell
from subjects import ENCODERS, make_tagger, target, target_texts
from transformers import pipeline

from salin.corpus import Sentence
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.agreement import compare_taggers

PIPELINE = "transformers.pipeline, batches of 32, fp32"
SALIN = "salin"


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--encoder", choices=ENCODERS, action="append")
    options.add_argument("--threads", type=int, action="append", help="1 and all cores by default; give it again")
    options.add_argument("--sentences", type=int, default=1000, help="for salin-tiny; a fifth of it for mbert-sized")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--growth", type=int, action="append", help="1k, 10k and 100k sentences by default")
    options.add_argument("--grow", type=int, help="this size alone, for a process of its own")
    chosen = options.parse_args()
    if chosen.grow is not None:
        print(json.dumps(_grown(chosen.grow)))
        return
    if chosen.quick:
        chosen.sentences, chosen.rounds, chosen.growth = 100, 1, [200, 400]
    cores = len(os.sched_getaffinity(0))
    sentences = [sentence for sentence in target() if sentence.words]
    rows = [
        tell(row)
        for encoder in chosen.encoder or ENCODERS
        for threads in chosen.threads or sorted({1, cores})
        for row in _beside_pipeline(
            encoder, threads, sentences[: chosen.sentences // (1 if encoder == "salin-tiny" else 5)], chosen.rounds
        )
    ]
    save(chosen, "plain_tagging", [*rows, *_growth(chosen.growth or [1_000, 10_000, 100_000])], rounds=chosen.rounds)


def _beside_pipeline(encoder: str, threads: int, sentences: Sequence[Sentence], rounds: int) -> Iterator[Row]:
    torch.set_num_threads(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"
    tagger = make_tagger(encoder)
    texts = [sentence.text for sentence in sentences]
    others = dict(_others(tagger, sentences))
    reference = pipeline(
        "token-classification", model=tagger.network.classifier, tokenizer=tagger.tokenizer, batch_size=32,
        aggregation_strategy="simple", device="cpu",
    )  # fmt: skip
    on_processor: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[], object]) -> Callable[[int], None]:
        def turn(number: int) -> None:
            started = time.process_time()
            run()
            if number:
                on_processor.setdefault(name, []).append(time.process_time() - started)

        return turn

    runs = {PIPELINE: timed(PIPELINE, lambda: reference(texts))}
    for name, other in ((SALIN, tagger), *others.items()):
        runs[name] = timed(name, lambda other=other: list(other.tag(texts, language="es")))
    seconds = take_turns(runs, rounds)
    for name in list(runs)[1:]:
        processor = median_ratio(on_processor[PIPELINE], on_processor[name])
        each = 1e3 * statistics.median(seconds[name]) / len(texts)
        note, more = f"{each:.2f} ms a sentence; by processor time {processor:.2f}", {}
        if name in others:
            agreement = compare_taggers(tagger, others[name], sentences)
            note += f"; {agreement.by_word:.2%} of words the same tag"
            more = {"same tag by word": agreement.by_word, "same entities by sentence": agreement.by_sentence}
        way, _, dtype = name.rpartition(", ") if name in others else (name, "", "fp32")
        yield Row(
            f"{encoder}, threads: {threads}, {len(texts)} sentences", way, "speed", PIPELINE,
            median_ratio(seconds[PIPELINE], seconds[name]), dtype=dtype,
            least=2.5 if name == SALIN else None, note=note,
            more={"milliseconds a sentence": each, "ratio by processor time": processor, **more},
        )  # fmt: skip


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
                yield f"salin, onnx, {dtype}", Tagger.from_pretrained(Path(folder, "export"))
    except SettingError as error:
        print(f"  no rows for ONNX: {error}")


def _growth(sizes: Sequence[int]) -> Iterator[Row]:
    """Time and memory for each sentence of more and more, beside those of the fewest."""
    found = {size: _in_own_process(size) for size in sizes}
    first = found[sizes[0]]
    for size in sizes:
        row = found[size]
        note = f"{row['milliseconds a sentence']:.2f} ms a sentence, {row['megabytes at its peak']:.0f} MB at its peak"
        for measure, key in (("time", "processor milliseconds a sentence"), ("memory", "megabytes at its peak")):
            yield tell(Row(
                "salin-tiny, 1 thread, for each sentence" if measure == "time" else "salin-tiny, 1 thread, at its peak",
                f"{size:,} sentences", measure, f"{sizes[0]:,} sentences", row[key] / first[key], note=note, more=row,
            ))  # fmt: skip


def _in_own_process(size: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--grow", str(size)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    ran = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
    return json.loads(ran.stdout.splitlines()[-1])


def _grown(size: int) -> dict[str, float]:
    tagger = make_tagger("salin-tiny")
    texts = islice(cycle(target_texts()), size)
    with peak_memory() as peak:
        clock, processor = time.perf_counter(), time.process_time()
        for _ in tagger.tag(texts, language="es"):
            pass
        seconds, on_processor = time.perf_counter() - clock, time.process_time() - processor
    return {
        "milliseconds a sentence": 1e3 * seconds / size,
        "processor milliseconds a sentence": 1e3 * on_processor / size,
        "megabytes at its peak": peak.most,
        "megabytes more than before": peak.more,
    }


if __name__ == "__main__":
    main()
