"""Apertium's stream format: sentences put into it, words marked so that they can be followed, and all of it read back.

Apertium 3.8 carries blanks that are bound to a word (`[[t:s:7]]word[[/]]`) through all of its stages, also where words
change places. So a mark at each word that the analyser found says of each word of the translation which words of the
original it came from; and words that are translated as one (Estados Unidos) stay one, since they are marked only then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from salin.translation.translator import Link, Translation

#: Stands between two sentences; each stage of a pipeline flushes there, and starts afresh.
SEPARATOR = "\0"
_SPECIAL = re.compile(r"[\\\[\]{}^$/@<>]")
# A control character could end a sentence or a line inside a tool.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ANALYSED = re.compile(r"\^((?:\\.|[^\\/$])*)(?:\\.|[^\\$])*\$", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(
    r"(?P<close>\[\[/\]\])|\[\[(?P<open>[^\]]*)\]\]|(?P<blank>\[(?:\\.|[^\]\\])*\])|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)
_MARK = re.compile(r"t:s:(\d+)")


@dataclass(frozen=True, slots=True)
class Marked:
    """A sentence whose analysed words are marked.

    Attributes:
        stream: The analysis with the marks.
        first: Number of its first mark.
        spans: For each mark the span of the original that it stands for.
    """

    stream: str
    first: int
    spans: tuple[tuple[int, int], ...]


def escape(text: str) -> str:
    """A text as the analyser reads it: nothing in it is a command, a mark or the end of a sentence."""
    return _SPECIAL.sub(r"\\\g<0>", _CONTROL.sub(" ", text))


def mark_words(analysed: str, original: str, first: int) -> Marked:
    """Marks each word of an analysed sentence.

    Args:
        analysed: What the analyser made of the sentence.
        original: The sentence.
        first: Number of the first mark; no other sentence of the same run has the same numbers.
    """
    clean = _CONTROL.sub(" ", original)
    spans: list[tuple[int, int]] = []
    position = 0

    def marked(match: re.Match[str]) -> str:
        nonlocal position
        surface = _ESCAPED.sub(r"\1", match[1])
        start = clean.find(surface, position)
        if start < 0 or not surface:
            return match[0]
        position = start + len(surface)
        spans.append((start, position))
        return f"[[t:s:{first + len(spans) - 1}]]{match[0]}[[/]]"

    stream = _ANALYSED.sub(marked, analysed)
    return Marked(stream, first, tuple(spans))


def read_translation(stream: str, marked: Marked) -> Translation:
    """Reads a translated sentence with its marks.

    Args:
        stream: What the last stage gave.
        marked: What was translated.

    Raises:
        ValueError: When a mark is of another sentence: the stages lost a separator.
    """
    text: list[str] = []
    links: list[Link] = []
    begun, marks = 0, list[int]()
    for piece in _PIECE.finditer(stream):
        kind = piece.lastgroup
        if kind == "open":
            begun, marks = len(text), [int(number) - marked.first for number in _MARK.findall(piece["open"])]
            if any(not 0 <= mark < len(marked.spans) for mark in marks):
                raise ValueError("a mark of another sentence")
        elif kind == "close":
            links += [Link(begun, len(text), *marked.spans[mark]) for mark in marks if begun < len(text)]
            marks = []
        elif kind != "blank":
            text.append(piece["escaped"] or piece["plain"])
    return Translation("".join(text), links=tuple(links))
