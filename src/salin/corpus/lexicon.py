"""Bilingual word lists, and sentences with some of their words switched into another language."""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from salin.corpus.corpus import Corpus
from salin.corpus.sentence import Entity, Sentence
from salin.corpus.splitting import segment_words
from salin.errors import DataError

_OPENERS = {".xz": lzma.open, ".gz": gzip.open}
# Dictionaries hold notes such as `to + infinitive` or `(of a ship)` among their translations; those are no words.
_NOTE = re.compile(r"[+()\[\]/;:=*<>|]|\S+\s+\S+\s+\S+\s+\S")


class Lexicon:
    """Translations of single words.

    A word is looked up as it stands, then in lower case; a translation found in lower case takes over the capitals of
    the word, since case is what names are known by.

    Args:
        translations: For each source word its translations, each of at least one character.
    """

    def __init__(self, translations: Mapping[str, Sequence[str]]):
        self._translations = translations

    def __len__(self) -> int:
        return len(self._translations)

    @classmethod
    def read(cls, *paths: str | Path) -> Lexicon:
        """Reads one or more TSV files (`word TAB translation`, further columns ignored; `.xz` and `.gz` are opened).

        Raises:
            DataError: When a file is missing, or a line has fewer than two columns.
        """
        translations: dict[str, list[str]] = {}
        for path in map(Path, paths):
            if not path.exists():
                raise DataError("no such lexicon", path=path, remedy="A lexicon is a TSV file: word TAB translation")
            try:
                for word, translation in _pairs(path):
                    known = translations.setdefault(word, [])
                    if translation not in known:
                        known.append(translation)
            except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
                raise DataError(f"this lexicon cannot be read ({error})", path=path,
                                remedy="A lexicon is a TSV file in UTF-8, plain, .gz or .xz") from error  # fmt: skip
        return cls(translations)

    def translate(self, word: str, random: np.random.Generator) -> str | None:
        """A translation of `word`, drawn evenly among those known, or None."""
        known = self._translations.get(word)
        if known:
            return known[int(random.integers(len(known)))]
        known = self._translations.get(word.lower())
        if not known:
            return None
        translation = known[int(random.integers(len(known)))]
        if len(word) > 1 and word.isupper():
            return translation.upper()
        return translation[0].upper() + translation[1:] if word[0].isupper() else translation


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    """The words of a file with their translations."""
    with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            columns = line.rstrip("\r\n").split("\t")
            if len(columns) > 1:
                word, translation = columns[0].strip(), columns[1].strip()
                if word and translation and " " not in word and not _NOTE.search(translation):
                    yield word, translation
            elif line.strip():
                raise DataError("a lexicon line has one column", path=path, line=number,
                                remedy="Write word TAB translation")  # fmt: skip


@dataclass(frozen=True)
class CodeSwitching:
    """Replaces words of a sentence by dictionary translations and keeps the entities where they were.

    A switched sentence takes all its translations from one language, drawn evenly (after CoSDA-ML, Qin et al. 2020,
    which draws a language for each word).

    Attributes:
        lexicons: A lexicon for each language.
        sentence_rate: The share of sentences that are switched.
        word_rate: The share of the words of such a sentence that are looked up.
        language: The one that the lexicons translate from. Where sources are of several languages, sentences of others
            stay as they are; None switches all.
    """

    lexicons: Mapping[str, Lexicon]
    sentence_rate: float = 0.7
    word_rate: float = 0.6
    language: str | None = None

    def draw(self, random: np.random.Generator) -> Lexicon | None:
        """What to switch a sentence with, or None for one that stays as it is."""
        if not self.lexicons or random.random() >= self.sentence_rate:
            return None
        languages = sorted(self.lexicons)
        return self.lexicons[languages[int(random.integers(len(languages)))]]

    def __call__(self, sentence: Sentence, random: np.random.Generator) -> Sentence:
        """The sentence, switched or not. A translation of several words lengthens the entity that it stands in."""
        lexicon = self.draw(random)
        return sentence if lexicon is None else switch(sentence, lexicon, self.word_rate, random)


def switch_corpus(corpus: Corpus, lexicon: Lexicon, rate: float = 0.9, seed: int = 0) -> Corpus:
    """A labelled corpus with most of its words replaced by translations and its entities kept.

    Mayhew et al. 2017 train on such word-by-word translations ("cheap translation"); `Adapter` can learn from them, and
    copies of a dev set stand in for one of the target language.

    Args:
        corpus: Labelled sentences.
        lexicon: The translations.
        rate: The probability that a word is looked up.
        seed: Decides which words, and which of several translations.
    """
    random = np.random.default_rng(seed)
    return replace(corpus, sentences=tuple(switch(sentence, lexicon, rate, random) for sentence in corpus))


def switch(sentence: Sentence, lexicon: Lexicon, rate: float, random: np.random.Generator) -> Sentence:
    """Replaces each word by a translation with probability `rate`, where the lexicon knows one.

    Args:
        sentence: Its entities keep covering what their words became; text between words stays.
        lexicon: The translations.
        rate: The probability that a word is looked up.
        random: Decides.
    """
    text = ""
    words: list[tuple[int, int]] = []
    moved: list[tuple[int, int]] = []
    end = 0
    for start, stop in sentence.words:
        text += sentence.text[end:start]
        word = sentence.text[start:stop]
        translation = lexicon.translate(word, random) if random.random() < rate else None
        begin = len(text)
        text += translation or word
        # A translation may be several words, or Han characters that count as words of their own.
        inner = segment_words(translation) if translation else ((0, len(word)),)
        words.extend((begin + s, begin + e) for s, e in inner)
        moved.append((begin, len(text)))
        end = stop
    text += sentence.text[end:]
    entities: list[Entity] = []
    for span, entity in zip(sentence.spans(), sentence.entities, strict=True):
        first, last = moved[span.start][0], moved[span.end - 1][1]
        entities.append(Entity(first, last, text[first:last], entity.label, entity.score))
    return replace(sentence, text=text, words=tuple(words), entities=tuple(entities))
