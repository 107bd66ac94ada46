"""Small training runs of every kind, for one process or several: `torchrun several_processes.py MODELS OUT`.

Each run leaves its weights in OUT/RUN.INDEX.safetensors and its log in OUT/RUN/log.jsonl. Nothing here asks how many
processes there are: that a run comes out the same is what the tests are about.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything is imported that reads it

import torch
from accelerate import PartialState
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from salin.encoding import Windower
from salin.models import Tagger
from salin.pretraining.run import PretrainingSettings, pretrain
from salin.pretraining.tokenizer import train_tokenizer
from salin.training.checkpoint import cloned_state
from salin.training.direct import train_direct
from salin.training.loop import LoopSettings, fit
from salin.training.meta import MetaSettings, train_meta
from salin.training.methods import MethodSettings, SwitchingSettings
from salin.training.processes import Part
from tiny_corpora import DEV, TRAIN, corpus
from tiny_models import TEXT

LOOP = LoopSettings(steps=8, learning_rate=1e-3, warmup=0.2, log_every=1, evaluate_every=4, checkpoint_every=4)
# One sentence is longer than a window, and the last corpus annotates people alone.
SOURCE = [corpus((*TRAIN, " ".join(TRAIN[1:4]))), corpus(("Jan/B-PER in/O Lisbon/O", "Maria/B-PER sprak/O"))]


def tagger_of(encoder: Path, head: str) -> Tagger:
    torch.manual_seed(1)
    tagger = Tagger.on_encoder(encoder, ["LOC", "ORG", "PER"], head=head)
    tagger.settings = tagger.settings.model_copy(update={"max_length": 24})
    tagger.windower = Windower(tagger.tokenizer, 24)
    return tagger


def direct(encoder: Path, folder: Path, head: str = "softmax", **settings: object) -> dict[str, Tensor]:
    tagger = tagger_of(encoder, head)
    made = MethodSettings(**{"loop": LOOP, **settings})
    train_direct(tagger, SOURCE, corpus(DEV, name="dev"), made, folder=folder)
    return cloned_state(tagger.network)


def meta(encoder: Path, folder: Path, **settings: object) -> dict[str, Tensor]:
    tagger = tagger_of(encoder, "softmax")
    train_meta(tagger, SOURCE, corpus(DEV, name="dev"), MetaSettings(loop=LOOP, **settings), folder=folder)
    return cloned_state(tagger.network)


def pretraining(folder: Path, rows: int) -> dict[str, Tensor]:
    texts = folder.parent / "texts"
    shutil.copytree(texts / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    settings = PretrainingSettings.model_validate(
        {
            "text": {
                "plain": texts / "text",
                "parallel": texts / "parallel",
                "dictionaries": texts,
                "sets": {"news": 1},
                "lexicons": ["dictionary"],
            },
            "model": {"vocabulary": 400, "hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32, "positions": 24},
            "mixture": {"weights": {"masked": 1, "translation": 1, "switched": 1}, "rows": rows},
            "loop": LOOP,
        }
    )
    pretrain(settings, folder)
    PartialState().wait_for_everyone()
    # The encoder itself is kept in half precision.
    return load_file(folder / "checkpoint" / "model.safetensors")


class Partly(nn.Module):
    """A network of which no part of a batch, one part alone, or every part uses a layer."""

    def __init__(self):
        super().__init__()
        self.never, self.seldom, self.always = (nn.Linear(3, 2) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.always(x) + (self.seldom(x) if bool(x[0, 0] > 0) else 0)


def unused_layers(folder: Path) -> dict[str, Tensor]:
    def batches(step: int, part: Part) -> tuple[Tensor, float]:
        x = torch.tensor([[1.0, step, 0.5], [-1.0, 2.0, 0.25]])
        # In one process too the rows go through the network one by one.
        rows = list(part.of(range(2)))
        return x[rows], len(rows) / 2

    def objective(model: nn.Module, batch: tuple[Tensor, float]) -> dict[str, Tensor]:
        rows, share = batch
        losses = torch.stack([model(row[None]).pow(2).sum() for row in rows])
        return {"loss": share * losses.mean()}

    torch.manual_seed(1)
    model = Partly()
    fit(model, batches, objective, LOOP, folder=folder)
    return cloned_state(model)


def run(models: Path, out: Path) -> None:
    """All of them, with the encoders in `models/bert` and `models/modernbert`."""
    torch.set_num_threads(1)
    bert = models / "bert"
    switching = SwitchingSettings(lexicons={"nl": (out / "texts" / "dictionary" / "en-nl.tsv",)}, sentence_rate=0.5)
    patient = LOOP.model_copy(update={"evaluate_every": 2, "patience": 1})
    runs: dict[str, Callable[[Path], dict[str, Tensor]]] = {
        "direct": lambda f: direct(bert, f, batch=5, mask_rate=0.3, max_weight=0.5, switching=switching),
        "chosen by loss": lambda f: direct(bert, f, batch=5, loop=patient, sampling_temperature=5, select="loss"),
        "without biases": lambda f: direct(models / "modernbert", f, batch=5, mask_rate=0.3, max_weight=0.5),
        "direct with bertadam": lambda f: direct(
            bert, f, batch=4, loop=LOOP.model_copy(update={"optimizer": "bertadam"})
        ),
        "one sentence a step": lambda f: direct(bert, f, batch=1, max_weight=0.5),
        "chains": lambda f: direct(bert, f, head="crf", batch=3),
        "meta": lambda f: meta(bert, f, batch=3, mask_rate=0.3, max_weight=0.5, switching=switching),
        "meta with bertadam": lambda f: meta(
            bert, f, batch=4, rule="bertadam", inner_rate=1e-3, switch_supports=True, switching=switching
        ),
        "one task a step": lambda f: meta(bert, f, batch=1),
        "pretraining": lambda f: pretraining(f, rows=5),
        "unused layers": unused_layers,
        "one row a step": lambda f: pretraining(f, rows=1),
    }
    for name, make in runs.items():
        weights = make(out / name)
        # Every process ends with the weights, so that each writes its own here.
        save_file(weights, out / f"{name}.{PartialState().process_index}.safetensors")


def write_texts(folder: Path) -> None:
    """What the runs read beside the encoder."""
    for name, lines in {
        "text/en/news.txt": ["The premier met Maria Sousa in Lisbon on Friday.", "Ajax won with 2-1 from PSV."],
        "text/nl/news.txt": ["De minister-president sprak met Reuters over de begroting van 2024."],
        "parallel/news/en.txt": ["good morning", "the match"],
        "parallel/news/nl.txt": ["goedemorgen", "de wedstrijd"],
        "dictionary/en-nl.tsv": ["won\theeft gewonnen", "premier\tminister-president", "met\tontmoette"],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Its trainer breaks ties at random, so that two of them are not the same.
    train_tokenizer(TEXT, 400, max_length=24).save_pretrained(folder / "tokenizer")


if __name__ == "__main__":
    run(*map(Path, sys.argv[1:]))
