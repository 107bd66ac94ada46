"""Running text: paragraphs and lines, then sentences by sentencex, then words; every offset kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import regex
import sentencex  # pyright: ignore[reportMissingTypeStubs]

from salin.corpus.sentence import Sentence
from salin.corpus.words import segment_words

__all__ = ["segment_words", "split_sentences"]

_LINE = regex.compile(r"[^\n\r\x0b\x0c\x85\u2028\u2029]+")
_SURROGATE = regex.compile(r"[\ud800-\udfff]")
_CLUSTER = regex.compile(r"\X")
# Wrapped text is set to a width that a mail program, a terminal or a book of plain text uses.
_WRAP_WIDTHS = range(40, 121)
# sentencex takes time in the square of a paragraph's length in some scripts; and a "sentence" beyond this is none.
_LONGEST = 10_000


def split_sentences(text: str, language: str = "en") -> Iterator[tuple[int, Sentence]]:
    """Splits running text into sentences with words, lazily.

    A blank line always ends a sentence. A single line break ends one too (headlines, lists, one sentence a line),
    unless the next line goes on in lower case, or the paragraph is hard-wrapped: its longest line has 40 to 120
    characters, and each line ends in a full stop or is so full that the first word of the next would not have fitted.
    No sentence is longer than 10,000 characters; longer ones are cut at white space.

    Args:
        text: Any text of any length.
        language: ISO 639 code, for abbreviations and punctuation; an unknown one is treated as English.

    Yields:
        `(offset, sentence)` in order, where `text[offset:offset + len(sentence.text)] == sentence.text`; sentences
        neither begin nor end with white space, none is empty, and only white space lies between them.
    """
    for start, end in _blocks(text):
        for first, last in _sentences(text, start, end, language):
            piece = text[first:last]
            stripped = piece.strip()
            if stripped:
                offset = first + len(piece) - len(piece.lstrip())
                yield offset, Sentence(stripped, segment_words(stripped))


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines that belong together: no blank line and no line break that ends a sentence lies inside."""
    paragraph: list[tuple[int, int]] = []
    for match in _LINE.finditer(text):
        line = match.span()
        if paragraph and _blank_between(text, paragraph[-1][1], line[0]):
            yield from _joined_lines(text, paragraph)
            paragraph = []
        if not match[0].isspace():
            paragraph.append(line)
        elif paragraph:
            yield from _joined_lines(text, paragraph)
            paragraph = []
    if paragraph:
        yield from _joined_lines(text, paragraph)


def _blank_between(text: str, end: int, start: int) -> bool:
    return start - end > 1 and text[end:start] != "\r\n"


def _joined_lines(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    contents = [text[start:end].strip() for start, end in lines]
    width = max(len(line) for line in contents)
    full = [
        len(line) + 1 + len(following.split(maxsplit=1)[0]) > width or line[-1] in ".!?。！？"
        for line, following in pairwise(contents)
    ]
    wrapped = width in _WRAP_WIDTHS and all(full)
    start, end = lines[0]
    for (next_start, next_end), content in zip(lines[1:], contents[1:], strict=True):
        if not wrapped and not content[0].islower():
            yield start, end
            start = next_start
        end = next_end
    yield start, end


def _sentences(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """Sentence offsets in one block, window by window so that a long block costs time in proportion to its length."""
    while start < end:
        window = text[start : min(end, start + _LONGEST)]
        ends = _sentence_ends(window, language)
        if start + len(window) < end:
            # The last sentence of a window may go on behind it, so it is read again at the start of the next.
            ends = ends[:-1] or [_cut(window)]
        previous = 0
        for stop in ends:
            yield start + previous, start + stop
            previous = stop
        start += previous


def _sentence_ends(window: str, language: str) -> list[int]:
    """Offsets behind each sentence; lone surrogates, which cannot be encoded, are hidden from the library."""
    safe = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", window)
    boundaries = cast(list[dict[str, Any]], sentencex.get_sentence_boundaries(language, safe))  # pyright: ignore
    return [boundary["end_index"] for boundary in boundaries]


def _cut(window: str) -> int:
    """Where to cut a window without any sentence end: at its last white space, or between two grapheme clusters."""
    for position in range(len(window), len(window) // 2, -1):
        if window[position - 1].isspace():
            return position
    tail = max(0, len(window) - 200)
    return tail + list(_CLUSTER.finditer(window[tail:]))[-1].start()
