"""A page for people: entities marked in colour, whole in one file, with nothing in it that a browser would run."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from salin.corpus.sentence import Entity, Sentence

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
# Control characters and halves of surrogate pairs are no characters of HTML (tab and line ends are).
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile("[&<>\"']")
_HEAD = """<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Entities</title>
<style>
body { font: 1.1rem/1.9 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
p { white-space: pre-wrap; margin: .4rem 0; overflow-wrap: anywhere; }
mark { background: hsl(var(--hue) 80% 88%); color: inherit; border-radius: .3em; padding: .1em .3em; }
mark small { font-size: .65em; font-weight: 600; color: hsl(var(--hue) 60% 28%); margin-inline-start: .4em; }
details { margin: 0 0 .8rem 1rem; font-size: .85em; color: #555; }
</style>
</head>
<body>
"""
_FOOT = "</body>\n</html>\n"


def write(sentences: Iterable[Sentence], file: IO[str]) -> int:
    """Writes a page with one paragraph a sentence, lazily, and below it what a tagger learned from, folded.

    Returns:
        How many sentences were written.
    """
    file.write(_HEAD)
    count = 0
    for sentence in sentences:
        file.write(f'<p dir="auto">{_marked(sentence)}</p>\n')
        if sentence.neighbours:
            learned = [
                f'<p dir="auto">{neighbour.similarity:.2f}  {_marked(neighbour.sentence)}</p>\n'
                for neighbour in sentence.neighbours
            ]
            file.write(f"<details><summary>learned from</summary>\n{''.join(learned)}</details>\n")
        count += 1
    file.write(_FOOT)
    return count


def escape(text: str) -> str:
    """Text as it may stand in an element or a quoted attribute; what HTML cannot hold becomes U+FFFD."""
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))


def _marked(sentence: Sentence) -> str:
    return "".join(_pieces(sentence))


def _pieces(sentence: Sentence) -> Iterator[str]:
    position = 0
    for entity in sentence.entities:
        yield escape(sentence.text[position : entity.start])
        yield _mark(entity, sentence.text[entity.start : entity.end])
        position = entity.end
    yield escape(sentence.text[position:])


def _mark(entity: Entity, text: str) -> str:
    label = escape(entity.label)
    title = label if entity.score is None else f"{label} {entity.score:.2f}"
    # The same label has the same colour on every page.
    hue = zlib.crc32(entity.label.encode("utf-8", "replace")) % 360
    return f'<mark style="--hue: {hue}" title="{title}">{escape(text)}<small>{label}</small></mark>'
