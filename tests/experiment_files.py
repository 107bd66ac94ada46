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

# As table 3: `meta` goes on from `direct`, and what was tuned for small encoders is replaced where one is large.
SIZED = (
    RECIPE.replace('method = "meta"', 'method = "meta"\ntrained_by = { system = "direct" }')
    + """
[adaptation]
frozen_blocks = 1
rate = 0.05

[large]
blocks = 3
adaptation = {}
training = { rule = "bertadam", loop = { learning_rate = 3e-5 } }
[large.systems]
meta = { settings = { loop = { steps = 1 } } }
direct = { adapt = { bertadam = { rule = "bertadam" } } }
"""
)

LANGUAGES = """
title = "Languages"
encoder = "ENCODER"
baseline = "mono"
ordering = [["poly", "mono", "poly+ft"]]
seeds = [1, 2]

[training]
batch = 2
select = "loss"
[training.loop]
steps = 4
learning_rate = 1e-3
evaluate_every = 2
patience = 5

[systems.mono]
method = "direct"
label_sets = ["en", "es"]
[systems.poly]
method = "direct"
label_sets = ["all"]
settings = { sampling_temperature = 3 }
[systems."poly+ft"]
method = "direct"
label_sets = ["en", "es"]
trained_by = { system = "poly", label_set = "all" }
settings = { loop = { steps = 2 } }
[systems.zero-shot]
method = "direct"
label_sets = ["without-es"]

[label_sets.en]
source = { en = ["train.txt"] }
dev = "dev.txt"
tests = { en = "dev.txt" }
[label_sets.es]
source = { es = ["spanish.txt"] }
dev = "spanish-dev.txt"
tests = { es = "spanish-test.txt" }
unannotated = { MISC = ["es"] }
[label_sets.all]
union = ["en", "es"]
[label_sets.without-es]
union = ["en"]
tests_of = "es"
"""
SPANISH = {
    "spanish.txt": "[Ana Ruiz](PER) ganó en [Lisboa](LOC) .\n[Reuters](ORG) lo dijo .\nEl [Ajax](ORG) perdió .\n",
    "spanish-dev.txt": "[Jan](PER) ganó .\n[Ajax](ORG) perdió en [Lisboa](LOC) .\n",
    "spanish-test.txt": "[Ana](PER) ganó .\n[Reuters](ORG) perdió en [Lisboa](LOC) .\n",
}

SHARED = """
title = "Shared"
recipe = "tiny.toml"
seeds = [1, 2]
top = 0.2
sentences = 4
sparsities = [0.5, 0.9]
retrained = [0.5]
[networks.net]
mono = "mono"
poly = "poly"
union = "all"
finetuned = "poly+ft"
fisher = ["en", "es"]
pruned = ["en", "es"]
[networks.net.retraining]
batch = 2
select = "loss"
loop = { steps = 2, learning_rate = 1e-3 }
"""


def write_recipe(folder: Path, text: str = RECIPE) -> Path:
    """Writes the recipe and its corpora."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_languages(folder: Path, text: str = LANGUAGES) -> Path:
    """Writes a recipe of two languages and its corpora."""
    path = write_recipe(folder, text)
    for name, content in SPANISH.items():
        (folder / name).write_text(content, encoding="utf-8")
    return path


def write_shared(folder: Path, text: str = SHARED) -> Path:
    """Writes a recipe of what is shared, about the taggers of `write_languages`."""
    path = folder / "shared.toml"
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
