"""What a tagger needs of its encoding, whatever a piece is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from salin.corpus.sentence import Sentence
from salin.encoding.windows import Window


class Encoding(Protocol):
    """Makes windows of sentences: a `Windower` of a tokenizer's pieces, a `ByteWindower` of bytes."""

    @property
    def lengths(self) -> str:
        """Pieces a window and pieces shared with the next, as signatures have them; empty where nothing is cut."""
        ...

    @property
    def padding(self) -> int:
        """The piece that fills a row behind its end."""
        ...

    @property
    def hidden(self) -> int:
        """The piece that stands for each one of a hidden word."""
        ...

    @property
    def pieces_a_batch(self) -> int:
        """How many pieces to tag at once, padding included."""
        ...

    def windows(self, sentences: Sequence[Sentence]) -> list[Window]:
        """The windows of the sentences, in order. A sentence without words has none."""
        ...
