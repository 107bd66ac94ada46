"""Text made up for tests of episodes: sentences of a few dozen words, each of which occurs in many of them."""

from __future__ import annotations

import numpy as np

from salin.corpus import segment_words
from tiny_models import TEXT

WORDS = sorted(
    word
    for word in {text[start:end] for text in TEXT[:6] for start, end in segment_words(text)}
    if len(word) > 1 and word.isalpha()
)


class MadeUpText:
    """Sentences of random words in two languages, one of them with words that end in -o."""

    def __init__(self, sentences: int = 300, seed: int = 0):
        random = np.random.default_rng(seed)
        self.sentences: dict[str, list[str]] = {}
        for language, ending in {"en": "", "xx": "o"}.items():
            lengths = random.integers(6, 12, sentences)
            self.sentences[language] = [
                " ".join(str(word) + ending for word in random.choice(WORDS, length, replace=False)) + "."
                for length in lengths
            ]

    def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
        language = ["en", "xx"][int(random.integers(2))]
        sentences = self.sentences[language]
        start = int(random.integers(len(sentences)))
        chosen: list[str] = []
        while sum(map(len, chosen)) < characters and start < len(sentences):
            chosen.append(sentences[start])
            start += 1
        return language, "\n".join(chosen)
