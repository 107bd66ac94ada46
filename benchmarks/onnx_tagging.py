"""What exporting the bundled tagger to ONNX is worth, and what int8 costs: text in, entities out, on one thread.

    python benchmarks/onnx_tagging.py                 # writes results/benchmarks/onnx_tagging.json

Tags 320 test sentences of the open corpus, 40 in each of its languages. The rows take turns, and each round is divided
by torch in the same round; the median of the rounds is what counts. `int8 by batch` is what onnxruntime's own dynamic
quantisation makes of the same graph. Agreement is with torch: words with the same tag, and sentences with the same
entities. `changed alone` are sentences that get other entities when they are tagged by themselves.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from salin.corpus import Sentence, load_open_corpus
from salin.corpus.open_corpus import open_corpus_parts
from salin.evaluation.records import Environment
from salin.files import write_json
from salin.models import Tagger
from salin.models.agreement import compare_taggers
from salin.models.export import export_onnx

OUT = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "onnx_tagging.json"
EACH, ROUNDS = 40, 5


def main() -> None:
    """Runs it and writes the result."""
    torch.set_num_threads(1)
    tests = [language for language, split in open_corpus_parts() if split == "test"]
    sentences = [sentence for language in tests for sentence in load_open_corpus(language, "test").sentences[:EACH]]
    with tempfile.TemporaryDirectory() as folder:
        taggers, sizes = _taggers(Path(folder), sentences)
    seconds: dict[str, list[float]] = {name: [] for name in taggers}
    for round_ in range(ROUNDS + 1):
        for name, tagger in taggers.items():
            started = time.perf_counter()
            list(tagger.tag_sentences(sentences))
            if round_:  # the first one warms up
                seconds[name].append(time.perf_counter() - started)
    rows = []
    for name, tagger in taggers.items():
        agreement = compare_taggers(taggers["torch fp32"], tagger, sentences)
        ratios = [theirs / ours for theirs, ours in zip(seconds["torch fp32"], seconds[name], strict=True)]
        rows.append(
            {
                "row": name,
                "times torch": statistics.median(ratios),
                "sentences a second": len(sentences) / statistics.median(seconds[name]),
                "megabytes": sizes[name] / 1e6,
                "same tag by word": agreement.by_word,
                "same entities by sentence": agreement.by_sentence,
                "largest difference of scores": agreement.largest_difference,
                "changed alone": _changed_alone(tagger, sentences),
            }
        )
        print("  ".join(f"{key} {value:.4g}" if key != "row" else f"{value:14}" for key, value in rows[-1].items()))
    found = {"threads": torch.get_num_threads(), "sentences": len(sentences), "rounds": ROUNDS}
    write_json(OUT, {**found, "environment": Environment.here().model_dump(), "rows": rows})


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
    names = {"onnx fp32": "fp32", "onnx int8": "int8", "int8 by batch": "batch"}
    sizes = {"torch fp32": whole.bytes_before, "onnx fp32": whole.bytes_after, "onnx int8": rows.bytes_after}
    sizes["int8 by batch"] = (folder / "batch" / "model.onnx").stat().st_size
    exports = {name: Tagger.from_pretrained(folder / place) for name, place in names.items()}
    return {"torch fp32": tagger, **exports}, sizes


def _changed_alone(tagger: Tagger, sentences: Sequence[Sentence]) -> int:
    together = tagger.tag_sentences(sentences)
    return sum(next(tagger.tag_sentences([s])).spans() != t.spans() for s, t in zip(sentences, together, strict=True))


if __name__ == "__main__":
    main()
