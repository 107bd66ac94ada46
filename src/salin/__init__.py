"""Named-entity recognition for languages that nobody has labelled: the names that most users need, and no more.

Importing salin is quick: each name loads what it needs when it is first used. Everything else is imported from its own
package, such as `salin.baselines` or `salin.retrieval`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salin.adaptation.adapter import Adapter
    from salin.corpus import Corpus, Entity, Sentence, load_open_corpus, read, write
    from salin.evaluation import compare, evaluate
    from salin.models import Tagger
    from salin.training.direct import train_direct
    from salin.training.finetune import finetune
    from salin.training.loop import LoopSettings
    from salin.training.meta import MetaSettings, train_meta
    from salin.training.methods import MethodSettings

    __version__: str

__all__ = [
    "Adapter",
    "Corpus",
    "Entity",
    "LoopSettings",
    "MetaSettings",
    "MethodSettings",
    "Sentence",
    "Tagger",
    "__version__",
    "compare",
    "evaluate",
    "finetune",
    "load_open_corpus",
    "read",
    "train_direct",
    "train_meta",
    "write",
]

_HOMES = {
    "Adapter": "salin.adaptation.adapter",
    "Corpus": "salin.corpus",
    "Entity": "salin.corpus",
    "LoopSettings": "salin.training.loop",
    "MetaSettings": "salin.training.meta",
    "MethodSettings": "salin.training.methods",
    "Sentence": "salin.corpus",
    "Tagger": "salin.models",
    "compare": "salin.evaluation",
    "evaluate": "salin.evaluation",
    "finetune": "salin.training.finetune",
    "load_open_corpus": "salin.corpus",
    "read": "salin.corpus",
    "train_direct": "salin.training.direct",
    "train_meta": "salin.training.meta",
    "write": "salin.corpus",
}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562)."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    try:
        return version("salin")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
