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


def write_pretraining(folder: Path) -> Path:
    """Writes a pretraining recipe with its text: four steps, of which every second one's model is kept."""
    (folder / "text" / "en").mkdir(parents=True)
    lines = [f"the {name} of {place} met the press on day {n}" for n in range(40) for name in "abc" for place in "xyz"]
    (folder / "text" / "en" / "news.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "small.toml"
    path.write_text(
        'snapshot_every = 2\n[text]\nplain = "text"\n[tokenizer]\ncharacters = 4000\n'
        "[model]\nvocabulary = 300\nhidden = 16\nlayers = 2\nheads = 2\nfeed_forward = 32\npositions = 32\n"
        "[mixture]\nweights = { masked = 1 }\nrows = 4\n"
        "[loop]\nsteps = 4\nlearning_rate = 1e-3\nlog_every = 2\n",
        encoding="utf-8",
    )
    return path
