"""Polyglot training: one tagger for the union of several languages (Mueller et al. 2020).

It is direct training on corpora of several languages; labels that a corpus does not annotate take no part in the loss
of its sentences. What it has of its own is how often each language is seen: in proportion to its size, as published, or
the small ones more often than that. Fine-tuning on one language goes on from such a tagger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from salin.corpus import Corpus
from salin.errors import SettingError
from salin.training.examples import Epochs, by_length


@dataclass(frozen=True)
class LanguageEpochs(Epochs):
    """Passes in which each language has its share, whatever its size.

    Each language has passes of its own, and every pass over all of them takes up where the one before left off: its
    sentences are seen equally often in the long run, several times a pass where there are fewer than its share.

    Attributes:
        languages: The sentences of each.
        shares: How many of each a pass sees; in all as many as there are sentences.
    """

    languages: tuple[tuple[int, ...], ...] = ()
    shares: tuple[int, ...] = ()

    def _order(self, epoch: int) -> list[int]:
        return _mixed(self.languages, self.shares, self.size, self.seed, epoch, self.lengths)


def epochs_of(
    source: Sequence[Corpus], size: int, seed: int, temperature: float = 1.0, lengths: Sequence[int] | None = None
) -> Epochs:
    """Which sentences of some corpora each step sees.

    Args:
        source: Corpora of the same language count as one; a corpus of unknown language is one by itself.
        size: Sentences a step.
        seed: Decides.
        temperature: A language with n sentences is drawn in proportion to n ** (1 / temperature): 1 follows the sizes,
            a large one draws all languages alike (Arivazhagan et al. 2019).
        lengths: Of all sentences: those of like length come together. None takes them as they come.
    """
    count, of_sentences = sum(map(len, source)), None if lengths is None else tuple(lengths)
    languages = sentences_by_language(source)
    if temperature == 1 or len(languages) == 1:
        return Epochs(count, size, seed, of_sentences)
    shares = _shares([len(sentences) for sentences in languages], temperature)
    return LanguageEpochs(count, size, seed, of_sentences, languages, shares)


def sentences_by_language(source: Sequence[Corpus]) -> tuple[tuple[int, ...], ...]:
    """The sentences of each language, counted through all corpora; a corpus of unknown language is one by itself."""
    found: dict[str | int, list[int]] = {}
    start = 0
    for number, corpus in enumerate(source):
        found.setdefault(corpus.language or number, []).extend(range(start, start + len(corpus)))
        start += len(corpus)
    return tuple(map(tuple, found.values()))


def check_languages(source: Sequence[Corpus], needed_by: str) -> None:
    """Refuses corpora whose language is not known.

    Args:
        source: The corpora.
        needed_by: The setting that needs it, for the error.

    Raises:
        SettingError: With their names.
    """
    if unknown := sorted({corpus.name for corpus in source if not corpus.language}):
        raise SettingError(
            f"{needed_by} needs the language of every source; that of {', '.join(unknown)} is not known. Name it: "
            "CODE=FILE"
        )


def _shares(sizes: Sequence[int], temperature: float) -> tuple[int, ...]:
    """How many sentences of each language a pass sees, at least one."""
    weights = np.asarray(sizes, dtype=np.float64) ** (1 / temperature)
    wanted = weights / weights.sum() * sum(sizes)
    shares = np.maximum(1, np.floor(wanted)).astype(int)
    # What rounding down has left goes to where it took most.
    order = np.argsort(shares - wanted, kind="stable")
    shares[order[: max(0, sum(sizes) - int(shares.sum()))]] += 1
    return tuple(shares.tolist())


@lru_cache(maxsize=8)
def _mixed(
    languages: tuple[tuple[int, ...], ...], shares: tuple[int, ...], size: int, seed: int, epoch: int,
    lengths: tuple[int, ...] | None,
) -> list[int]:  # fmt: skip
    taken = [
        _stream(sentences, share * epoch, share, [seed, number])
        for number, (sentences, share) in enumerate(zip(languages, shares, strict=True))
    ]
    random = np.random.default_rng([seed, epoch])
    # Where shares have been rounded up to one, a pass may be longer than it should.
    order = random.permutation(np.concatenate(taken))[: sum(map(len, languages))]
    return by_length(order, size, lengths, random)


def _stream(sentences: Sequence[int], start: int, count: int, seed: Sequence[int]) -> np.ndarray:
    """So many sentences of a language from a place on in its endless shuffled passes."""
    found: list[np.ndarray] = []
    while count:
        number, offset = divmod(start, len(sentences))
        order = np.random.default_rng([*seed, number]).permutation(sentences)[offset : offset + count]
        found.append(order)
        start, count = start + len(order), count - len(order)
    return np.concatenate(found)
