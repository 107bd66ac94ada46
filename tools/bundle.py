"""Puts the bundled models into `src/salin/assets` from the runs that made them, and scores the reloaded files.

    python tools/bundle.py encoder runs/pretrain-salin-tiny/encoder
    python tools/bundle.py tagger runs/salin-tiny/direct-ship-95.FINGERPRINT/tagger

Weights are stored as fp16 safetensors. The tagger's model card holds scores of the stored files, loaded again.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from salin.adaptation.adapter import Adapter
from salin.corpus import Corpus, load_open_corpus, read
from salin.evaluation import evaluate
from salin.files import atomic_directory, atomic_write
from salin.models import Tagger

ASSETS = Path(__file__).resolve().parents[1] / "src" / "salin" / "assets"
LARGEST = 20_000_000
LANGUAGES = ("en", "es", "nl", "de", "fr", "zh", "tl", "ceb")


def main() -> None:
    """Bundles one of the two models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["encoder", "tagger"])
    parser.add_argument("folder", type=Path, help="The trained model")
    parser.add_argument("--uner", type=Path, help="Folder of UNER sets to score the tagger on (ner/uner)")
    arguments = parser.parse_args()
    if arguments.what == "encoder":
        target = ASSETS / "salin-tiny-encoder"
        with atomic_directory(target, marker="config.json") as temporary:
            for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
                shutil.copy(arguments.folder / name, temporary / name)
    else:
        target = ASSETS / "salin-tiny"
        Tagger.from_pretrained(arguments.folder).save_pretrained(target, dtype=torch.float16)
        card = (ASSETS / "salin-tiny.md").read_text(encoding="utf-8")
        with atomic_write(target / "README.md") as file:
            file.write(card.replace("<!-- scores -->", _scores(target, arguments.uner)))
    size = (target / "model.safetensors").stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{target}: {size} bytes are more than {LARGEST}")


def _scores(folder: Path, uner: Path | None) -> str:
    tagger = Tagger.from_pretrained(folder)
    adapter = Adapter(tagger, load_open_corpus("en", "train"))
    tests: list[tuple[str, Corpus]] = [(f"open corpus, {code}", load_open_corpus(code, "test")) for code in LANGUAGES]
    if uner is not None:
        tests += [(f"UNER {path.parent.name}", read(path)) for path in sorted(uner.glob("*/test.conll"))]
    lines = ["| test | plain F1 [95 % interval] | adapted F1 [95 % interval] |", "| --- | ---: | ---: |"]
    for name, corpus in tests:
        cells = []
        for system in (tagger, adapter):
            result = evaluate(system, corpus, labels=corpus.labels)
            low, high = 100 * result.interval.low, 100 * result.interval.high
            cells.append(f"{100 * result.micro.f1:.1f} [{low:.1f}, {high:.1f}]")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
