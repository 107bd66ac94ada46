"""Plain and parallel text in memory, and random passages of it."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from salin.errors import DataError

_OPENERS = {".xz": lzma.open, ".gz": gzip.open}


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file without their line ends; `.xz` and `.gz` are opened."""
    with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\r\n") for line in file]


class PlainText:
    """Lines of text by language, drawn by size to a power.

    Args:
        folder: Holds a folder for each language with `.txt`, `.txt.xz` or `.txt.gz` files, one passage a line.
        temperature: A language of n characters is drawn in proportion to `n ** temperature`: 1 is by size, 0 evenly.
        exclude: Files left out, as `language/name`.

    Raises:
        DataError: When the folder holds no text.
    """

    def __init__(self, folder: Path, temperature: float, exclude: Sequence[str] = ()):
        self.lines: dict[str, list[str]] = {}
        for path in sorted(folder.glob("*/*.txt*")):
            language = path.parent.name
            if f"{language}/{path.name.split('.')[0]}" not in exclude:
                self.lines.setdefault(language, []).extend(line for line in read_lines(path) if line)
        if not self.lines:
            raise DataError("no text here", path=folder, remedy="Expected LANGUAGE/NAME.txt, .txt.xz or .txt.gz")
        self.languages = sorted(self.lines)
        self.characters = {language: sum(map(len, lines)) for language, lines in self.lines.items()}
        sizes = np.array([self.characters[language] for language in self.languages], float) ** temperature
        self.shares = sizes / sizes.sum()

    def passage(self, language: str, characters: int, random: np.random.Generator) -> str:
        """Consecutive lines from a random one on, at least so many characters where the text does not end before."""
        lines = self.lines[language]
        start = int(random.integers(len(lines)))
        chosen: list[str] = []
        length = 0
        while length < characters and start < len(lines):
            chosen.append(lines[start])
            length += len(lines[start]) + 1
            start += 1
        return " ".join(chosen)

    def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
        """A language, and a passage in it."""
        language = self.languages[int(random.choice(len(self.languages), p=self.shares))]
        return language, self.passage(language, characters, random)

    def sample(self, characters: int, random: np.random.Generator) -> Iterator[str]:
        """Lines for a tokenizer: from each language its share of so many characters (less where it has less)."""
        for language, share in zip(self.languages, self.shares, strict=True):
            left = int(share * characters)
            lines = self.lines[language]
            for index in random.permutation(len(lines)):
                if left <= 0:
                    break
                line = lines[int(index)]
                left -= len(line)
                yield line


class ParallelText:
    """Line-aligned translations.

    Args:
        folder: Holds a folder for each set with one `LANGUAGE.txt` (`.xz`, `.gz`) a language; an empty line is a
            missing one.
        weights: How often each set is drawn; sets that are not named are left out.

    Raises:
        DataError: When a set is missing or its files differ in length.
    """

    def __init__(self, folder: Path, weights: dict[str, float]):
        self.sets: dict[str, dict[str, list[str]]] = {}
        for name in sorted(weights):
            files = sorted((folder / name).glob("*.txt*"))
            if len(files) < 2:
                raise DataError("no parallel set here", path=folder / name, remedy="Expected two or more LANGUAGE.txt")
            texts = {path.name.split(".")[0]: read_lines(path) for path in files}
            if len({len(lines) for lines in texts.values()}) > 1:
                raise DataError("the files of this parallel set differ in their number of lines", path=folder / name)
            self.sets[name] = texts
        self._names = sorted(self.sets)
        shares = np.array([weights[name] for name in self._names], float)
        self._shares = shares / shares.sum()

    def draw(self, random: np.random.Generator) -> Iterator[tuple[str, str]]:
        """Endless translation pairs of one set and two of its languages, in random order and direction.

        English is one of the two half of the time that the set allows, since English is what labels exist in.
        """
        texts = self.sets[self._names[int(random.choice(len(self._names), p=self._shares))]]
        languages = sorted(texts)
        first, second = (languages[int(i)] for i in random.choice(len(languages), 2, replace=False))
        if "en" in texts and "en" not in (first, second) and random.random() < 0.5:
            first = "en"
        left, right = texts[first], texts[second]
        while True:
            index = int(random.integers(len(left)))
            if left[index] and right[index]:
                yield left[index], right[index]

    def all_lines(self) -> Iterator[str]:
        """Every line that is there, set by set."""
        for texts in self.sets.values():
            for lines in texts.values():
                yield from (line for line in lines if line)
