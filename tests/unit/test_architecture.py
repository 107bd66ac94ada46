"""Holds the house together: who may import whom, nothing that unpickles, no file that needs a table of contents.

Each rule is a small function from a module's syntax tree to complaints, so that the tests can show it failing on
made-up code before they trust it on salin's own. Why the rules are what they are: docs/explanation/the-house.md.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "salin"

# A package imports only packages that stand before it here.
ORDER = (
    "corpus",
    "evaluation",
    "baselines",
    "encoding",
    "models",
    "retrieval",
    "adaptation",
    "training",
    "pretraining",
    "translation",
    "analysis",
    "experiments",
    "integrations",
    "scaling",
    "serving",
    "cli",
)
# Modules that every package may import, and that import no package.
FREE = ("errors", "files", "settings", "validation", "values")
FOR_CLI_ALONE = ("integrations", "scaling", "serving")
WITHOUT_TENSORS = ("corpus", "evaluation", "baselines")
TENSORS = {"torch", "transformers", "tokenizers", "accelerate", "safetensors", "peft"}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
LONGEST_FILE = 400


def complaints(module: str, source: str) -> list[str]:
    """What a module does against the rules of the house.

    Args:
        module: Its dotted name, such as `"salin.corpus.sentence"`.
        source: Its text.
    """
    tree = ast.parse(source)
    found = [*_flow(module, tree), *_tensors(module, tree), *_unsafe(tree), *_shape(module, source, tree)]
    return [f"{module}:{line}: {what}" for line, what in found]


def _room(module: str) -> str:
    """The package (or the top-level module) that a module belongs to; `""` for the public face itself."""
    room = module.partition(".")[2].partition(".")[0]
    return "cli" if room == "__main__" else room  # `python -m salin` is the command line


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands: one inside a function or for types alone is a dependency too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def _flow(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    room = _room(module)
    for line, target in _imports(tree):
        if target.startswith("."):
            yield line, f"imports {target} relatively; write the whole name"
        elif target.partition(".")[0] == "salin":
            problem = _wrong_way(room, _room(target))
            if problem:
                yield line, problem


def _wrong_way(room: str, target: str) -> str:
    """Why code in `room` may not import from `target`; empty when it may."""
    if target in FREE:
        return "" if room not in FREE or FREE.index(target) <= FREE.index(room) else f"{room} imports {target}"
    if room in ("", "cli") or room == target:
        return ""
    if target not in ORDER:
        return f"{room} imports salin itself, or a package that is not in the order of imports: {target!r}"
    if room in FREE:
        return f"{room} is free to all, so it may not import {target}"
    if room not in ORDER:
        return f"{room} is not in the order of imports"
    if target in FOR_CLI_ALONE:
        return f"only cli may import {target}"
    return f"{room} imports {target}, which stands below it" if ORDER.index(target) > ORDER.index(room) else ""


def _tensors(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    if _room(module) in (*WITHOUT_TENSORS, *FREE):
        for line, target in _imports(tree):
            if target.partition(".")[0] in TENSORS:
                yield line, f"{_room(module)} knows no tensors, yet imports {target}"


def _unsafe(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for line, target in _imports(tree):
        if target.partition(".")[0] in PICKLES or target in ("torch.load", "torch.save"):
            yield line, f"imports {target}, which pickles"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.save"):
            yield node.lineno, f"uses {ast.unparse(node)}, which pickles"
        elif isinstance(node, ast.keyword) and node.arg in ("trust_remote_code", "allow_pickle"):
            value = ast.unparse(node.value)
            if value != "False":
                yield node.value.lineno, f"{node.arg}={value}; it is never anything but False"


def _shape(module: str, source: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    if ast.get_docstring(tree) is None:
        yield 1, "does not open with a docstring that says what it is"
    if module.rpartition(".")[2] in ("utils", "util", "helpers", "misc"):
        yield 1, "is named for nothing in particular"
    length = len(source.splitlines())
    if length > LONGEST_FILE:
        yield length, f"has {length} lines, more than {LONGEST_FILE}"


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_every_module_keeps_the_rules() -> None:
    found = [c for module, path in _modules() for c in complaints(module, path.read_text(encoding="utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_every_folder_with_modules_is_a_package_of_the_order() -> None:
    rooms = {_room(module) for module, _ in _modules()} - {"", *FREE}
    assert rooms <= set(ORDER), f"not in the order of imports: {sorted(rooms - set(ORDER))}"
    folders = {path.parent for _, path in _modules()}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize(
    ("module", "code", "expected"),
    [
        ("salin.corpus.reading", "from salin.evaluation import score", "stands below it"),
        ("salin.corpus.reading", "import salin.evaluation.scoring", "stands below it"),
        ("salin.encoding.windows", "def f():\n    from salin.models import Tagger", "stands below it"),
        ("salin.encoding", "if TYPE_CHECKING:\n    from salin.training.loop import fit", "stands below it"),
        ("salin.training.loop", "from salin.experiments import run", "stands below it"),
        ("salin.corpus.reading", "from salin import read", "imports salin itself"),
        ("salin.corpus.reading", "from .sentence import Sentence", "relatively"),
        ("salin.corpus.reading", "from salin.leftovers import x", "not in the order"),
        ("salin.leftovers.x", "from salin.corpus import Sentence", "not in the order"),
        ("salin.scaling.shards", "from salin.integrations import spacy", "only cli may import integrations"),
        ("salin.serving.app", "from salin.scaling.shards import tag", "only cli may import scaling"),
        ("salin.files", "from salin.corpus import Sentence", "free to all"),
        ("salin.errors", "from salin.files import write_json", "errors imports files"),
        ("salin.corpus.reading", "import torch.nn", "knows no tensors"),
        ("salin.evaluation.scoring", "from transformers import AutoModel", "knows no tensors"),
        ("salin.baselines.rules", "def f():\n    import torch", "knows no tensors"),
        ("salin.models.saving", "import pickle", "pickles"),
        ("salin.models.saving", "from torch import save", "pickles"),
        ("salin.models.saving", "import torch\ntorch.load('x')", "pickles"),
        ("salin.models.loading", "load(x, trust_remote_code=True)", "never anything but False"),
        ("salin.models.loading", "load(x, trust_remote_code=flag)", "never anything but False"),
        ("salin.corpus.utils", "x = 1", "named for nothing"),
        ("salin.corpus.long", "x = 1\n" * LONGEST_FILE, "lines, more than"),
    ],
)
def test_a_made_up_violation_is_found(module: str, code: str, expected: str) -> None:
    assert [c for c in complaints(module, f'"""Made up."""\n{code}\n') if expected in c]


def test_a_package_without_a_docstring_is_found() -> None:
    assert "docstring" in complaints("salin.corpus", "x = 1\n")[0]


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("salin.evaluation.scoring", "from salin.corpus.sentence import Sentence"),
        ("salin.evaluation.scoring", "from salin.evaluation import counts\nfrom salin.errors import DataError"),
        ("salin.training.loop", "import torch\nfrom salin.adaptation.bertadam import BertAdam"),
        ("salin.files", "from salin.errors import DataError"),
        ("salin", "def __getattr__(name):\n    from salin.models import Tagger"),
        ("salin.cli.serve", "import salin\nfrom salin.serving.app import serve"),
        ("salin.models.loading", "load(x, trust_remote_code=False)"),
    ],
)
def test_what_is_allowed_is_let_through(module: str, code: str) -> None:
    assert complaints(module, f'"""Made up."""\n{code}\n') == []


@pytest.mark.parametrize("package", ["salin", *(f"salin.{room}" for room in (*WITHOUT_TENSORS, *FREE))])
def test_what_knows_no_tensors_starts_without_them(package: str) -> None:
    """Holds it at run time too, through whatever third party it imports: torch alone would cost seconds."""
    code = f"import sys, {package}; print(*sorted({{'torch', 'transformers', 'spacy'}} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert run.stdout.strip() == ""
