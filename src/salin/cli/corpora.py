"""Labelled corpora as commands take them: read, told about, their labels mapped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from salin.cli.console import note
from salin.cli.options import OnError
from salin.corpus import Corpus, load_open_corpus, parse_label_map, read
from salin.corpus.labels import check_label_map


def read_corpora(paths: Sequence[Path], label_map: str | None = None, on_error: OnError = "strict") -> list[Corpus]:
    """Reads files and says what was found in them.

    Args:
        paths: Files of labelled sentences.
        label_map: Such as `"MISC=O"`. A label need not be in all files, but in one.
        on_error: What becomes of bad lines.

    Raises:
        DataError: When a file cannot be read.
        SettingError: When the map names a label that no file has.
    """
    corpora: list[Corpus] = []
    for path in paths:
        corpus = read(path, on_error=on_error)
        note(f"{path}: {corpus.describe()}")
        for remark in corpus.notes:
            note(f"{path}: {remark}")
        corpora.append(corpus)
    if label_map is None:
        return corpora
    mapping = parse_label_map(label_map, {label for corpus in corpora for label in corpus.labels})
    return [corpus.map_labels({k: v for k, v in mapping.items() if k in corpus.labels}) for corpus in corpora]


def read_corpus(path: Path, label_map: str | None = None, on_error: OnError = "strict") -> Corpus:
    """Reads one file; see [read_corpora][salin.cli.corpora.read_corpora]."""
    return read_corpora([path], label_map, on_error)[0]


def read_source(path: Path | None, label_map: str | None = None, labels: Sequence[str] | None = None) -> Corpus:
    """The labelled source corpus of a command: a file, or the open corpus where none is named.

    Args:
        path: The file, or None.
        label_map: Such as `"MISC=O"`.
        labels: Those of the model: of the open corpus, what the model does not know is left out.
    """
    if path is not None:
        return read_corpus(path, label_map)
    corpus = load_open_corpus("en", "train")
    if label_map is not None:
        corpus = corpus.map_labels(parse_label_map(label_map))
    dropped = [] if labels is None else [label for label in corpus.labels if label not in labels]
    if not dropped or len(dropped) == len(corpus.labels):
        return corpus
    note(f"the model does not know {', '.join(dropped)}: left out of the open corpus")
    return corpus.map_labels(dict.fromkeys(dropped, "O"))


def map_labels(label_map: str | None, labels: Sequence[str]) -> dict[str, str]:
    """A label map for what a tagger gives.

    Raises:
        SettingError: When the tagger has no such label.
    """
    mapping = {} if label_map is None else parse_label_map(label_map)
    check_label_map(mapping, labels)
    return mapping
