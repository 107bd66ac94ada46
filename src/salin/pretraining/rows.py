"""What text stands in a row: a passage, translation pairs side by side, or a passage with words switched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from salin.corpus.lexicon import Lexicon
from salin.pretraining.text import ParallelText, PlainText

# More than any script needs for a full row; what a row does not take is cut off.
_CHARACTERS_A_PIECE = 6
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class RowText(Protocol):
    """Draws the text of rows."""

    def __call__(self, length: int, random: np.random.Generator) -> list[str]:
        """Texts that fill a row of `length` pieces, where there is enough text; a separator follows each."""
        ...


@dataclass(frozen=True)
class Passages:
    """Consecutive lines of one language (masked language modelling, Devlin et al. 2019).

    Attributes:
        plain: What they are drawn from.
    """

    plain: PlainText

    def __call__(self, length: int, random: np.random.Generator) -> list[str]:
        """One passage."""
        return [self.plain.draw(length * _CHARACTERS_A_PIECE, random)[1]]


@dataclass(frozen=True)
class TranslationPairs:
    """Translations in two languages (translation language modelling, Lample and Conneau 2019).

    Attributes:
        parallel: What they are drawn from.
    """

    parallel: ParallelText

    def __call__(self, length: int, random: np.random.Generator) -> list[str]:
        """Pair after pair, each in random order."""
        texts: list[str] = []
        characters = 0
        for pair in self.parallel.draw(random):
            texts.extend(pair if random.random() < 0.5 else pair[::-1])
            characters += sum(map(len, pair))
            # Translations are short; a row is filled with as many pairs as fit, most of them whole.
            if characters >= length * 3:
                return texts
        return texts


@dataclass(frozen=True)
class SwitchedPassages:
    """English passages of which some words are dictionary translations into one language.

    Attributes:
        plain: Holds English.
        lexicons: English to each language, one of which is drawn for a row.
        rate: The share of words that are looked up.
    """

    plain: PlainText
    lexicons: Mapping[str, Lexicon]
    rate: float

    def __call__(self, length: int, random: np.random.Generator) -> list[str]:
        """One passage, whose punctuation and spaces stay."""
        passage = self.plain.passage("en", length * _CHARACTERS_A_PIECE, random)
        languages = sorted(self.lexicons)
        lexicon = self.lexicons[languages[int(random.integers(len(languages)))]]

        def switched(word: re.Match[str]) -> str:
            return (random.random() < self.rate and lexicon.translate(word[0], random)) or word[0]

        return [_WORD.sub(switched, passage)]
