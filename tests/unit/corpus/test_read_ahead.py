"""Blocks of sentences that are tagged together: bounded, whatever the length of the sentences."""

from __future__ import annotations

from collections.abc import Iterator

from salin.corpus import Sentence, segment_words
from salin.corpus.tagging import read_ahead


def test_blocks_are_full_and_in_order() -> None:
    sentences = [sentence(f"Number {number}.") for number in range(7)]
    assert list(read_ahead(sentences, 3)) == [sentences[:3], sentences[3:6], sentences[6:]]
    assert list(read_ahead([], 3)) == []


def test_of_long_sentences_fewer_are_in_memory_together() -> None:
    long = sentence("and so on " * 10_000)
    assert [len(block) for block in read_ahead([long] * 25, 1024)] == [10, 10, 5]


def test_nothing_is_read_behind_a_block() -> None:
    """Where sentences come from a program that waits for an answer, one more would never come."""

    def asked() -> Iterator[Sentence]:
        yield from [sentence("Ana left."), sentence("Eva stayed.")]
        raise AssertionError("a third sentence was asked for")

    assert len(next(read_ahead(asked(), 2))) == 2


def sentence(text: str) -> Sentence:
    return Sentence(text, segment_words(text))
