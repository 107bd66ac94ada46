"""Where words occur: an index of text, for questions about a word that sentences are to answer without showing it."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from salin.corpus import split_sentences
from salin.errors import DataError
from salin.pretraining.packing import DrawsText
from salin.pretraining.text import fingerprint

# What is read of a place in the text at a time; a few dozen sentences.
_PASSAGE = 5000
# Fewer words around the hidden one say next to nothing about it.
_LEAST_WORDS = 5
# So many passages without a new sentence mean that the text has been read.
_PATIENCE = 200


class Occurrence(NamedTuple):
    """A word in its sentence, where it is the only one of its kind.

    Attributes:
        sentence: The sentence's number.
        left: What stands before the word.
        right: What stands behind it.
    """

    sentence: int
    left: str
    right: str


@dataclass
class _Language:
    """The sentences of one language, and while they are read each word's places in them."""

    sentences: list[str] = field(default_factory=list[str])
    seen: set[int] = field(default_factory=set[int])
    numbers: dict[str, int] = field(default_factory=dict[str, int])
    words: array[int] = field(default_factory=lambda: array("i"))
    places: array[int] = field(default_factory=lambda: array("i"))
    starts: array[int] = field(default_factory=lambda: array("i"))

    def add(self, passage: str, language: str, before: int) -> int:
        """The characters of the sentences that were new; words with fewer than `before` in front are left out."""
        new = 0
        for _, sentence in split_sentences(passage, language):
            known = fingerprint(sentence.text)
            if len(sentence.words) < _LEAST_WORDS or known in self.seen:
                continue
            self.seen.add(known)
            tokens = sentence.tokens
            # In whatever case: "The" would give away a hidden "the".
            counts = Counter(token.casefold() for token in tokens)
            for token, (start, _) in zip(tokens[before:], sentence.words[before:], strict=True):
                if counts[token.casefold()] == 1 and any(map(str.isalpha, token)):
                    self.words.append(self.numbers.setdefault(token, len(self.numbers)))
                    self.places.append(len(self.sentences))
                    self.starts.append(start)
            self.sentences.append(sentence.text)
            new += len(sentence.text)
        return new


class WordIndex:
    """The words of one language that occur often enough, and where.

    Args:
        sentences: Different from each other.
        words: The words.
        bounds: Where the places of each word begin, and where those of the last end, `[words + 1]`.
        places: Sentences, `[occurrences]`, those of a word together.
        starts: Where the word begins in each of them, `[occurrences]`.
    """

    def __init__(
        self, sentences: list[str], words: list[str], bounds: np.ndarray, places: np.ndarray, starts: np.ndarray
    ):
        self.sentences, self.words = sentences, words
        self._bounds, self._places, self._starts = bounds, places, starts

    @property
    def characters(self) -> int:
        """Of all sentences."""
        return sum(map(len, self.sentences))

    def sample(self, words: int, each: int, random: np.random.Generator) -> dict[str, list[Occurrence]] | None:
        """Different words, with as many sentences for each; no sentence is drawn twice.

        Args:
            words: How many.
            each: Sentences of each.
            random: Decides everything; every word is as likely as any other.

        Returns:
            The occurrences of each word. None where those that came first have left the others too few sentences.
        """
        chosen: dict[str, list[Occurrence]] = {}
        used: set[int] = set()
        for word in random.permutation(len(self.words)):
            start, end = int(self._bounds[word]), int(self._bounds[word + 1])
            free: list[int] = []
            for place in random.permutation(end - start):
                if int(self._places[start + place]) not in used:
                    free.append(start + int(place))
                    if len(free) == each:
                        break
            if len(free) == each:
                text = self.words[int(word)]
                chosen[text] = [self._occurrence(text, place) for place in free]
                used.update(occurrence.sentence for occurrence in chosen[text])
            if len(chosen) == words:
                return chosen
        return None

    def _occurrence(self, word: str, place: int) -> Occurrence:
        number, start = int(self._places[place]), int(self._starts[place])
        sentence = self.sentences[number]
        return Occurrence(number, sentence[:start], sentence[start + len(word) :])


def read_words(
    text: DrawsText, characters: int, least: int, random: np.random.Generator, *, before: int = 0
) -> dict[str, WordIndex]:
    """Reads random passages of a text into an index for each of its languages.

    Memory is bounded by what is read: twelve bytes for an occurrence, of which there is one in six characters or so,
    beside the sentences themselves. Sentences that occur again count once.

    Args:
        text: The text, of which passages are drawn.
        characters: How much is read; less where there is no more.
        least: In how many sentences a word has to occur, once in each.
        random: Decides which passages.
        before: How many words have to stand before one in its sentence.

    Returns:
        The indices by language, of those that have such words.

    Raises:
        DataError: When no language has one.
    """
    found: dict[str, _Language] = {}
    read = without_new = 0
    while read < characters and without_new < _PATIENCE:
        language, passage = text.draw(_PASSAGE, random)
        new = found.setdefault(language, _Language()).add(passage, language, before)
        read += new
        without_new = 0 if new else without_new + 1
    indices = {language: _indexed(found[language], least) for language in sorted(found)}
    indices = {language: index for language, index in indices.items() if index.words}
    if not indices:
        raise DataError(f"no word occurs in {least} sentences of the text that was read", remedy="More text is needed")
    return indices


def _indexed(language: _Language, least: int) -> WordIndex:
    words, places, starts = (np.frombuffer(a, np.int32) for a in (language.words, language.places, language.starts))
    order = np.argsort(words, kind="stable")
    counts = np.bincount(words, minlength=len(language.numbers))
    often = np.flatnonzero(counts >= least)
    kept = order[np.isin(words[order], often)]
    bounds = np.concatenate([[0], np.cumsum(counts[often])])
    names = list(language.numbers)
    return WordIndex(language.sentences, [names[word] for word in often], bounds, places[kept], starts[kept])
