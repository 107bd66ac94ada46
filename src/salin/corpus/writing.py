"""Writing sentences: a file is whole or absent, a stream gets each line as it comes."""

from __future__ import annotations

import gzip
import io
import lzma
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Literal, cast, get_args

from salin.corpus.formats import conll, conllu, html, inline, jsonl, text
from salin.corpus.schemes import SCHEMES
from salin.corpus.sentence import Sentence
from salin.errors import SettingError
from salin.files import atomic_write

WriteFormat = Literal["conll", "conllu", "uner", "html", "jsonl", "inline", "text"]

_TAGGED = {"conll": conll.write, "conllu": conllu.write, "uner": conllu.write_uner}
_WRITERS = {**_TAGGED, "html": html.write, "jsonl": jsonl.write, "inline": inline.write, "text": text.write}
_PACKERS = {".xz": lzma.open, ".gz": gzip.open}


def write(
    sentences: Iterable[Sentence],
    target: str | Path | IO[str],
    format: WriteFormat,
    *,
    scheme: str | None = None,
    offsets: jsonl.Offsets | None = None,
) -> int:
    """Writes sentences.

    Args:
        sentences: Any number, consumed lazily.
        target: A path (the file appears only when it is whole; `.xz` and `.gz` are packed) or an open text stream.
        format: `"conll"` (word and tag), `"conllu"` (CoNLL-U with `NER=`), `"uner"` (the columns of Universal NER),
            `"jsonl"` (spans), `"inline"` (the open corpus's markup), `"text"` (marked lines for people), `"html"` (a
            page for people).
        scheme: Of the tags, where the format has tags: one of [SCHEMES][salin.corpus.schemes.SCHEMES]; by default
            IOB2.
        offsets: JSONL: what they count, `"characters"`, which is the default, or `"bytes"` of UTF-8.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When a sentence cannot be written in this format.
        SettingError: When there is no such format or scheme, or the format has none.
    """
    writer = _writer(format, scheme, offsets)
    if isinstance(target, str | Path):
        with _open(Path(target)) as file:
            return writer(sentences, file)
    return writer(sentences, target)


def _writer(format: str, scheme: str | None, offsets: str | None) -> Callable[[Iterable[Sentence], IO[str]], int]:
    if format not in _WRITERS:
        raise SettingError(f"there is no format {format!r}; there are {', '.join(get_args(WriteFormat))}")
    if scheme is not None and format not in _TAGGED:
        raise SettingError(f"{format} has no tags, so no scheme: choose {', '.join(_TAGGED)}")
    if offsets is not None and format != "jsonl":
        raise SettingError(f"{format} has no offsets: choose jsonl")
    if scheme is not None:
        if scheme not in SCHEMES:
            raise SettingError(f"there is no scheme {scheme!r}; there are {', '.join(SCHEMES)}")
        return partial(_TAGGED[format], scheme=scheme)
    if offsets is not None:
        if offsets not in get_args(jsonl.Offsets):
            raise SettingError(f"offsets is {offsets!r}; it can be {' or '.join(get_args(jsonl.Offsets))}")
        return partial(jsonl.write, offsets=cast(jsonl.Offsets, offsets))
    return _WRITERS[format]


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
        io.TextIOWrapper(packed, "utf-8", "backslashreplace", "\n") as file,  # pyright: ignore[reportArgumentType]
    ):
        yield file
