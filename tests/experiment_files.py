"""A recipe small enough to run in seconds, with its corpora."""

from __future__ import annotations

from pathlib import Path

RECIPE = """
title = "Tiny"
encoder = "ENCODER"
baseline = "direct"
seeds = [1, 2]

[switched_dev]
es = ["en-es.tsv"]

[training]
batch = 4
[training.loop]
steps = 3
learning_rate = 1e-3

[label_sets.tiny]
source = ["train.txt"]
dev = "dev.txt"
map = { MISC = "O" }
[label_sets.tiny.tests]
es = "test.txt"

[systems.gazetteer]
method = "rules"
rules = "rules:gazetteer"

[systems.direct]
method = "direct"

[systems.meta]
method = "meta"
settings = { loop = { steps = 2 } }
[systems.meta.adapt]
sgd = { rule = "sgd" }
bertadam = { rule = "bertadam" }
translated = { lexicons = { es = ["en-es.tsv"] } }
"""
_FILES = {
    "train.txt": "[Ana Ruiz](PER) met [Reuters](ORG) in [Lisbon](LOC) .\nThe [Dutch](MISC) premier spoke .\n"
    "[Ajax](ORG) beat [PSV](ORG) .\n[Jan de Vries](PER) left [Eindhoven](LOC) on Friday .\nNothing happened here .\n",
    "dev.txt": "[Maria](PER) went to [Lisbon](LOC) .\n[Ajax](ORG) won the match .\n",
    "test.txt": "[Ana Ruiz](PER) ganó en [Lisboa](LOC) .\n[Reuters](ORG) lo dijo .\nEl [Ajax](ORG) perdió .\n",
    "en-es.tsv": "the\tel\nmatch\tpartido\nwent\tfue\n",
}


def write_recipe(folder: Path, text: str = RECIPE) -> Path:
    """Writes the recipe and its corpora."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path
