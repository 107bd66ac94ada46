"""Pairs of names from Wikipedia: an English one, and how it is written in a sentence of another language.

Public dumps are read as they are, from their first byte to their last, in memory that does not grow with them. What is
here knows dumps and names; it does not know what is trained on the pairs.
"""

from __future__ import annotations

from salin.translation.wikipedia.pairs import Pair, PairSettings, make_pairs, sought_names

__all__ = ["Pair", "PairSettings", "make_pairs", "sought_names"]
