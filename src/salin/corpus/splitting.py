"""Running text: paragraphs and lines, then sentences by sentencex, then words; every offset kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, cast

import regex
import sentencex  # pyright: ignore[reportMissingTypeStubs]

from salin.corpus.sentence import Sentence
from salin.corpus.words import UNSPACED, segment_words

__all__ = ["segment_words", "split_sentences"]

_LINE = regex.compile(r"[^\n\r\x0b\x0c\x85\u2028\u2029]+")
_SURROGATE = regex.compile(r"[\ud800-\udfff]")
_CLUSTER = regex.compile(r"\X")
_UNSPACED = regex.compile(UNSPACED, regex.V1)
# A stop of any script; one of these three is none inside of a word ("3.5", "example.com").
_STOP = regex.compile(r"(?V1)(?:[.!?][\p{Pe}\p{Pf}\p{Pi}\"']*(?=\s|$)|[\p{STerm}--[.!?]][\p{Pe}\p{Pf}]*)")
# Wrapped text is set to a width that a mail program, a terminal or a book of plain text uses.
_WRAP_WIDTHS = range(40, 121)
# In running text of that width a sentence comes to its stop within so many lines.
_LINES_A_STOP = 12
# Not "a)" and "b.", which number the items of a list.
_LOWER = regex.compile(r"\s*[\p{Ps}\p{Pi}\"']*\p{Ll}(?![.)])")
_CAPITAL = regex.compile(r"[\p{Ps}\p{Pi}\"']*\p{Lu}(?!\p{Lu})")
# So many characters are given to sentencex at once: its time grows with their square in some scripts.
_WINDOW = 10_000
# A file may be one line. Its words and all that is computed of them are in memory together until a sentence ends.
_LONGEST = 100_000

_log = logging.getLogger(__name__)


def split_sentences(
    text: str, language: str = "en", *, on_cut: Callable[[int], None] | None = None
) -> Iterator[tuple[int, Sentence]]:
    """Splits running text into sentences with words, lazily.

    A blank line always ends a sentence. A single line break ends one too (headlines, lists, one sentence a line),
    unless the sentence plainly runs on over it. So it does in prose, where sentences come to a stop now and then and
    begin with a capital, if the next line begins in lower case, and the line before has no stop at its end and is
    nearly full, or the stop comes soon. And so it does in every line of a hard-wrapped paragraph: three lines or more,
    the longest of 40 to 120 characters, each ending in a stop or so full that the first word of the next would not
    have fitted, and not most of them beginning with a capital.
    Where no sentence ends within 100,000 characters, the text is cut at white space, and said to be.

    Args:
        text: Any text of any length.
        language: ISO 639 code, for abbreviations and punctuation; an unknown one is treated as English.
        on_cut: Told where the text is cut inside a sentence, before what stands there is given out; None logs a
            warning.

    Yields:
        `(offset, sentence)` in order, where `text[offset:offset + len(sentence.text)] == sentence.text`; sentences
        neither begin nor end with white space, none is empty, and only white space lies between them.
    """
    on_cut = on_cut or _warn
    for start, end in _blocks(text):
        for first, last in _sentences(text, start, end, language, on_cut):
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
    runs_on = _runs_on([text[start:end].strip() for start, end in lines])
    start, end = lines[0]
    for (next_start, next_end), joined in zip(lines[1:], runs_on, strict=True):
        if not joined:
            yield start, end
            start = next_start
        end = next_end
    yield start, end


def _runs_on(lines: list[str]) -> list[bool]:
    """For each line break of a paragraph, whether a sentence runs on over it."""
    runs_on = [False] * (len(lines) - 1)
    paragraph = "\n".join(lines)
    stops = [match.end() for match in _STOP.finditer(paragraph)]
    begins = [0, *(stop for stop in stops if stop < len(paragraph))]
    in_lower_case = sum(_LOWER.match(paragraph, begin) is not None for begin in begins)
    if _LINES_A_STOP * (len(stops) + 1) < len(lines) or 2 * in_lower_case > len(begins):
        return runs_on
    width = max(map(len, lines))
    if stops and _is_wrapped(lines, width):
        return [True] * len(runs_on)
    # The last line that surely belongs to the sentence so far.
    last = 0
    for number, (before, line) in enumerate(pairwise(lines), 1):
        if _ends_in_stop(before) or not _LOWER.match(line) or number - last > _LINES_A_STOP:
            last = number
        elif _STOP.search(line) or (last == number - 1 and _is_full(before, line, width, 0.8)):
            runs_on[last:number] = [True] * (number - last)
            last = number
    return runs_on


def _is_wrapped(lines: list[str], width: int) -> bool:
    """Whether the lines of a paragraph were broken at a fixed width."""
    inside = [pair for pair in pairwise(lines) if not _ends_in_stop(pair[0])]
    capitals = sum(_CAPITAL.match(following) is not None for _, following in inside)
    full = (_is_full(line, following, width) for line, following in inside)
    # A single name may stand there by chance; titles, each on its line, begin with capitals throughout.
    return len(lines) > 2 and all(full) and (capitals <= 1 or 3 * capitals <= 2 * len(inside))


def _is_full(line: str, following: str, width: int, share: float = 1) -> bool:
    """Whether the first word of the next line would not have fitted into this share of a line."""
    word = following.split(maxsplit=1)[0]
    room = 1 if _UNSPACED.match(word) else 1 + len(word)
    return width in _WRAP_WIDTHS and len(line) + room > share * width


def _ends_in_stop(line: str) -> bool:
    return any(match.end() == len(line) for match in _STOP.finditer(line))


def _warn(position: int) -> None:
    _log.warning("no sentence ends in %s characters, so the text was cut at character %s", f"{_LONGEST:,}", position)


def _sentences(
    text: str, start: int, end: int, language: str, on_cut: Callable[[int], None]
) -> Iterator[tuple[int, int]]:
    """Sentence offsets in one block, window by window so that a long block costs time in proportion to its length."""
    first = start
    while start < end:
        window = text[start : min(end, start + _WINDOW)]
        ends = _sentence_ends(window, language)
        if start + len(window) < end:
            # The last sentence of a window may go on behind it, so it is read again at the start of the next.
            ends = ends[:-1]
        if not ends:
            start += _pause(window)
            if start - first > _LONGEST - _WINDOW:
                on_cut(start)
                yield first, start
                first = start
            continue
        for stop in ends:
            yield first, start + stop
            first = start + stop
        start = first


def _sentence_ends(window: str, language: str) -> list[int]:
    """Offsets behind each sentence; lone surrogates, which cannot be encoded, are hidden from the library."""
    safe = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", window)
    boundaries = cast(list[dict[str, Any]], sentencex.get_sentence_boundaries(language, safe))  # pyright: ignore
    return [boundary["end_index"] for boundary in boundaries]


def _pause(window: str) -> int:
    """Where a window without any sentence end comes apart: at its last white space, or between grapheme clusters."""
    for position in range(len(window), len(window) // 2, -1):
        if window[position - 1].isspace():
            return position
    tail = max(0, len(window) - 200)
    return tail + list(_CLUSTER.finditer(window[tail:]))[-1].start()
