"""The other road from text to entities: translated, tagged in English, and every entity brought back.

A sentence is translated with its entities in mind, and each is aligned to the original, where alone it counts. It knows
text, entities and some tagger of English; it does not know which tagger that is, how it was trained, or file formats.
"""

from __future__ import annotations

from salin.translation.links import LinksWords
from salin.translation.opening import open_translator
from salin.translation.silver import SilverTagger
from salin.translation.tagger import Tally, TranslationTagger, describe_tally
from salin.translation.translator import Candidate, Link, Phrases, Translation, Translator, Usage

__all__ = [
    "Candidate",
    "Link",
    "LinksWords",
    "Phrases",
    "SilverTagger",
    "Tally",
    "Translation",
    "TranslationTagger",
    "Translator",
    "Usage",
    "describe_tally",
    "open_translator",
]
