"""Which labelled languages to train on for a text: how far each is from it, in words, script and representation.

It stands among the analyses and not with retrieval: that finds sentences to learn from while a tagger works, one by
one; this compares whole corpora before anything is trained, and gives people a table.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from salin.corpus import Sentence
from salin.errors import DataError
from salin.retrieval import SentenceVectors
from salin.retrieval.vectors import mean_of

#: What distances are made of. Each is 0 for what is alike in it.
MEASURES = ("words", "n-grams", "script", "representation")
#: The mean of a source's ranks by all measures.
TOGETHER = "together"
#: Of a corpus, evenly spaced: more change nothing that a rank would show.
SENTENCES = 2000
_LENGTHS = (2, 3)


@dataclass(frozen=True, slots=True)
class TextProfile:
    """What is compared of a corpus.

    Attributes:
        words: How often each word with a letter occurs, in lower case.
        ngrams: The same of the character 2- and 3-grams of these words, their edges included.
        scripts: The same of the scripts of their letters.
        vector: The mean of the sentences' vectors, `[size]`.
    """

    words: Counter[str]
    ngrams: Counter[str]
    scripts: Counter[str]
    vector: Tensor

    @classmethod
    def of(cls, sentences: Sequence[Sentence], vectors: SentenceVectors) -> TextProfile:
        """Of up to 2,000 sentences; their entities are not looked at.

        Args:
            sentences: A corpus.
            vectors: What makes vectors of sentences.

        Raises:
            DataError: When there is no word in them.
        """
        count = min(SENTENCES, len(sentences))
        chosen = [sentences[number * len(sentences) // count] for number in range(count)]
        words = Counter(token.lower() for s in chosen for token in s.tokens if any(map(str.isalpha, token)))
        if not words:
            raise DataError("a text to be compared has no words", remedy="Give sentences of it")
        ngrams: Counter[str] = Counter()
        scripts: Counter[str] = Counter()
        for word, count in words.items():
            padded = f" {word} "
            for length in _LENGTHS:
                for start in range(len(padded) - length + 1):
                    ngrams[padded[start : start + length]] += count
            for letter in filter(str.isalpha, word):
                scripts[script_of(letter)] += count
        return cls(words, ngrams, scripts, mean_of(vectors(chosen)))


@dataclass(frozen=True, slots=True)
class RankedSource:
    """How far a source is from a target.

    Attributes:
        name: Of the source.
        distances: By measure, from 0 on: the share of the target's words that the source has not; 1 minus the cosine of
            their n-gram counts; the share of letters that would have to be of another script; 1 minus the cosine of
            their mean vectors, off which the mean of all corpora is taken.
        ranks: By measure from 1, the nearest, on, those alike sharing theirs; and their mean, `together`.
    """

    name: str
    distances: Mapping[str, float]
    ranks: Mapping[str, float]


def rank_sources(target: TextProfile, sources: Mapping[str, TextProfile]) -> list[RankedSource]:
    """Sources, the nearest first: by the mean of their ranks, in which no measure is trusted more than another.

    Args:
        target: The text to be tagged.
        sources: Labelled corpora by name.
    """
    centre = torch.stack([profile.vector for profile in (target, *sources.values())]).mean(0)
    by_measure: dict[str, list[float]] = {name: [] for name in MEASURES}
    for profile in sources.values():
        unknown = sum(count for word, count in target.words.items() if word not in profile.words)
        by_measure["words"].append(unknown / target.words.total())
        by_measure["n-grams"].append(1 - _cosine(target.ngrams, profile.ngrams))
        by_measure["script"].append(1 - _overlap(target.scripts, profile.scripts))
        vectors = torch.stack([target.vector, profile.vector]) - centre
        by_measure["representation"].append(1 - float(torch.cosine_similarity(*vectors, dim=0)))
    ranks: dict[str, list[float]] = {
        name: rankdata(np.round(values, 9)).tolist() for name, values in by_measure.items()
    }
    found: list[RankedSource] = []
    for index, name in enumerate(sources):
        own = {measure: ranks[measure][index] for measure in MEASURES}
        distances = {measure: by_measure[measure][index] for measure in MEASURES}
        found.append(RankedSource(name, distances, {**own, TOGETHER: sum(own.values()) / len(own)}))
    return sorted(found, key=lambda source: source.ranks[TOGETHER])


def largest_first(ranked: Sequence[RankedSource], entities: Mapping[str, int]) -> list[RankedSource]:
    """Ranked sources, those with the same mean rank by how many labels they have: nothing else is known of them.

    Args:
        ranked: As `rank_sources` gives them.
        entities: Of each source.
    """
    return sorted(ranked, key=lambda source: (source.ranks[TOGETHER], -entities[source.name]))


@cache
def script_of(letter: str) -> str:
    """The script of a letter, as the first word of its Unicode name says it: `LATIN`, `CYRILLIC`, `CJK`."""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    product = sum(count * other[name] for name, count in one.items() if name in other)
    return product / (sqrt(sum(n * n for n in one.values())) * sqrt(sum(n * n for n in other.values())))


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    return sum(min(one[name] / one.total(), other[name] / other.total()) for name in one)
