"""Standard input that somebody types or a program writes into: what has come is tagged, not kept until more comes."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from salin.cli.console import note
from salin.corpus import Sentence, SentenceTagger
from salin.corpus.formats.source import Source
from salin.corpus.reading import sentences_of

# So many sentences are tagged together where they come quickly, as they are from a file.
_TOGETHER = 1024
# Seconds that a sentence waits for others to be tagged with.
_MOMENT = 0.05
_CHUNK = 1 << 16


class LiveLines:
    """The lines of a pipe or terminal, which can tell whether the next one is there.

    Args:
        descriptor: Of the pipe or terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._begun: list[bytes] = []
        self._ended = self._quiet = False

    @classmethod
    def of_standard_input(cls) -> LiveLines | None:
        """Standard input where it is a pipe, a socket or a terminal; None where all of it is there already."""
        try:
            descriptor = sys.stdin.fileno()
        except (OSError, ValueError, AttributeError):  # none, closed, or no file at all
            return None
        mode = os.fstat(descriptor).st_mode
        live = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
        # Elsewhere `select` knows of sockets alone.
        return cls(descriptor) if live and os.name == "posix" else None

    def __iter__(self) -> Iterator[bytes]:
        """The lines as they come."""
        return self

    def __next__(self) -> bytes:
        """The next line, for which it waits."""
        while not self._lines:
            if self._ended:
                raise StopIteration
            self._take()
        return self._lines.popleft()

    def waits(self, seconds: float) -> bool:
        """Whether no whole line is there, and none comes within so many seconds; at once where none came before."""
        until = time.monotonic() + seconds
        while not (self._lines or self._ended):
            left = 0 if self._quiet else max(0, until - time.monotonic())
            if not select.select([self._descriptor], [], [], left)[0]:
                self._quiet = True
                return True
            self._take()
        return False

    def _take(self) -> None:
        chunk = os.read(self._descriptor, _CHUNK)
        self._quiet = False
        whole, end, rest = chunk.rpartition(b"\n")
        if end or not chunk:
            self._lines.extend(io.BytesIO(b"".join([*self._begun, whole, end])))
            self._begun.clear()
        self._ended = not chunk
        self._begun.append(rest)


def tag_live(lines: LiveLines, tagger: SentenceTagger, reading: Mapping[str, Any]) -> Iterator[Sentence]:
    """Tags what comes, soon after it came.

    JSON lines and `--format lines` give a sentence a line, CoNLL one at its blank line. In running text a paragraph is
    whole at its blank line and not before, however long that takes: what a sentence is does not depend on the clock.

    Args:
        lines: Standard input.
        tagger: What tags.
        reading: Arguments of salin's readers.
    """
    arguments = dict(reading)
    source = Source(lines, "<stdin>", arguments.pop("on_error", "strict"), keep_tags=False)
    for batch in _arrived(sentences_of(source, labelled=False, **arguments), lines):
        yield from tagger.tag_sentences(batch)
        sys.stdout.flush()
    for remark in source.notes():
        note(f"{source.name}: {remark}")


def _arrived(sentences: Iterable[Sentence], lines: LiveLines) -> Iterator[list[Sentence]]:
    batch: list[Sentence] = []
    begun = 0.0
    for sentence in sentences:
        begun = begun if batch else time.monotonic()
        batch.append(sentence)
        if len(batch) == _TOGETHER or lines.waits(begun + _MOMENT - time.monotonic()):
            yield batch
            batch = []
    if batch:
        yield batch
