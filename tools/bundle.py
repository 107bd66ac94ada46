"""Puts the bundled models into `src/salin/assets` from the runs that made them, and scores the reloaded files.

    python tools/bundle.py encoder runs/pretrain-salin-tiny-2-longer/encoder
    python tools/bundle.py tagger runs/salin-tiny/polyglot-all-95.FINGERPRINT/tagger

Weights are stored as fp16 safetensors. The stored tagger is loaded again and scored: `results/bundled.json` holds the
scores with the checksum of the weights that they belong to, and the model card shows them. What the encoder's run says
of itself goes to `results/NAME`, by the name of its folder.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch

from salin.adaptation.adapter import Adapter
from salin.corpus import load_open_corpus
from salin.corpus.catalogue import sha256_of
from salin.evaluation import evaluate
from salin.files import atomic_directory, write_json
from salin.models import Tagger
from salin.pretraining.curves import LOG
from salin.pretraining.run_cost import COST

ROOT = Path(__file__).resolve().parents[1]
ASSETS, SCORES = ROOT / "src" / "salin" / "assets", ROOT / "results" / "bundled.json"
LARGEST = 20_000_000
LANGUAGES = ("en", "es", "nl", "de", "fr", "zh", "tl", "ceb")


def main() -> None:
    """Bundles one of the two models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["encoder", "tagger"])
    parser.add_argument("folder", type=Path, help="The trained model")
    arguments = parser.parse_args()
    if arguments.what == "encoder":
        target = ASSETS / "salin-tiny-encoder"
        with atomic_directory(target, marker="config.json") as temporary:
            for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
                shutil.copy(arguments.folder / name, temporary / name)
        run = arguments.folder.resolve().parent
        kept = ROOT / "results" / run.name
        kept.mkdir(exist_ok=True)
        for name in (LOG, COST):
            shutil.copy(run / name, kept / name)
    else:
        target = ASSETS / "salin-tiny"
        card = (ASSETS / "salin-tiny.md").read_text(encoding="utf-8")
        with atomic_directory(target, marker="config.json") as temporary:
            Tagger.from_pretrained(arguments.folder).save_pretrained(temporary, dtype=torch.float16)
            scores = _scores(temporary)
            (temporary / "README.md").write_text(card.replace("<!-- scores -->", _table(scores)), encoding="utf-8")
        write_json(SCORES, {"weights": sha256_of(target / "model.safetensors"), "scores": scores})
    size = (target / "model.safetensors").stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{target}: {size} bytes are more than {LARGEST}")


def _scores(folder: Path) -> list[dict[str, Any]]:
    tagger = Tagger.from_pretrained(folder)
    systems = {"plain": tagger, "adapted": Adapter(tagger, load_open_corpus("en", "train").only(tagger.labels))}
    rows: list[dict[str, Any]] = []
    for code in LANGUAGES:
        corpus = load_open_corpus(code, "test")
        rows.append({"test": f"open corpus, {code}"})
        for name, system in systems.items():
            result = evaluate(system, corpus, labels=tagger.labels)
            rows[-1][name] = {"f1": result.micro.f1, "low": result.interval.low, "high": result.interval.high}
    return rows


def _table(scores: list[dict[str, Any]]) -> str:
    lines = ["| test | plain F1 [95 % interval] | adapted F1 [95 % interval] |", "| --- | ---: | ---: |"]
    for row in scores:
        cells = (
            f"{100 * row[name]['f1']:.1f} [{100 * row[name]['low']:.1f}, {100 * row[name]['high']:.1f}]"
            for name in ("plain", "adapted")
        )
        lines.append(f"| {row['test']} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
