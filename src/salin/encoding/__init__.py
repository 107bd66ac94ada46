"""Encoding: words to subword pieces, pieces to overlapping windows, windows to padded batches, and exactly back.

It aligns words and pieces by the tokenizer's own `word_ids`, for every kind of fast tokenizer, and never cuts text
silently. What it does not know: models, labels and what the pieces are used for.
"""

from salin.encoding.batching import Batch, collate, length_buckets
from salin.encoding.windows import Window, Windower

__all__ = ["Batch", "Window", "Windower", "collate", "length_buckets"]
