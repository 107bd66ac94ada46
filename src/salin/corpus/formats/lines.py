"""One sentence a line, because the user says so: titles, messages, the output of a sentence splitter."""

from __future__ import annotations

from collections.abc import Iterator

from salin.corpus.formats.source import BadSentence, Source
from salin.corpus.sentence import Sentence
from salin.corpus.words import segment_words


def read(source: Source) -> Iterator[Sentence]:
    """Takes every line that is not blank as a sentence, lazily.

    Args:
        source: The lines.

    Yields:
        A sentence with words and no entities; its `extra` holds its `offset` in the file.
    """
    for number, offset, line in source.whole_lines():
        text = line.strip()
        if not text:
            continue
        try:
            source.check([number])
        except BadSentence:
            continue
        offset += len(line) - len(line.lstrip())
        yield Sentence(text, segment_words(text), origin=f"{source.name}:{number}", extra={"offset": offset})
