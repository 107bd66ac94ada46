"""Sentences of any length as overlapping windows of subword pieces."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from salin.corpus.sentence import Sentence
from salin.encoding.special import empty_piece, hidden_piece, padding_piece
from salin.errors import SettingError

OnOverflow = Literal["window", "error"]

SPECIAL = -1
# They cannot be encoded, so tokenizers refuse them; files read with errors="surrogateescape" hold them.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a sentence's pieces, with the tokenizer's special pieces around it.

    Attributes:
        sentence: Index of its sentence among those encoded together.
        pieces: Piece ids.
        words: For each piece the index of its word in the sentence, -1 for special pieces.
        owned: For each word that is decided in this window, its index; ascending. The windows of a sentence own each
            of its words exactly once.
        heads: For each owned word the position of its first piece in `pieces`.
    """

    sentence: int
    pieces: tuple[int, ...]
    words: tuple[int, ...]
    owned: tuple[int, ...]
    heads: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.pieces)


class Windower:
    """Cuts sentences into windows.

    A word is decided in the window where its first piece has the most context on its poorer side; the beginning and
    the end of a sentence count as no lack of context.

    Args:
        tokenizer: Any fast tokenizer (WordPiece, BPE, byte-level BPE, unigram).
        max_length: Pieces a window, special ones included.
        overlap: Pieces that neighbouring windows share; by default half of those that fit beside the special ones: 63
            of 126 for BERT. (Wu et al. 2020 put the last 64 pieces of one window before 62 new ones.)
        on_overflow: `window`, or `error` to refuse sentences that do not fit one window.

    Raises:
        SettingError: When the tokenizer is not a fast one, or a window leaves no room between overlap and length.
    """

    # Of a processor's caches not more than they hold, and little padding.
    pieces_a_batch = 1024

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        max_length: int = 128,
        overlap: int | None = None,
        on_overflow: OnOverflow = "window",
    ):
        if not getattr(tokenizer, "is_fast", False):
            raise SettingError(f"{type(tokenizer).__name__} cannot align words; a fast tokenizer is needed")
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.on_overflow = on_overflow
        self._prefix, self._suffix = _special_pieces(tokenizer)
        self._room = max_length - len(self._prefix) - len(self._suffix)
        self.overlap = self._room // 2 if overlap is None else overlap
        if not 0 <= self.overlap < self._room:
            raise SettingError(
                f"windows of {max_length} pieces cannot overlap by {self.overlap}: at most {self._room - 1} is possible"
            )
        self._nothing = empty_piece(tokenizer)

    @property
    def lengths(self) -> str:
        """Pieces a window and pieces shared with the next, as signatures have them: `128/63`."""
        return f"{self.max_length}/{self.overlap}"

    @property
    def padding(self) -> int:
        """The piece that fills a row behind its end."""
        return padding_piece(self.tokenizer)

    @property
    def hidden(self) -> int:
        """The piece that stands for each one of a hidden word; see `hidden_piece`."""
        return hidden_piece(self.tokenizer)

    def windows(self, sentences: Sequence[Sentence]) -> list[Window]:
        """The windows of the sentences, in order. A sentence without words has none.

        Raises:
            SettingError: When a sentence does not fit and `on_overflow` is `error`.
        """
        with_words = [index for index, sentence in enumerate(sentences) if sentence.words]
        if not with_words:
            return []
        encoded = self.tokenizer(
            [_encodable(sentences[index]) for index in with_words],
            is_split_into_words=True,
            add_special_tokens=False,
            return_attention_mask=False,
            verbose=False,
        )
        windows: list[Window] = []
        for row, index in enumerate(with_words):
            pieces, words = self._whole(encoded["input_ids"][row], encoded.word_ids(row), len(sentences[index].words))
            if len(pieces) > self._room and self.on_overflow == "error":
                sentence = sentences[index]
                raise SettingError(
                    f"{sentence.origin or sentence.text[:40]!r}: {len(pieces)} pieces do not fit a window of "
                    f"{self._room}. Split the sentence, or leave out --on-overflow error (in Python on_overflow)"
                )
            windows.extend(self._cut(index, pieces, words))
        return windows

    def _whole(self, ids: list[int], word_ids: list[int | None], count: int) -> tuple[list[int], list[int]]:
        """Pieces and their words, with a piece for each of `count` words."""
        pieces: list[int] = []
        words: list[int] = []
        expected = 0
        for piece, word in zip(ids, word_ids, strict=True):
            if word is None:
                continue
            while expected < word:
                pieces.append(self._nothing)
                words.append(expected)
                expected += 1
            expected = max(expected, word + 1)
            pieces.append(piece)
            words.append(word)
        pieces.extend(self._nothing for _ in range(expected, count))
        words.extend(range(expected, count))
        return pieces, words

    def _cut(self, sentence: int, pieces: list[int], words: list[int]) -> Iterator[Window]:
        heads = [i for i, word in enumerate(words) if i == 0 or word != words[i - 1]]
        starts = _starts(len(pieces), self._room, self.overlap)
        owners: list[list[int]] = [[] for _ in starts]
        for head in heads:
            owners[_roomiest(head, starts, self._room, len(pieces))].append(head)
        for start, owned in zip(starts, owners, strict=True):
            if not owned:
                continue  # within one word that is longer than a window
            stop = min(start + self._room, len(pieces))
            shift = len(self._prefix) - start
            yield Window(
                sentence,
                (*self._prefix, *pieces[start:stop], *self._suffix),
                (*(SPECIAL for _ in self._prefix), *words[start:stop], *(SPECIAL for _ in self._suffix)),
                tuple(words[head] for head in owned),
                tuple(head + shift for head in owned),
            )


def _encodable(sentence: Sentence) -> list[str]:
    if not _SURROGATE.search(sentence.text):
        return sentence.tokens
    return [_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", token) for token in sentence.tokens]


def _starts(length: int, room: int, overlap: int) -> list[int]:
    if length <= room:
        return [0]
    # The last window is moved back to be as full as the others: it costs the same and sees more.
    return [*range(0, length - room, room - overlap), length - room]


def _roomiest(head: int, starts: list[int], room: int, length: int) -> int:
    if len(starts) == 1:
        return 0

    def context(index: int) -> int:
        start = starts[index]
        before = head - start if start > 0 else length
        after = start + room - 1 - head if start + room < length else length
        return min(before, after)

    around = range(bisect_right(starts, head - room), bisect_right(starts, head))
    return max(around, key=context)


def _special_pieces(tokenizer: PreTrainedTokenizerFast) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer puts before and behind a sequence."""
    post_processor = tokenizer.backend_tokenizer.post_processor
    if post_processor is None:
        return (), ()
    # A made-up piece stands for the sequence: of a real word a tokenizer may leave nothing.
    sequence = Tokenizer(WordLevel({"piece": 0})).encode("piece")
    around = post_processor.process(sequence, None, True)
    place = around.special_tokens_mask.index(0)
    return tuple(around.ids[:place]), tuple(around.ids[place + 1 :])
