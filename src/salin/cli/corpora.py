"""Labelled corpora as commands take them: read, told about, their labels mapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from salin.cli.console import note
from salin.cli.inputs import STANDARD
from salin.cli.options import InputFormat, Offsets, OnError
from salin.corpus import Corpus, load_open_corpus, parse_label_map, read
from salin.corpus.labels import check_label_map
from salin.errors import SettingError


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read, as the options of that name say; see [read][salin.corpus.reading.read]."""

    format: InputFormat = "auto"
    on_error: OnError = "strict"
    token_column: int | None = None
    tag_column: int | None = None
    offsets: Offsets | None = None

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of salin's readers."""
        return {**asdict(self), "format": None if self.format == "auto" else self.format}

    def of_source(self) -> ReadOptions:
        """The same for a source beside the input, whose format may be another."""
        return replace(self, format="auto")


AS_FOUND = ReadOptions()


def read_corpora(paths: Sequence[Path], label_map: str | None = None, reading: ReadOptions = AS_FOUND) -> list[Corpus]:
    """Reads files and says what was found in them.

    Args:
        paths: Files of labelled sentences, or names of data sets; see [data_file][salin.cli.corpora.data_file].
        label_map: Such as `"MISC=O"`. A label need not be in all files, but in one.
        reading: How they are read.

    Raises:
        DataError: When a file cannot be read.
        SettingError: When the map names a label that no file has.
    """
    corpora: list[Corpus] = []
    for path in map(data_file, paths):
        corpus = read(path, **reading.arguments())
        note(f"{path}: {corpus.describe()}")
        for remark in corpus.notes:
            note(f"{path}: {remark}")
        corpora.append(corpus)
    if label_map is None:
        return corpora
    mapping = parse_label_map(label_map, {label for corpus in corpora for label in corpus.labels})
    return [corpus.map_labels({k: v for k, v in mapping.items() if k in corpus.labels}) for corpus in corpora]


def read_corpus(path: Path, label_map: str | None = None, reading: ReadOptions = AS_FOUND) -> Corpus:
    """Reads one file; see [read_corpora][salin.cli.corpora.read_corpora]."""
    return read_corpora([path], label_map, reading)[0]


def data_file(path: Path) -> Path:
    """A path as it is or, where nothing stands there, the file of the data set of that name.

    Args:
        path: Or the name of one's own data set (`mine`), or a name of the catalogue with a split
            (`conll2002/es/test`).

    Raises:
        SettingError: When the data set is not on this machine yet.
    """
    if path == STANDARD or path.exists():
        return path
    from salin.corpus.catalogue import data_folder, list_datasets

    for dataset in list_datasets():
        for split, file in dataset.files.items():
            if str(path) == (dataset.name if dataset.own else f"{dataset.name}/{split}"):
                found = data_folder() / file.path
                if not (found.exists() or dataset.own):
                    raise SettingError(f"{path} is not here yet: salin data get {dataset.name}")
                return found
    return path


def read_source(
    path: Path | None,
    label_map: str | None = None,
    labels: Sequence[str] | None = None,
    reading: ReadOptions = AS_FOUND,
) -> Corpus:
    """The labelled source corpus of a command: a file, or the open corpus where none is named.

    Args:
        path: The file, or None.
        label_map: Such as `"MISC=O"`.
        labels: Those of the model: of the open corpus, what the model does not know is left out.
        reading: How the file is read.
    """
    if path is not None:
        return read_corpus(path, label_map, reading)
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
