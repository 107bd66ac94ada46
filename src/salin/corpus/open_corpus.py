"""The open corpus that comes with salin: English to train on, seven other languages to try things on (CC0)."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from salin.corpus.corpus import Corpus
from salin.corpus.formats import inline
from salin.corpus.formats.source import Source
from salin.corpus.sentence import Sentence
from salin.errors import SettingError

#: The types that every sentence of it is annotated for.
LABELS = ("LOC", "MISC", "ORG", "PER")


def load_open_corpus(language: str = "en", split: str = "train") -> Corpus:
    """Loads a part of the bundled corpus.

    No native speaker checked it, so a score on it is a smoke test and backs no claim.

    Args:
        language: `"en"`, or one of the test languages `es`, `nl`, `de`, `fr`, `zh`, `tl`, `ceb`.
        split: `"train"`, `"dev"` or `"test"`; only English has all three.

    Raises:
        SettingError: When there is no such part, with those that there are.
    """
    parts = open_corpus_parts()
    if (language, split) not in parts:
        known = ", ".join(f"{language} {split}" for language, split in parts)
        raise SettingError(f"the open corpus has no part {language} {split}; it has {known}")
    sentences: list[Sentence] = []
    for file in parts[language, split]:
        with file.open("rb") as stream:
            sentences += inline.read(Source(stream, f"{language}/{file.name}"))
    return Corpus(tuple(sentences), LABELS, f"open-corpus/{language}/{split}", "inline", None, language)


def open_corpus_parts() -> dict[tuple[str, str], list[Traversable]]:
    """The files of each `(language, split)`; a split may lie in several, such as `train-a.txt` and `train-b.txt`."""
    parts: dict[tuple[str, str], list[Traversable]] = {}
    folders = [f for f in (files("salin") / "assets" / "open-corpus").iterdir() if f.is_dir()]
    for folder in sorted(folders, key=lambda f: f.name):
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".txt"):
                parts.setdefault((folder.name, split_of(file.name)), []).append(file)
    return parts


def split_of(name: str) -> str:
    """The split that a file belongs to: `train` for `train.txt` and `train-a.txt`."""
    return name.removesuffix(".txt").partition("-")[0]
