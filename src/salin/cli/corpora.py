"""Labelled corpora as commands take them: read, told about, their labels mapped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salin.cli.console import note
from salin.cli.inputs import STANDARD
from salin.cli.options import InputFormat, Offsets, OnError
from salin.corpus import Corpus, load_open_corpus, parse_label_map, read
from salin.corpus.labels import check_label_map
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.corpus.catalogue import DataFile, DataSet


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

    def over(self, known: Mapping[str, Any]) -> ReadOptions:
        """The same, and what is known of a data set where no option says anything."""
        return replace(AS_FOUND, **{**known, **{k: v for k, v in asdict(self).items() if v != getattr(AS_FOUND, k)}})

    def of_source(self) -> ReadOptions:
        """The same for a source beside the input, whose format may be another."""
        return replace(self, format="auto")


AS_FOUND = ReadOptions()
# Of a language, as in `es=train.conll`.
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")


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
    for path, options in (data_file(path, reading) for path in paths):
        corpus = read(path, **options.arguments())
        note(f"{path}: {corpus.describe()}")
        for remark in corpus.notes:
            note(f"{path}: {remark}")
        corpora.append(corpus)
    if label_map is None:
        return corpora
    mapping = parse_label_map(label_map, {label for corpus in corpora for label in corpus.labels})
    return [corpus.map_labels({k: v for k, v in mapping.items() if k in corpus.labels}) for corpus in corpora]


def read_by_language(
    files: Sequence[str], label_map: str | None = None, reading: ReadOptions = AS_FOUND
) -> list[Corpus]:
    """Reads files as [read_corpora][salin.cli.corpora.read_corpora] does, with the language of each.

    Args:
        files: `FILE` or `CODE=FILE` each, with the ISO 639 code of its language; the catalogue knows that of its own.
        label_map: Such as `"MISC=O"`.
        reading: How they are read.
    """
    named = [_with_language(text) for text in files]
    corpora = read_corpora([path for _, path in named], label_map, reading)
    return [replace(corpus, language=code) for corpus, (code, _) in zip(corpora, named, strict=True)]


def read_named(
    option: str, files: Sequence[str], label_map: str | None = None, reading: ReadOptions = AS_FOUND
) -> dict[str, Corpus]:
    """Reads files as [read_by_language][salin.cli.corpora.read_by_language] does, each with a name of its own.

    Args:
        option: The option that names the files, for errors.
        files: `FILE` or `CODE=FILE` each.
        label_map: Such as `"MISC=O"`.
        reading: How they are read.

    Returns:
        By language where each file has another one; else by how the file was given.

    Raises:
        SettingError: When a file is given twice.
    """
    if twice := sorted({text for text in files if files.count(text) > 1}):
        raise SettingError(f"{option} {twice[0]} stands there twice")
    corpora = read_by_language(files, label_map, reading)
    codes = [corpus.language for corpus in corpora]
    names = codes if all(codes) and len(set(codes)) == len(codes) else files
    return dict(zip(names, corpora, strict=True))


def _with_language(text: str) -> tuple[str, Path]:
    code, equals, path = text.partition("=")
    if equals and path and _CODE.fullmatch(code) and not Path(text).exists():
        return code, Path(path)
    if text == str(STANDARD) or Path(text).exists():
        return "", Path(text)
    dataset, _ = _named_files().get(text, (None, None))
    return dataset.language if dataset else "", Path(text)


def read_corpus(path: Path, label_map: str | None = None, reading: ReadOptions = AS_FOUND) -> Corpus:
    """Reads one file; see [read_corpora][salin.cli.corpora.read_corpora]."""
    return read_corpora([path], label_map, reading)[0]


def data_file(path: Path, reading: ReadOptions = AS_FOUND) -> tuple[Path, ReadOptions]:
    """A path as it is or, where nothing stands there, the file of the data set of that name; and how it is read.

    Args:
        path: Or the name of one's own data set (`mine`), or a name of the catalogue with a split
            (`conll2002/es/test`), which may be left out where there is only one (`uner/tl_trg`).
        reading: What the command's options say; what they leave open was said when the data set was added.

    Raises:
        SettingError: When the data set is not on this machine yet, or the name leaves open which file is meant.
    """
    if path == STANDARD or path.exists():
        return path, reading
    from salin.corpus.catalogue import data_folder

    known = _named_files()
    if str(path) in known:
        dataset, file = known[str(path)]
        state = file.state()
        if state == "missing" and not dataset.own:
            raise SettingError(f"{path} is not here yet: salin data get {dataset.name}")
        if state == "changed":
            remedy = "add it again to say that this is meant" if dataset.own else "delete it and get it again"
            note(f"{path}: its file has changed since its checksum was taken ({remedy})")
        return data_folder() / file.path, reading.over(dataset.reading)
    for dataset in {dataset.name: dataset for dataset, _ in known.values() if not dataset.own}.values():
        if path.is_relative_to(dataset.name):
            what = "is a data set of several files" if path == Path(dataset.name) else "is no file of that data set"
            raise SettingError(f"{path} {what}. There are: {', '.join(_split_names(dataset))}")
    return path, reading


def data_files(path: Path) -> list[Path]:
    """The names of all files of a data set where its name alone is given; any other path as it is."""
    if path == STANDARD or path.exists():
        return [path]
    from salin.corpus.catalogue import list_datasets

    names = {dataset.name: _split_names(dataset) for dataset in list_datasets() if not dataset.own}
    return [Path(name) for name in names.get(str(path), [str(path)])]


def _split_names(dataset: DataSet) -> list[str]:
    return [f"{dataset.name}/{split}" for split in dataset.files]


def _named_files() -> dict[str, tuple[DataSet, DataFile]]:
    """The files of all data sets by what they can be called."""
    from salin.corpus.catalogue import list_datasets

    known: dict[str, tuple[DataSet, DataFile]] = {}
    for dataset in list_datasets():
        files = list(dataset.files.values())
        if not dataset.own:
            known |= {name: (dataset, file) for name, file in zip(_split_names(dataset), files, strict=True)}
        if len(files) == 1:
            known[dataset.name] = dataset, files[0]
    return known


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
    return corpus.only(labels or ())


def map_labels(label_map: str | None, labels: Sequence[str]) -> dict[str, str]:
    """A label map for what a tagger gives.

    Raises:
        SettingError: When the tagger has no such label.
    """
    mapping = {} if label_map is None else parse_label_map(label_map)
    check_label_map(mapping, labels)
    return mapping
