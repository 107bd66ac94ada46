"""Fine-tunes a language model on names in two languages, so that it translates names, and brings them back, better.

Pairs become the questions that translation asks and the answers that it reads, and the training loop does the rest.
What is here does not know where pairs come from, nor what becomes of the answers.
"""

from __future__ import annotations

from salin.translation.tuning.pairs import AlignedName, AlignedSentence, hold_out, read_pairs
from salin.translation.tuning.run import TunedModel, TuningSettings, tune
from salin.translation.tuning.translations import with_translations

__all__ = [
    "AlignedName",
    "AlignedSentence",
    "TunedModel",
    "TuningSettings",
    "hold_out",
    "read_pairs",
    "tune",
    "with_translations",
]
