"""Encoding: words to subword pieces or bytes, pieces to overlapping windows, windows to padded batches, and back.

It aligns words and pieces by the tokenizer's own `word_ids`, for every kind of fast tokenizer, and never cuts text
silently. What it does not know: models, labels and what the pieces are used for.
"""

from __future__ import annotations

from salin.encoding.batching import Batch, collate, length_buckets
from salin.encoding.bytes import Bytes, ByteWindower
from salin.encoding.protocol import Encoding
from salin.encoding.special import closing_piece, hidden_piece, opening_piece, padding_piece
from salin.encoding.windows import OnOverflow, Window, Windower

__all__ = [
    "Batch",
    "ByteWindower",
    "Bytes",
    "Encoding",
    "OnOverflow",
    "Window",
    "Windower",
    "closing_piece",
    "collate",
    "hidden_piece",
    "length_buckets",
    "opening_piece",
    "padding_piece",
]
