"""Spans as people and tools annotate them: in characters or bytes, with stray spaces, nested, out of range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from salin.corpus.formats.source import Source, option


class RawSpan(NamedTuple):
    """A span as it stands in a file.

    Attributes:
        start: Where it begins.
        end: Where it ends, exclusive.
        label: Its type.
        surface: What the file says stands there, if it says so.
        in_bytes: Whether its keys say that the offsets count bytes.
    """

    start: int
    end: int
    label: str
    surface: str | None = None
    in_bytes: bool = False


def clean_spans(
    spans: Sequence[RawSpan], text: str, line: int, source: Source, offsets: str | None = None
) -> list[tuple[int, int, str]]:
    """Makes spans into entities in characters: in order, in range, without overlap and without space at the edges.

    Args:
        spans: In any order.
        text: The text that they annotate.
        line: For messages.
        source: What to do about bad ones.
        offsets: `"bytes"` (UTF-8), `"characters"`, or None to tell it from the spans.

    Returns:
        `(start, end, label)` of each.

    Raises:
        DataError: In strict mode, at a span that is out of range, empty, overlaps another, touches outer white space,
            or does not hold the text that the file says it holds.
    """
    in_bytes = offsets == "bytes" or (offsets is None and _counts_bytes(spans, text))
    positions = _byte_positions(text) if in_bytes else None
    if offsets is None and not in_bytes and _stand_in_bytes_alone(spans, text):
        # Never repaired: cut to what stands there in characters, each span would be a wrong one.
        source.bad(
            "the spans fit the text if their offsets count UTF-8 bytes, not if they count characters",
            line,
            remedy=f"Say that they do ({option('offsets', 'bytes')})",
        )
    found: list[tuple[int, int, str]] = []
    for span in spans:
        placed = _placed(span, positions)
        where = f"the span {span.start}..{span.end} {span.label}"
        if not 0 <= placed[0] < placed[1] <= len(text):
            size = f"{len(text)} characters" if positions is None else f"{max(positions)} bytes"
            source.bad(
                f"{where} does not fit a text of {size}",
                line,
                remedy=f"Offsets count from 0, the end exclusive, in characters or in bytes ({option('offsets')})",
                repair="a span out of range left out",
            )
            continue
        start, end = _trimmed(*placed, text)
        if (start, end) != placed:
            source.bad(f"{where} begins or ends with white space", line, repair="white space at the edge of a span cut")
            if start >= end:
                continue
        if span.surface is not None and span.surface.strip() != text[start:end]:
            source.bad(
                f"{where} is {text[start:end]!r}, but is said to be {span.surface!r}",
                line,
                remedy="Are the offsets those of another text, or of bytes or UTF-16?",
                repair="a span at the wrong place left out",
            )
            continue
        found.append((start, end, span.label))
    return _without_overlap(found, line, source)


def _without_overlap(spans: list[tuple[int, int, str]], line: int, source: Source) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    # The longest of nested spans comes first, and stays.
    for span in sorted(set(spans), key=lambda s: (s[0], -s[1], s[2])):
        if kept and span[0] < kept[-1][1]:
            source.bad(
                f"the spans {kept[-1][0]}..{kept[-1][1]} and {span[0]}..{span[1]} overlap",
                line,
                remedy="Entities are flat: keep the longest",
                repair="a span that overlaps an earlier or longer one left out",
            )
        else:
            kept.append(span)
    return kept


def _counts_bytes(spans: Sequence[RawSpan], text: str) -> bool:
    if any(span.in_bytes for span in spans):
        return True
    given = [span for span in spans if span.surface is not None]
    if not given or all(text[s.start : s.end] == s.surface for s in given):
        return False
    raw = text.encode("utf-8", "surrogatepass")
    return all(raw[s.start : s.end].decode("utf-8", "replace") == s.surface for s in given)


def _stand_in_bytes_alone(spans: Sequence[RawSpan], text: str) -> bool:
    """Whether all spans begin and end with a character that is no white space if offsets count bytes, and else not."""

    def stand(positions: dict[int, int] | None) -> bool:
        placed = (_placed(span, positions) for span in spans)
        return all(0 <= s < e <= len(text) and not text[s].isspace() and not text[e - 1].isspace() for s, e in placed)

    # A surface that is given tells the unit by itself.
    without_surface = all(span.surface is None for span in spans)
    return without_surface and not text.isascii() and not stand(None) and stand(_byte_positions(text))


def _placed(span: RawSpan, positions: dict[int, int] | None) -> tuple[int, int]:
    """Where a span stands in characters; -1 for a byte inside of one."""
    if positions is None:
        return span.start, span.end
    return positions.get(span.start, -1), positions.get(span.end, -1)


def byte_offsets(text: str) -> list[int]:
    """How many bytes of UTF-8 stand before each character, and before the end."""
    return list(accumulate((len(c.encode("utf-8", "surrogatepass")) for c in text), initial=0))


def _byte_positions(text: str) -> dict[int, int]:
    """From the byte where a character begins (and the end of the text) to the character."""
    return {byte: index for index, byte in enumerate(byte_offsets(text))}


def _trimmed(start: int, end: int, text: str) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
