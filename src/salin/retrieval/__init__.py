"""Retrieval: sentence vectors and, for each sentence, the labelled source sentences nearest to it.

What it does not know: labels, and what the neighbours are wanted for.
"""

from __future__ import annotations

from salin.retrieval.index import SourceIndex
from salin.retrieval.nearest import as_pairs, nearest
from salin.retrieval.vectors import SentenceVectors, VectorSettings

__all__ = ["SentenceVectors", "SourceIndex", "VectorSettings", "as_pairs", "nearest"]
