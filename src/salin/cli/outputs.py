"""What `salin tag` writes: lines for programs, marked text for people, whole files or a stream."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from rich.text import Text

from salin.cli.console import output
from salin.corpus import Sentence, write
from salin.errors import SettingError

OutputFormat = Literal["text", "jsonl", "conll", "conllu", "html"]
_SUFFIXES: dict[str, OutputFormat] = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conll": "conll",
    ".bio": "conll",
    ".iob2": "conll",
    ".conllu": "conllu",
    ".html": "html",
    ".htm": "html",
}
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def choose_format(given: OutputFormat | None, path: Path | None, *, folder: bool = False) -> OutputFormat:
    """The format asked for; else that of the file's ending; else text on a terminal and JSON lines for programs.

    Args:
        given: What was asked for, if anything was.
        path: Where the output goes; None is standard output.
        folder: Whether that is a folder, whose name says nothing.

    Raises:
        SettingError: When the file's ending is that of no format.
    """
    if given is not None:
        return given
    if path is None:
        return "text" if output.is_terminal else "jsonl"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix not in (".gz", ".xz")]
    if folder or not suffixes:
        return "jsonl"
    if suffixes[-1] not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise SettingError(f"{path}: {suffixes[-1]} is the ending of no output format: give --to, or one of {known}")
    return _SUFFIXES[suffixes[-1]]


def write_tagged(sentences: Iterable[Sentence], path: Path | None, to: OutputFormat) -> int:
    """Writes sentences as they come.

    Args:
        sentences: Any number.
        path: A file, which appears only when it is whole; None is standard output.
        to: The format; text on a terminal is coloured.

    Returns:
        How many sentences were written.
    """
    if path is not None:
        return write(sentences, path, to)
    if to != "text" or not output.is_terminal:
        return write(sentences, sys.stdout, to)
    count = 0
    for sentence in sentences:
        output.print(highlighted(sentence), soft_wrap=True)
        for neighbour in sentence.neighbours:
            line = Text(f"    {neighbour.similarity:.2f}  ", style="dim")
            output.print(line + highlighted(neighbour.sentence), soft_wrap=True, style="dim")
        count += 1
    return count


def highlighted(sentence: Sentence) -> Text:
    """A sentence with its entities in colour, each with its label behind it, on one line."""
    line = Text()
    position = 0
    for entity in sentence.entities:
        line.append(_flat(sentence.text[position : entity.start]))
        # The same label always has the same colour.
        colour = _COLOURS[zlib.crc32(entity.label.encode("utf-8", "replace")) % len(_COLOURS)]
        line.append(_flat(entity.text), style=f"bold {colour}")
        line.append(f" {entity.label}", style=f"dim {colour}")
        position = entity.end
    line.append(_flat(sentence.text[position:]))
    return line


def _flat(text: str) -> str:
    """Text without line breaks, and without control characters that would command the terminal."""
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text)
