"""What exporting the bundled tagger to ONNX is worth, and what int8 costs: text in, entities out, on one thread.

    python benchmarks/onnx_tagging.py                 # writes results/benchmarks/onnx_tagging.json
    python benchmarks/onnx_tagging.py --quick

Tags 320 test sentences of the open corpus, 40 in each of its languages. `int8 by batch` is what onnxruntime's own
dynamic quantisation makes of the same graph. Agreement is with torch: words with the same tag, and sentences with the
same entities. `changed alone` are sentences that get other entities when they are tagged by themselves. Ratios are of
processor time.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from measuring import Row, arguments, median_ratio, save, take_turns, tell
from onnxruntime.quantization import QuantType, quantize_dynamic

from salin.corpus import Sentence, load_open_corpus
from salin.corpus.open_corpus import open_corpus_parts
from salin.models import Tagger
from salin.models.agreement import compare_taggers
from salin.models.export import export_onnx

TORCH = "torch"


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    each, rounds = (5, 1) if chosen.quick else (40, 5)
    torch.set_num_threads(1)
    tests = [language for language, split in open_corpus_parts() if split == "test"]
    sentences = [sentence for language in tests for sentence in load_open_corpus(language, "test").sentences[:each]]
    with tempfile.TemporaryDirectory() as folder:
        taggers, sizes = _taggers(Path(folder), sentences)
    runs = {
        name: lambda number, tagger=tagger: list(tagger.tag_sentences(sentences)) for name, tagger in taggers.items()
    }
    seconds = take_turns(runs, rounds, clock=time.process_time)
    rows = []
    for name, tagger in taggers.items():
        agreement, changed = compare_taggers(taggers[TORCH], tagger, sentences), _changed_alone(tagger, sentences)
        rows.append(Row(
            f"salin-tiny, 1 thread, {len(sentences)} sentences", name, "speed", TORCH,
            median_ratio(seconds[TORCH], seconds[name]), dtype="int8" if "int8" in name else "fp32",
            note=f"{sizes[name] / 1e6:.1f} MB, {agreement.by_word:.2%} of words the same tag, {changed} changed alone",
            more={
                "milliseconds a sentence": 1e3 * statistics.median(seconds[name]) / len(sentences),
                "megabytes": sizes[name] / 1e6,
                "same tag by word": agreement.by_word,
                "same entities by sentence": agreement.by_sentence,
                "largest difference of scores": agreement.largest_difference,
                "changed alone": changed,
            },
        ))  # fmt: skip
        tell(rows[-1])
    save(chosen, "onnx_tagging", rows, rounds=rounds)


def _taggers(folder: Path, sentences: Sequence[Sentence]) -> tuple[dict[str, Tagger], dict[str, int]]:
    """The tagger and its exports, and the bytes of their weights."""
    tagger = Tagger.from_pretrained("salin-tiny")
    whole = export_onnx(tagger, folder / "fp32", sentences)
    rows = export_onnx(tagger, folder / "int8", sentences, dtype="int8", min_agreement=0.9)
    shutil.copytree(folder / "fp32", folder / "batch")
    quantize_dynamic(
        folder / "fp32" / "model.onnx", folder / "batch" / "model.onnx", op_types_to_quantize=["MatMul"],
        per_channel=True, reduce_range=True, weight_type=QuantType.QInt8,
    )  # fmt: skip
    names = {"onnx": "fp32", "onnx, int8 by rows": "int8", "onnx, int8 by batch": "batch"}
    by_batch = (folder / "batch" / "model.onnx").stat().st_size
    sizes = [whole.bytes_before, whole.bytes_after, rows.bytes_after, by_batch]
    exports = {name: Tagger.from_pretrained(folder / place) for name, place in names.items()}
    return {TORCH: tagger, **exports}, dict(zip((TORCH, *names), sizes, strict=True))


def _changed_alone(tagger: Tagger, sentences: Sequence[Sentence]) -> int:
    together = tagger.tag_sentences(sentences)
    return sum(next(tagger.tag_sentences([s])).spans() != t.spans() for s, t in zip(sentences, together, strict=True))


if __name__ == "__main__":
    main()
