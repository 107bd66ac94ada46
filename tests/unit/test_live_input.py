"""Lines of a pipe: which are there, which are not yet, and what is tagged together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import pytest

from salin.cli.live import LiveLines, tag_live
from salin.corpus import Sentence, TagsText

Write = Callable[[bytes], object]


@pytest.fixture
def pipe() -> Iterator[tuple[LiveLines, Write, Callable[[], None]]]:
    """What reads a pipe, what writes into it, and what closes it."""
    reading, writing = os.pipe()
    closed: list[int] = []

    def close() -> None:
        os.close(writing)
        closed.append(writing)

    yield LiveLines(reading), lambda content: os.write(writing, content), close
    os.close(reading)
    if not closed:
        close()


class Noting(TagsText):
    """Tags nothing and remembers how many sentences it was given at once."""

    labels = ()

    def __init__(self) -> None:
        self.given: list[int] = []

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        together = list(sentences)
        self.given.append(len(together))
        yield from together


def test_a_line_is_there_when_its_end_is(pipe: tuple[LiveLines, Write, Callable[[], None]]) -> None:
    lines, write, close = pipe
    assert lines.waits(0)
    write(b"Ana ")
    assert lines.waits(0)
    write(b"left.\r\nEva\rstayed.\n\nAnd")
    assert not lines.waits(0)
    assert [next(lines), next(lines), next(lines)] == [b"Ana left.\r\n", b"Eva\rstayed.\n", b"\n"]
    assert lines.waits(0)
    close()
    assert not lines.waits(0)
    assert list(lines) == [b"And"]
    assert not lines.waits(0)


def test_an_empty_pipe_has_no_line(pipe: tuple[LiveLines, Write, Callable[[], None]]) -> None:
    lines, _, close = pipe
    close()
    assert list(lines) == []


def test_what_came_is_tagged_together_while_the_pipe_stays_open(
    pipe: tuple[LiveLines, Write, Callable[[], None]],
) -> None:
    lines, write, close = pipe
    tagger = Noting()
    write(b"Ana left.\nEva stayed.\nThey ")
    tagged = tag_live(lines, tagger, {"format": "lines"})
    assert [next(tagged).text, next(tagged).text] == ["Ana left.", "Eva stayed."]
    write(b"met.\n")
    assert next(tagged).text == "They met."
    close()
    assert list(tagged) == []
    assert tagger.given == [2, 1]


def test_what_comes_quickly_is_tagged_in_full_batches(pipe: tuple[LiveLines, Write, Callable[[], None]]) -> None:
    lines, write, close = pipe
    tagger = Noting()
    write(b"Ana left.\n" * 3_000)
    close()
    assert len(list(tag_live(lines, tagger, {"format": "lines"}))) == 3_000
    assert tagger.given == [1024, 1024, 952]


def test_a_paragraph_is_whole_at_its_blank_line(pipe: tuple[LiveLines, Write, Callable[[], None]]) -> None:
    lines, write, close = pipe
    write(b"Ana Maria\nleft. Eva stayed.\n\n")
    tagged = tag_live(lines, Noting(), {"format": "text", "language": "en"})
    assert next(tagged).text == "Ana Maria\nleft."
    write(b"They")
    assert next(tagged).text == "Eva stayed."
    close()
    assert [sentence.text for sentence in tagged] == ["They"]
