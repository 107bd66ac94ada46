"""Plain and parallel text, and random passages of it; lines are looked up one by one and may lie on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from hashlib import blake2b
from math import gcd

import numpy as np

from salin.errors import DataError

# Of parallel text one line in so many is held out, the last of each so many.
_HELD_OUT_STRIDE = 100
# So many lines in a row that are missing in one of two languages mean that all are.
_MISSES = 10_000


def fingerprint(line: str) -> int:
    """64 bits that tell a line of text from others."""
    return int.from_bytes(blake2b(line.encode(), digest_size=8).digest(), "little")


class PlainText:
    """Lines of text by language, drawn by size to a power.

    Args:
        lines: Of each language, in the order of the text.
        temperature: A language of n characters is drawn in proportion to `n ** temperature`: 1 is by size, 0 evenly.
        characters: How many each language has, where somebody has counted them.
        hidden: Fingerprints of lines that are never drawn, by language.

    Attributes:
        languages: Those with text, sorted.
        shares: How often each is drawn.

    Raises:
        DataError: When there is no text.
    """

    def __init__(
        self,
        lines: Mapping[str, Sequence[str]],
        temperature: float,
        *,
        characters: Mapping[str, int] | None = None,
        hidden: Mapping[str, Set[int]] | None = None,
    ):
        self.lines = {language: texts for language, texts in sorted(lines.items()) if len(texts)}
        if not self.lines:
            raise DataError("there is no text to draw from")
        self.languages = list(self.lines)
        self.characters = characters or {language: sum(map(len, texts)) for language, texts in self.lines.items()}
        self._hidden = hidden or {}
        sizes = np.array([self.characters[language] for language in self.languages], float) ** temperature
        self.shares = sizes / sizes.sum()

    def consecutive(self, language: str, characters: int, random: np.random.Generator) -> list[str]:
        """Lines from a random one on, at least so many characters where the text does not end before."""
        lines = self.lines[language]
        chosen: list[str] = []
        length = 0
        while not chosen:
            place = int(random.integers(len(lines)))
            if self._is_hidden(language, lines[place]):
                continue
            while length < characters and place < len(lines):
                line = lines[place]
                if not self._is_hidden(language, line):
                    chosen.append(line)
                    length += len(line) + 1
                place += 1
        return chosen

    def passage(self, language: str, characters: int, random: np.random.Generator) -> str:
        """Such lines with spaces between them."""
        return " ".join(self.consecutive(language, characters, random))

    def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
        """A language, and a passage in it."""
        language = self.languages[int(random.choice(len(self.languages), p=self.shares))]
        return language, self.passage(language, characters, random)

    def sample(self, characters: int, random: np.random.Generator) -> Iterator[str]:
        """Lines for a tokenizer: from each language its share of so many characters (less where it has less)."""
        for language, share in zip(self.languages, self.shares, strict=True):
            left = int(share * characters)
            lines = self.lines[language]
            for place in _scattered(len(lines), random):
                if left <= 0:
                    break
                line = lines[place]
                if not self._is_hidden(language, line):
                    left -= len(line)
                    yield line

    def _is_hidden(self, language: str, line: str) -> bool:
        return language in self._hidden and fingerprint(line) in self._hidden[language]


class ParallelText:
    """Line-aligned translations.

    Args:
        sets: The lines of each set by language; an empty line is a missing one.
        weights: How often each set is drawn.
        held_out: Whether to draw the lines that are held out, one in a hundred, instead of all others.
        language: The one that a pair is always of; None leaves that to chance.

    Attributes:
        languages: Those that pairs are drawn of.

    Raises:
        DataError: When a set is missing.
    """

    def __init__(
        self,
        sets: Mapping[str, Mapping[str, Sequence[str]]],
        weights: Mapping[str, float],
        *,
        held_out: bool = False,
        language: str | None = None,
    ):
        self._all, self._weights, self._held_out, self._language = sets, weights, held_out, language
        self.sets = {
            name: texts
            for name, texts in sorted(sets.items())
            if name in weights and (language is None or language in texts) and len(_places(texts, held_out))
        }
        if not self.sets:
            raise DataError("there are no translations to draw from")
        self.languages = sorted({language for texts in self.sets.values() for language in texts})
        self._names = list(self.sets)
        shares = np.array([weights[name] for name in self._names], float)
        self._shares = shares / shares.sum()

    def held_out(self) -> dict[str, ParallelText]:
        """The lines that are never drawn, by a language that each pair has."""
        return {
            language: ParallelText(self._all, self._weights, held_out=True, language=language)
            for language in self.languages
            if any(language in texts and len(_places(texts, True)) for texts in self.sets.values())
        }

    def draw(self, random: np.random.Generator) -> Iterator[tuple[str, str]]:
        """Endless translation pairs of one set and two of its languages, in random order and direction.

        They end where the few lines that are held out are all missing in one of the languages.

        English is one of the two half of the time that the set allows, since English is what labels exist in.
        """
        name = self._names[int(random.choice(len(self._names), p=self._shares))]
        texts = self.sets[name]
        languages = sorted(texts)
        first, second = (languages[int(i)] for i in random.choice(len(languages), 2, replace=False))
        if "en" in texts and "en" not in (first, second) and random.random() < 0.5:
            first = "en"
        if self._language is not None and self._language not in (first, second):
            second = self._language
        left, right, places = texts[first], texts[second], _places(texts, self._held_out)
        misses = 0
        while misses < _MISSES:
            place = _place(int(random.integers(len(places))), self._held_out)
            if (pair := (left[place], right[place])) and all(pair):
                misses = 0
                yield pair
            misses += 1
        if not self._held_out:
            raise DataError(f"the parallel set {name} has hardly a line in both {first} and {second}")

    def all_lines(self) -> Iterator[str]:
        """Every line that is there and may be drawn, set by set."""
        for texts in self.sets.values():
            for lines in texts.values():
                for number in range(len(_places(texts, self._held_out))):
                    if line := lines[_place(number, self._held_out)]:
                        yield line


def _places(texts: Mapping[str, Sequence[str]], held_out: bool) -> range:
    """As many numbers as the set has lines that may be drawn."""
    lines = len(next(iter(texts.values())))
    held = lines // _HELD_OUT_STRIDE
    return range(held if held_out else lines - held)


def _place(number: int, held_out: bool) -> int:
    """The line behind one of these numbers."""
    if held_out:
        return (number + 1) * _HELD_OUT_STRIDE - 1
    return number + number // (_HELD_OUT_STRIDE - 1)


def _scattered(count: int, random: np.random.Generator) -> Iterator[int]:
    """All numbers below `count` in an order that is spread evenly at any time, and takes no memory."""
    stride = max(1, int(count * 0.6180339887))  # the golden section: no two steps come near each other soon
    while gcd(stride, count) > 1:
        stride += 1
    start = int(random.integers(count))
    return ((start + number * stride) % count for number in range(count))
