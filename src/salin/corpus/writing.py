"""Writing sentences: a file is whole or absent, a stream gets each line as it comes."""

from __future__ import annotations

import gzip
import io
import lzma
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, get_args

from salin.corpus.formats import conll, html, inline, jsonl, text
from salin.corpus.sentence import Sentence
from salin.errors import SettingError
from salin.files import atomic_write

WriteFormat = Literal["conll", "html", "jsonl", "inline", "text"]

_WRITERS = {"conll": conll.write, "html": html.write, "jsonl": jsonl.write, "inline": inline.write, "text": text.write}
_PACKERS = {".xz": lzma.open, ".gz": gzip.open}


def write(sentences: Iterable[Sentence], target: str | Path | IO[str], format: WriteFormat) -> int:
    """Writes sentences.

    Args:
        sentences: Any number, consumed lazily.
        target: A path (the file appears only when it is whole; `.xz` and `.gz` are packed) or an open text stream.
        format: `"conll"` (word and IOB2 tag), `"jsonl"` (spans in characters), `"inline"` (the open corpus's markup),
            `"text"` (marked lines for people), `"html"` (a page for people).

    Returns:
        How many sentences were written.

    Raises:
        DataError: When a sentence cannot be written in this format.
        SettingError: When there is no such format.
    """
    if format not in _WRITERS:
        raise SettingError(f"there is no format {format!r}; there are {', '.join(get_args(WriteFormat))}")
    writer = _WRITERS[format]
    if isinstance(target, str | Path):
        with _open(Path(target)) as file:
            return writer(sentences, file)
    return writer(sentences, target)


@contextmanager
def _open(path: Path) -> Generator[IO[str]]:
    packer = _PACKERS.get(path.suffix)
    if packer is None:
        with atomic_write(path) as file:
            yield file
        return
    with (
        atomic_write(path, "wb") as raw,
        packer(raw, "wb") as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as file,  # pyright: ignore[reportArgumentType]
    ):
        yield file
