r"""The markup of the open corpus: `[Ginebra](LOC), 23 de mayo ([EFECOM](ORG)).`, one sentence a line.

A literal `[`, `]` or `\` is written `\[`, `\]`, `\\`; a line break inside a sentence `\n` or `\r`, and a sentence that
begins with `#` begins with `\#`, since lines with `#` are comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO

from salin.corpus.formats.source import BadSentence, Source
from salin.corpus.sentence import Entity, Sentence
from salin.corpus.words import segment_words
from salin.errors import DataError

_PLAIN = r"(?:\\[\\\[\]#nr]|[^\\\[\]])"
_PIECE = re.compile(rf"(?P<text>{_PLAIN}+)|\[(?P<name>{_PLAIN}*)\]\((?P<label>[^\s()\[\]\\]+)\)|(?P<bad>[\s\S])")
_ESCAPED = re.compile(r"\\([\\\[\]#nr])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = {"n": "\n", "r": "\r"}
_REMEDY = r"A mark is [name](TYPE); a literal bracket or backslash is written \[ \] \\"
#: What tells this format from plain text.
MARK = re.compile(rf"(?<!\\)\[{_PLAIN}+\]\([A-Z][A-Za-z_-]*\)")


def read(source: Source, *, labelled: bool = True) -> Iterator[Sentence]:
    """Reads sentences, lazily.

    Args:
        source: The lines.
        labelled: False for text to be tagged: the marks are taken out and not read.

    Yields:
        A sentence with words (cut at the edges of entities) and entities.

    Raises:
        DataError: As `source.on_error` says.
    """
    for number, line in source.lines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            source.check([number])
            sentence = _parse(line, number, source)
            yield sentence if labelled else replace(sentence, words=segment_words(sentence.text), entities=())
        except BadSentence:
            continue


def _parse(line: str, number: int, source: Source) -> Sentence:
    parts: list[str] = []
    entities: list[Entity] = []
    position = 0
    for match in _PIECE.finditer(line):
        if match["bad"] is not None:
            found = f"{match['bad']!r} in column {match.start() + 1} belongs to no mark"
            source.bad(found, number, remedy=_REMEDY, repair="a stray bracket or backslash read as itself")
        piece = _unescape(match["text"] or match["name"] or match["bad"] or "")
        if match["label"]:
            if not piece or piece != piece.strip():
                what = "white space at the edge of a mark" if piece.strip() else "an empty mark"
                source.bad(f"{what}: {match[0]}", number, remedy=_REMEDY, repair=f"{what} taken out")
            stripped = piece.strip()
            start = position + len(piece) - len(piece.lstrip())
            if stripped:
                entities.append(Entity(start, start + len(stripped), stripped, match["label"]))
        parts.append(piece)
        position += len(piece)
    text = "".join(parts)
    words = segment_words(text, [edge for e in entities for edge in (e.start, e.end)])
    return Sentence(text, words, tuple(entities), origin=f"{source.name}:{number}")


def write(sentences: Iterable[Sentence], file: IO[str]) -> int:
    """Writes one marked sentence a line; sentences of nothing but white space are left out.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When a label holds a character that a mark cannot.
    """
    count = 0
    for sentence in sentences:
        if sentence.text.strip():
            file.write(format_sentence(sentence) + "\n")
            count += 1
    return count


def format_sentence(sentence: Sentence) -> str:
    """One sentence in the markup, on one line.

    Raises:
        DataError: When a label holds a character that a mark cannot, or the text half of a surrogate pair.
    """
    if _SURROGATE.search(sentence.text):
        raise DataError(f"half of a surrogate pair in {sentence.text!r} is no character", remedy="Write JSONL instead")
    parts: list[str] = []
    position = 0
    for entity in sentence.entities:
        if not re.fullmatch(r"[^\s()\[\]\\\ud800-\udfff]+", entity.label):
            raise DataError(f"the label {entity.label!r} cannot stand in a mark", remedy="Write JSONL instead")
        parts.append(_escape(sentence.text[position : entity.start]))
        parts.append(f"[{_escape(sentence.text[entity.start : entity.end])}]({entity.label})")
        position = entity.end
    parts.append(_escape(sentence.text[position:]))
    line = "".join(parts)
    return "\\" + line if line.startswith("#") else line


def _escape(text: str) -> str:
    return re.sub(r"[\\\[\]]", r"\\\g<0>", text).replace("\n", "\\n").replace("\r", "\\r")


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _CONTROL.get(match[1], match[1]), text)
