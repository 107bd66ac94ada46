"""Plain text: paragraphs are split into sentences as they come, so that a file of any size fits into memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from typing import IO

from salin.corpus.formats.source import BadSentence, Line, Source
from salin.corpus.sentence import Sentence
from salin.corpus.splitting import split_sentences
from salin.errors import DataError

# A file with one sentence a line has no blank lines; so many characters of it are looked at together.
_LARGEST_PARAGRAPH = 100_000


def read(source: Source, language: str = "en", *, cuts: bool = True) -> Iterator[Sentence]:
    """Splits text into sentences, lazily, a paragraph at a time.

    A blank line ends a paragraph; what a single line break means is said at
    [split_sentences][salin.corpus.splitting.split_sentences]. So a file with one document a line, one with one
    sentence a line and a book with wrapped lines are all read as a reader would read them.

    Args:
        source: The lines.
        language: ISO 639 code, for the sentence splitter.
        cuts: Whether text in which no sentence ends may be cut, of which the first is noted.

    Yields:
        A sentence with words and no entities; its origin names the line that it begins in, and its `extra` its
        `offset` in the file.

    Raises:
        DataError: When text has to be cut and must not be.
    """
    noted = False
    for paragraph in paragraphs(source):
        first = paragraph[0]
        # Where each line begins in the paragraph.
        starts = list(accumulate((len(line.text) for line in paragraph[:-1]), initial=0))
        positions: list[int] = []
        for start, sentence in split_sentences(
            "".join(line.text for line in paragraph), language, on_cut=positions.append
        ):
            number = first.number + bisect_right(starts, start) - 1
            if positions and not noted:
                _say_cut(source, number, cuts=cuts)
                noted = True
            yield replace(sentence, origin=f"{source.name}:{number}", extra={"offset": first.offset + start})


def _say_cut(source: Source, number: int, *, cuts: bool) -> None:
    reason = "no sentence ends in so long a line, and a name may stand where it is cut"
    if not cuts:
        remedy = "Break the line where sentences end, or leave out --on-overflow error"
        raise DataError(reason, path=source.name, line=number, remedy=remedy)
    source.note(f"line {number}: {reason} (the first of its kind)")


def paragraphs(source: Source) -> Iterator[list[Line]]:
    """What is looked at together: lines up to a blank one, or up to so many characters.

    Reading could begin afresh at the line behind each and would find the same.
    """
    lines: list[Line] = []
    size = 0
    for line in source.whole_lines():
        blank = not line.text.strip()
        try:
            source.check([line.number])
        except BadSentence:
            blank = True
        if lines and (blank or size > _LARGEST_PARAGRAPH):
            yield lines
            lines, size = [], 0
        if not blank:
            lines.append(line)
            size += len(line.text)
    if lines:
        yield lines


def write(sentences: Iterable[Sentence], file: IO[str]) -> int:
    r"""Writes one line a sentence for people to read, with entities marked as `[Ginebra](LOC)`.

    Line breaks become spaces, and literal brackets and backslashes are not escaped: this is not meant to be read back.
    What a tagger learned from stands below, indented, each with its similarity.

    Returns:
        How many sentences were written.
    """
    count = 0
    for sentence in sentences:
        file.write(_marked(sentence) + "\n")
        for neighbour in sentence.neighbours:
            file.write(f"    {neighbour.similarity:.2f}  {_marked(neighbour.sentence)}\n")
        count += 1
    return count


def _marked(sentence: Sentence) -> str:
    parts: list[str] = []
    position = 0
    for entity in sentence.entities:
        parts += [sentence.text[position : entity.start], f"[{entity.text}]({entity.label})"]
        position = entity.end
    parts.append(sentence.text[position:])
    # Half of a surrogate pair, as a terminal gives for what is not UTF-8, can stand in no file.
    return " ".join("".join(parts).splitlines()).encode("utf-8", "replace").decode("utf-8")
