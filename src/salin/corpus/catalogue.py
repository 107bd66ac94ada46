"""The data sets that salin knows: where a file lies, its checksum, its licence, whom to cite; and a user's own."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from salin.corpus.detection import Format
from salin.corpus.formats.jsonl import Offsets
from salin.corpus.formats.source import OnError
from salin.corpus.reading import read
from salin.errors import DataError, SettingError
from salin.files import write_json
from salin.validation import explain

SPLITS = ("train", "dev", "test")
_OWN = "own.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set.

    Attributes:
        path: Relative to the base address and to the data folder; absolute for a user's own file.
        sha256: Of its bytes.
        size: In bytes.
    """

    path: str
    sha256: str
    size: int

    def state(
        self, folder: Path | None = None, *, sha256: Callable[[Path], str] | None = None
    ) -> Literal["here", "missing", "changed"]:
        """Whether it is on this machine, and as it was when its checksum was taken.

        Args:
            folder: The data folder, if not the usual one.
            sha256: Gives a file's checksum; by default it is taken anew.
        """
        path = (folder or data_folder()) / self.path
        if not path.exists():
            return "missing"
        same = path.stat().st_size == self.size and (sha256 or sha256_of)(path) == self.sha256
        return "here" if same else "changed"


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set in one language.

    Attributes:
        name: Such as `"conll2002/es"`.
        title: What it is.
        language: ISO 639 code, or empty where a user did not say.
        files: By split.
        licence: As its makers state it.
        ship: Whether weights derived from it may be published.
        citation: The paper to cite.
        home: The page of the original project.
        note: What one must know to use it.
        own: Whether a user added it.
        reading: Of a user's own file, with which arguments it is [read][salin.corpus.reading.read].
    """

    name: str
    title: str
    language: str
    files: Mapping[str, DataFile]
    licence: str
    ship: bool
    citation: str = ""
    home: str = ""
    note: str = ""
    own: bool = field(default=False, kw_only=True)
    reading: Mapping[str, Any] = field(default_factory=dict[str, Any], kw_only=True)


def data_folder() -> Path:
    """Where data sets are kept: `SALIN_DATA_DIR`, or `salin/data` in the user's cache folder."""
    if folder := os.environ.get("SALIN_DATA_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "salin" / "data"


def list_datasets(folder: Path | None = None) -> tuple[DataSet, ...]:
    """All data sets of the catalogue, then those that the user added.

    Args:
        folder: The data folder, if not the usual one.

    Raises:
        DataError: When the list of the user's own data sets is damaged.
    """
    return _catalogue() + tuple(entry.dataset(name) for name, entry in sorted(_own(folder).items()))


def find_dataset(name: str, folder: Path | None = None) -> DataSet:
    """The data set of this name.

    Raises:
        SettingError: When there is none, with the nearest name.
    """
    known = {dataset.name: dataset for dataset in list_datasets(folder)}
    if name in known:
        return known[name]
    parts = [other for other in known if other.startswith(f"{name}/")]
    near = parts or get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}?" if near else "See `salin data list`"
    raise SettingError(f"there is no data set {name!r}. {hint}")


def add_dataset(
    path: str | Path,
    *,
    name: str | None = None,
    language: str = "",
    licence: str = "",
    ship: bool = False,
    reading: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> DataSet:
    """Registers a user's own file, which stays where it is.

    Args:
        path: A file that [read][salin.corpus.reading.read] reads.
        name: What to call it; by default the file's name without its endings.
        language: ISO 639 code.
        licence: For the record; nothing is concluded from it.
        ship: Whether weights derived from it may be published.
        reading: Arguments of `read` with which it is read, here and whenever it is used: `format`, `on_error`,
            `token_column`, `tag_column`, `offsets`.
        folder: The data folder, if not the usual one.

    Raises:
        DataError: When the file cannot be read.
        SettingError: When the name or a way of reading cannot be used.
    """
    path = Path(path)
    corpus = read(path, language=language, **(reading or {}))
    name = name or path.name.partition(".")[0]
    if not _NAME.fullmatch(name):
        raise SettingError(f"{name!r} cannot name a data set. Use letters, digits, dots, hyphens and underscores")
    file = DataFile(str(path.resolve()), sha256_of(path), path.stat().st_size)
    own = _own(folder)
    own[name] = _Own(
        title=corpus.describe(), language=language, licence=licence, ship=ship, file=file,
        note="; ".join(corpus.notes), reading=_Reading.model_validate(reading or {}),
    )  # fmt: skip
    write_json((folder or data_folder()) / _OWN, _OwnFiles(own).model_dump(mode="json"))
    return own[name].dataset(name)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _catalogue() -> tuple[DataSet, ...]:
    sets: dict[str, dict[str, Any]] = tomllib.loads((files("salin.corpus") / "catalogue.toml").read_text("utf-8"))
    found: list[DataSet] = []
    for set_name, common in sets.items():
        parts: dict[str, dict[str, Any]] = common["parts"]
        for part, own in parts.items():
            name = f"{set_name}/{part}"
            described = {
                **{k: v for k, v in common.items() if k != "parts"},
                **{key: value for key, value in own.items() if key not in SPLITS},
            }
            splits = {split: DataFile(f"ner/{name}/{split}.conll", **own[split]) for split in SPLITS if split in own}
            found.append(DataSet(name=name, language=part.partition("_")[0], files=splits, **described))
    return tuple(found)


class _Reading(BaseModel):
    """How a user's own file is read, where that cannot be told from it."""

    model_config = ConfigDict(extra="forbid")

    format: Format | None = None
    on_error: OnError = "strict"
    token_column: int | None = None
    tag_column: int | None = None
    offsets: Offsets | None = None


class _Own(BaseModel):
    """What is kept of a user's own file."""

    title: str
    language: str
    licence: str
    ship: bool = False
    file: DataFile
    note: str = ""
    reading: _Reading = _Reading()

    def dataset(self, name: str) -> DataSet:
        return DataSet(
            name, self.title, self.language, {"data": self.file}, self.licence, self.ship, note=self.note, own=True,
            reading=self.reading.model_dump(exclude_defaults=True),
        )  # fmt: skip


class _OwnFiles(RootModel[dict[str, _Own]]):
    """All of them, by name."""


def _own(folder: Path | None) -> dict[str, _Own]:
    path = (folder or data_folder()) / _OWN
    try:
        return _OwnFiles.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        remedy = "Delete it and add your files again"
        raise DataError(f"is damaged: {explain(error)}", path=path, remedy=remedy) from error
