"""Sentences as the bytes of their words, for networks that read bytes in the place of a tokenizer's pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from salin.corpus.sentence import Sentence
from salin.encoding.windows import SPECIAL, Window

#: What stands between two words, and behind the last one of a row; no word holds it, not even one with a space in it.
BOUNDARY = 256
#: What stands for each byte of a hidden word, and for a word that has none.
HIDDEN = 257


@dataclass(frozen=True, slots=True)
class Bytes:
    """What a byte-level network has in the place of a tokenizer: pieces 0 to 255 are bytes of UTF-8, two are special.

    Attributes:
        longest: The bytes of a word that the network is shown, counted from its first; None is all of them.
    """

    longest: int | None = None

    def __len__(self) -> int:
        return HIDDEN + 1


class ByteWindower:
    """Makes each sentence, however long, one window of the bytes of its words.

    Between two words stands a boundary, in languages without spaces too. Of a word that is longer than a network reads
    the rest is not shown to it; the word stays what it is.

    Args:
        alphabet: How much of a word is shown.
    """

    padding = BOUNDARY
    hidden = HIDDEN
    lengths = ""
    # Many words of a large batch are the same, and without padding its size costs memory alone.
    pieces_a_batch = 1 << 15

    def __init__(self, alphabet: Bytes):
        self.alphabet = alphabet

    def windows(self, sentences: Sequence[Sentence]) -> list[Window]:
        """The windows of the sentences, in order. A sentence without words has none."""
        return [self._window(index, sentence) for index, sentence in enumerate(sentences) if sentence.words]

    def _window(self, index: int, sentence: Sentence) -> Window:
        pieces: list[int] = []
        words: list[int] = []
        heads: list[int] = []
        for word, (start, end) in enumerate(sentence.words):
            if word:
                pieces.append(BOUNDARY)
                words.append(SPECIAL)
            heads.append(len(pieces))
            # Half of a surrogate pair is no UTF-8, but files read with errors="surrogateescape" hold them.
            shown = sentence.text[start:end].encode("utf-8", "surrogatepass")[: self.alphabet.longest] or (HIDDEN,)
            pieces.extend(shown)
            words.extend([word] * len(shown))
        return Window(index, tuple(pieces), tuple(words), tuple(range(len(heads))), tuple(heads))
