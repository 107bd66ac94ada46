"""What compares the representations of corpora where nothing else is said; apart, since commands name it unasked."""

from __future__ import annotations

#: A model.
ENCODER = "salin-tiny-encoder"
#: Which of its representations.
VECTORS = "mean-last"
