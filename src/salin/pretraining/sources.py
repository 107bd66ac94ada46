"""Where text comes from: files of many kinds, read line by line, with a record of all that was left out or replaced."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from salin.corpus import iter_sentences
from salin.corpus.detection import COLUMNS
from salin.corpus.formats.source import BadSentence, OnError, Source
from salin.errors import DataError
from salin.pretraining.opening import PACKED, bounded_lines, open_text, parquet_rows
from salin.values import is_object

_log = logging.getLogger(__name__)
#: The language of text of which nobody has said it, as ISO 639-2 calls it.
UNDETERMINED = "und"
# Bytes of a line that are looked at together: those of a longer line of text are cut at white space, while a JSON
# object is of use as a whole alone.
_LONGEST_LINE, _LONGEST_RECORD = 1 << 20, 1 << 28
# Folders are often called something else, and these codes are what people call them by.
_FOLDER = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_TEXTS = (".txt", ".jsonl", ".ndjson", ".parquet")


@dataclass
class TextFile:
    """One file of text, and what reading it has shown.

    Attributes:
        path: The file.
        language: ISO 639 code; records of JSONL and Parquet may say another one.
        lines: How many were taken.
        characters: How many these have.
        problems: What was left out or replaced, with line and remedy.
    """

    path: Path
    language: str
    lines: int = 0
    characters: int = 0
    problems: list[str] = field(default_factory=list[str])

    def read(self, on_error: OnError = "skip") -> Iterator[tuple[str, str]]:
        """The lines of the file without white space around them, each after its language; blank ones are left out.

        A text that holds line ends is as many lines. Lines of more than a megabyte are cut at white space.

        Args:
            on_error: What is done with bytes that are not UTF-8, bad records and files that are damaged: `"strict"`
                stops, `"repair"` reads U+FFFD for such bytes, `"skip"` leaves such lines out. Both latter go on
                behind, and behind a damaged file with the next one.

        Raises:
            DataError: In strict mode.
            SettingError: When what reads files of this kind is not installed.
        """
        try:
            for language, text in self._texts(on_error):
                for line in map(str.strip, text.split("\n")):
                    if line:
                        self.lines += 1
                        self.characters += len(line)
                        yield language, line
        except DataError as error:
            if on_error == "strict":
                raise
            at = "" if error.line is None else f" (at line {error.line})"
            self.problems.append(f"{error.reason}{at}; nothing behind was read. {error.remedy}")
        if not self.lines:
            self.problems.append("there is no text in it")

    def aligned(self, on_error: OnError = "skip") -> Iterator[str]:
        """Every line of a file of translations, which has to keep its place: empty for one that is missing or left out.

        Args:
            on_error: As for `read`.

        Raises:
            DataError: In strict mode, and always where the file is damaged.
        """
        with open_text(self.path) as stream:
            source = Source(bounded_lines(stream, _LONGEST_LINE), str(self.path), on_error, keep_tags=False)
            for number, pieces in groupby(source.whole_lines(), key=lambda line: line.number):
                text = "".join(piece.text for piece in pieces).strip()
                try:
                    source.check([number])
                except BadSentence:
                    text = ""
                self.lines += bool(text)
                self.characters += len(text)
                yield text
            self._note(source)

    def _texts(self, on_error: OnError) -> Iterator[tuple[str, str]]:
        kind = _kind(self.path)
        if kind == ".parquet":
            return self._rows(on_error)
        if kind in COLUMNS:
            return self._sentences(on_error)
        return self._packed(kind, on_error)

    def _sentences(self, on_error: OnError) -> Iterator[tuple[str, str]]:
        for sentence in iter_sentences(self.path, on_error=on_error, labelled=False, language=self.language):
            yield self.language, sentence.text

    def _packed(self, kind: str, on_error: OnError) -> Iterator[tuple[str, str]]:
        with open_text(self.path) as stream:
            longest = _LONGEST_LINE if kind == ".txt" else _LONGEST_RECORD
            source = Source(bounded_lines(stream, longest), str(self.path), on_error, keep_tags=False)
            try:
                if kind == ".txt":
                    for text in _text_lines(source):
                        yield self.language, text
                else:
                    for number, line in _whole_lines(source):
                        yield from self._record(_parsed(line, number, source), number, source)
            finally:
                self._note(source)

    def _rows(self, on_error: OnError) -> Iterator[tuple[str, str]]:
        source = Source((), str(self.path), on_error, keep_tags=False)
        try:
            for number, row in enumerate(parquet_rows(self.path, ("text", "language")), 1):
                yield from self._record(row, number, source)
        finally:
            self._note(source)

    def _record(self, record: Any, number: int, source: Source) -> Iterator[tuple[str, str]]:
        """The text of an object or a row, and its language."""
        try:
            if record is None:
                return
            text = record.get("text") if is_object(record) else None
            if not isinstance(text, str):
                source.bad("there is no text", number, remedy='An object is {"text": "...", "language": "xx"}')
                return
            language: object = cast("dict[str, Any]", record).get("language") or self.language
            if not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
                source.bad(f"{language!r} is no language code", number, remedy="Write one such as tl or zh-Hans")
                return
            whole = text.encode("utf-8", "replace").decode("utf-8")
            if whole != text:
                source.bad("half of a surrogate pair", number, repair="half of a surrogate pair read as ?")
            yield language, whole
        except BadSentence:
            return

    def _note(self, source: Source) -> None:
        for note in source.notes():
            remedy = ". Convert it (iconv -t UTF-8)" if "not UTF-8" in note else ""
            # `Source` counts sentences, and here each line is one.
            self.problems.append(re.sub(r"sentence(s?):", r"line\1:", note) + remedy)


def find_text(path: Path, language: str | None = None, exclude: Sequence[str] = ()) -> list[TextFile]:
    """The files of text in a folder, or the one file that is named, in the order in which they are read.

    Args:
        path: A folder that holds a folder for each language, the folder of one language, or a file. Text is
            taken from `.txt`, `.jsonl`, `.ndjson` and `.parquet`, packed with `.gz`, `.xz`, `.bz2` or `.zst` or not;
            a file that is named itself may be called anything, and is plain text then; of `.conll` and the like the
            words are read (not in a folder, lest a test set is read by the way).
        language: Of all text; None takes it from the name of the folder in `path`, or of `path` itself, where that is
            a code of two or three letters.
        exclude: Files left out, as `LANGUAGE/NAME`, the name without its suffixes.

    Raises:
        DataError: When there is no such file, or no text in the folder.
    """
    if not path.exists():
        raise DataError("there is no such file or folder", path=path, remedy=f"Look into {path.parent.resolve()}")
    if path.is_file():
        return [TextFile(path, language or UNDETERMINED)]
    found: list[TextFile] = []
    others: list[Path] = []
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        if not file.is_file() or any(part.startswith(".") for part in parts):
            continue
        if _inner_suffix(file) not in _TEXTS:
            others.append(file)
        else:
            own = language or next(filter(_FOLDER.fullmatch, (*parts[:-1][:1], path.name)), UNDETERMINED)
            if f"{own}/{file.name.split('.')[0]}" not in exclude:
                found.append(TextFile(file, own))
    if others:
        _log.warning("%s: left out %d files that are called like no text, %s first", path, len(others), others[0])
    if not found:
        remedy = "Expected LANGUAGE/NAME.txt, .jsonl or .parquet, packed with .gz, .xz, .bz2 or .zst or not"
        raise DataError("no text here", path=path, remedy=remedy)
    return found


def find_translations(folder: Path, sets: Iterable[str]) -> dict[str, list[TextFile]]:
    """The files of sets of translations, one a language and as many lines in each.

    Args:
        folder: Holds a folder for each set, with files `LANGUAGE.txt`, packed or not.
        sets: The names of those that are wanted.

    Raises:
        DataError: When a set is not there.
    """
    found: dict[str, list[TextFile]] = {}
    for name in sets:
        found[name] = [TextFile(path, path.name.split(".")[0]) for path in sorted((folder / name).glob("*.txt*"))]
        if not found[name]:
            remedy = "Expected two or more LANGUAGE.txt, packed with .gz, .xz, .bz2 or .zst or not"
            raise DataError("no parallel set here", path=folder / name, remedy=remedy)
    return found


def _text_lines(source: Source) -> Iterator[str]:
    for number, pieces in groupby(source.whole_lines(), key=lambda line: line.number):
        for count, line in enumerate(pieces):
            if count == 1:
                source.note(f"line {number} is longer than {_LONGEST_LINE:,} bytes and was read in pieces")
            try:
                source.check([number])
            except BadSentence:
                continue
            yield line.text


def _whole_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Lines that are of use as a whole alone."""
    for number, (first, *others) in groupby(source.whole_lines(), key=lambda line: line.number):
        try:
            source.check([number])
            if others:
                source.bad(f"longer than {_LONGEST_RECORD:,} bytes", number, remedy="Split the text")
            else:
                yield number, first.text
        except BadSentence:
            continue


def _parsed(line: str, number: int, source: Source) -> Any:
    """What a line of JSONL says; None for a blank one, and for one that is left out."""
    if not line.strip():
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        with suppress(BadSentence):
            source.bad(f"not JSON: {error}", number, remedy="JSONL has one whole object a line")
        return None


def _kind(path: Path) -> str:
    """What is in a file, as a suffix."""
    suffix = _inner_suffix(path)
    if suffix in COLUMNS:
        return COLUMNS[0]
    return ".jsonl" if suffix == ".ndjson" else suffix if suffix in _TEXTS else ".txt"


def _inner_suffix(path: Path) -> str:
    return Path(path.stem if path.suffix in PACKED else path.name).suffix
