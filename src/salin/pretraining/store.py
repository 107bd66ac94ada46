"""A store of text: sources are read once, in a stream, into lines on disk that can be looked up at random.

So batches stay functions of the step (decision 2) however much text there is. A store is made again when the content of
its sources has changed, and is whole or absent.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from salin.corpus.formats.source import OnError
from salin.errors import DataError
from salin.files import atomic_directory, recover_directory, write_json
from salin.pretraining.held_out import HeldOut
from salin.pretraining.sources import TextFile
from salin.pretraining.stored_lines import LineWriter, StoredLines, cut_line
from salin.pretraining.text import ParallelText, PlainText, fingerprint

_log = logging.getLogger(__name__)
_DESCRIPTION = "store.json"
# Another number makes all stores anew.
_FORMAT = 1
# What is told of problems at once; all stand in the store's description.
_TOLD = 20

Collections = Mapping[str, Sequence[TextFile]]


class TextStore:
    """A finished store.

    Attributes:
        checksum: Of all that its content depends on.
        files: What was read, with the problems that were found.
        collections: The names of the collections of plain text.
        description: The file in which all of that stands.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.description = folder / _DESCRIPTION
        self._description: dict[str, Any] = json.loads(self.description.read_text("utf-8"))
        self.checksum: str = self._description["checksum"]
        self.files: list[dict[str, Any]] = self._description["files"]
        self.collections = list(cast("dict[str, Any]", self._description["collections"]))

    def plain(self, collection: str, temperature: float) -> PlainText:
        """The text of a collection that may be drawn."""
        languages = self._languages(collection)
        return PlainText(
            {language: self._lines(collection, language) for language in languages},
            temperature,
            characters={language: about["characters"] for language, about in languages.items()},
            hidden={language: frozenset(about["held_out"].values()) for language, about in languages.items()},
        )

    def held_out(self, collection: str) -> dict[str, PlainText]:
        """The text of a collection that is never drawn, of each language that has any."""
        texts: dict[str, PlainText] = {}
        for language, about in self._languages(collection).items():
            if about["held_out"]:
                lines = self._lines(collection, language)
                texts[language] = PlainText({language: [lines[int(number)] for number in about["held_out"]]}, 1)
        return texts

    def parallel(self, weights: Mapping[str, float]) -> ParallelText:
        """The translations."""
        sets: dict[str, list[str]] = self._description["parallel"]
        return ParallelText(
            {name: {code: self._lines(f"parallel/{name}", code) for code in codes} for name, codes in sets.items()},
            weights,
        )

    def counts(self, collection: str) -> dict[str, dict[str, int]]:
        """Lines, characters and held-out lines of each language."""
        return {
            language: {**about, "held_out": len(about["held_out"])}
            for language, about in self._languages(collection).items()
        }

    def _languages(self, collection: str) -> dict[str, dict[str, Any]]:
        return self._description["collections"][collection]

    def _lines(self, collection: str, language: str) -> StoredLines:
        return StoredLines(self._folder / collection / f"{language}.txt")


def make_store(folder: Path, plain: Collections, parallel: Collections, on_error: OnError) -> None:
    """Reads all sources into a store, unless one stands there that was made of the same ones.

    Args:
        folder: The store's.
        plain: Files of text by the name of their collection.
        parallel: Files of translations by the name of their set, one a language.
        on_error: What is done with bad lines and files; see `TextFile.read`. What was done is logged.

    Raises:
        DataError: In strict mode; where a collection holds no text; where a parallel set has fewer than two languages
            or differs in its number of lines.
        SettingError: When what reads a source is not installed.
    """
    recover_directory(folder)
    before = _described(folder)
    identities = _identities(plain, parallel, before)
    told = [[i["collection"], i["language"], i["name"], i["sha256"]] for i in identities]
    checksum = hashlib.sha256(json.dumps([_FORMAT, on_error, told]).encode()).hexdigest()
    if before.get("checksum") == checksum:
        return
    with atomic_directory(folder, marker=_DESCRIPTION) as temporary:
        languages = {name: _write_plain(temporary / name, name, files, on_error) for name, files in plain.items()}
        sets = {
            name: _write_set(temporary / "parallel" / name, name, files, on_error) for name, files in parallel.items()
        }
        files = [*(file for files in (*plain.values(), *parallel.values()) for file in files)]
        found = [
            {**identity, "lines": file.lines, "characters": file.characters, "problems": file.problems}
            for identity, file in zip(identities, files, strict=True)
        ]
        description = {"checksum": checksum, "collections": languages, "parallel": sets, "files": found}
        write_json(temporary / _DESCRIPTION, description)
    _tell(files, folder / _DESCRIPTION)


def _write_plain(folder: Path, name: str, files: Sequence[TextFile], on_error: OnError) -> dict[str, Any]:
    writers: dict[str, LineWriter] = {}
    held: dict[str, HeldOut] = {}
    for file in files:
        for language, text in file.read(on_error):
            if language not in writers:
                writers[language], held[language] = LineWriter(folder / f"{language}.txt"), HeldOut()
            for line in cut_line(text):
                held[language].see(fingerprint(line), writers[language].lines)
                writers[language].add(line)
    if not writers:
        _tell(files, None)
        raise DataError(f"there is no text in the sources of {name}", path=files[0].path if files else None)
    for writer in writers.values():
        writer.flush()
    return {
        language: {
            "lines": writer.lines,
            "characters": writer.characters,
            "held_out": held[language].choice(writer.lines),
        }
        for language, writer in sorted(writers.items())
    }


def _write_set(folder: Path, name: str, files: Sequence[TextFile], on_error: OnError) -> list[str]:
    counts: dict[str, int] = {}
    for file in files:
        writer = LineWriter(folder / f"{file.language}.txt")
        try:
            for text in file.aligned(on_error):
                writer.add(text)
        except DataError as error:
            if on_error == "strict":
                raise
            file.problems.append(f"{error}. This language of the set {name} was left out")
            continue
        writer.flush()
        counts[file.language] = writer.lines
    at = files[0].path.parent if files else None
    if len(counts) < 2:
        _tell(files, None)
        raise DataError(f"no parallel set {name} here", path=at, remedy="Expected two or more LANGUAGE.txt")
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{language} {count:,}" for language, count in counts.items())
        raise DataError(f"the files of this parallel set differ in their number of lines: {told}", path=at)
    return sorted(counts)


def _identities(plain: Collections, parallel: Collections, before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What tells each source from others; a file that looks as it did is not read for it."""
    known = {(entry["path"], entry["bytes"], entry["modified"]): entry["sha256"] for entry in before.get("files", ())}
    identities: list[dict[str, Any]] = []
    collections = [*plain.items(), *((f"parallel/{name}", files) for name, files in parallel.items())]
    for collection, files in collections:
        for file in files:
            status = file.path.stat()
            place = str(file.path.resolve()), status.st_size, status.st_mtime_ns
            sha256 = known.get(place) or _checksum(file.path)
            path, size, modified = place
            about = {"collection": collection, "language": file.language, "name": file.path.name, "path": path}
            identities.append({**about, "bytes": size, "modified": modified, "sha256": sha256})
    return identities


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _described(folder: Path) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads((folder / _DESCRIPTION).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _tell(files: Sequence[TextFile], described: Path | None) -> None:
    problems = [f"{file.path}: {problem}" for file in files for problem in file.problems]
    for problem in problems[:_TOLD]:
        _log.warning("%s", problem)
    if len(problems) > _TOLD and described is not None:
        _log.warning("and %d more problems with the text; all stand in %s", len(problems) - _TOLD, described)
