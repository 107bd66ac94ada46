"""Sentences as training examples: drawn in shuffled passes, switched, masked, windowed; a pure function of the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from torch import Tensor

from salin.corpus import Sentence
from salin.corpus.lexicon import CodeSwitching, Lexicon, switch
from salin.encoding import Encoding, Window
from salin.models.labelled import LabelledSentences
from salin.models.settings import TaggerSettings

# Sentences: so that the windows of a large corpus are not all in memory.
_ENCODED_TOGETHER = 1000

#: A window with the tags and the annotation mask of its whole sentence.
LabelledWindow = tuple[Window, tuple[Sequence[int], Tensor | None]]


@dataclass(frozen=True)
class Epochs:
    """Which examples each step sees: every example once a pass, in an order that the seed and the pass decide.

    Attributes:
        count: Examples.
        size: Examples a step.
        seed: Decides.
        lengths: Where given, examples of like length come in the same step, so that less is padded.
    """

    count: int
    size: int
    seed: int
    lengths: tuple[int, ...] | None = None

    def __call__(self, step: int) -> list[int]:
        """The examples of a step. The last step of a pass takes what it lacks from the next one."""
        first = step * self.size
        chosen: list[int] = []
        while len(chosen) < self.size:
            epoch, offset = divmod(first + len(chosen), self.count)
            chosen.extend(self._order(epoch)[offset : offset + self.size - len(chosen)])
        return chosen

    def _order(self, epoch: int) -> list[int]:
        return _order(self.count, self.size, self.seed, epoch, self.lengths)


@lru_cache(maxsize=8)
def _order(count: int, size: int, seed: int, epoch: int, lengths: tuple[int, ...] | None) -> list[int]:
    random = np.random.default_rng([seed, epoch])
    return by_length(random.permutation(count), size, lengths, random)


def by_length(order: np.ndarray, size: int, lengths: Sequence[int] | None, random: np.random.Generator) -> list[int]:
    """A shuffled order in which examples of like length come in the same step, and steps at random.

    Args:
        order: Examples, shuffled.
        size: Examples a step.
        lengths: Of all examples; None leaves the order as it is.
        random: Decides.
    """
    if lengths is None:
        return order.tolist()
    # Sorted within stretches of fifty steps: short enough that the order of a pass stays random.
    stretch = 50 * size
    groups: list[np.ndarray] = []
    for start in range(0, len(order), stretch):
        part = order[start : start + stretch]
        part = part[np.argsort(np.take(lengths, part), kind="stable")]
        groups.extend(part[i : i + size] for i in range(0, len(part), size))
    full = [group for group in groups if len(group) == size]
    rest = [group for group in groups if len(group) < size]
    mixed = [full[int(i)] for i in random.permutation(len(full))]
    return np.concatenate([*mixed, *rest]).tolist()


@dataclass(frozen=True)
class EntityMasking:
    """Hides entity words from the model, so that it learns to know them by what stands around (Wu et al. 2020).

    Every piece of a hidden word is replaced, unlike in the published code, which leaves all but the first visible.

    Attributes:
        rate: The probability for each word of an entity.
        piece: What stands for a hidden piece: the encoding's `hidden`, attended like any other.
    """

    rate: float
    piece: int

    def __call__(self, window: Window, tags: Sequence[int], random: np.random.Generator) -> Window:
        """The window with some entity words hidden.

        Args:
            window: A window.
            tags: The tag index of each word of its sentence; 0 is `O`.
            random: Decides.
        """
        if not self.rate:
            return window
        entity_words = sorted({word for word in window.words if word >= 0 and tags[word]})
        hidden = {word for word in entity_words if random.random() < self.rate}
        if not hidden:
            return window
        pieces = tuple(
            self.piece if word in hidden else piece for piece, word in zip(window.pieces, window.words, strict=True)
        )
        return replace(window, pieces=pieces)


@dataclass(frozen=True)
class Examples:
    """Makes windows with tags of sentences, as the settings of a run want them.

    Attributes:
        labelled: The sentences.
        windower: Cuts them.
        settings: The model's tags.
        switching: Code-switching, or None.
    """

    labelled: LabelledSentences
    windower: Encoding
    settings: TaggerSettings
    switching: CodeSwitching | None = None

    def lengths(self) -> list[int]:
        """How many pieces each sentence has, as it is: in windows that overlap, those they share count twice."""
        found = [0] * len(self.labelled)
        for start in range(0, len(found), _ENCODED_TOGETHER):
            for window in self.windower.windows(self.labelled.sentences[start : start + _ENCODED_TOGETHER]):
                found[start + window.sentence] += len(window)
        return found

    def draw(self, count: int, random: np.random.Generator) -> list[Lexicon | None]:
        """What to switch each of so many sentences with; None leaves one as it is."""
        return [self.switching.draw(random) if self.switching else None for _ in range(count)]

    def windows(
        self,
        indices: Sequence[int],
        random: np.random.Generator,
        *,
        lexicons: Sequence[Lexicon | None] = (),
        hide: EntityMasking | None = None,
    ) -> list[list[LabelledWindow]]:
        """For each sentence its windows, each with the tags and the annotation mask of the sentence.

        Args:
            indices: Sentences.
            random: Decides.
            lexicons: What each sentence is code-switched with, as [draw][salin.training.examples.Examples.draw] gives
                it; empty where none is.
            hide: What hides words of entities, or None.
        """
        sentences, tags = self._sentences(indices, lexicons, random)
        found: list[list[LabelledWindow]] = [[] for _ in indices]
        annotated = self.labelled.annotated
        for window in self.windower.windows(sentences):
            row = window.sentence
            mask = annotated[indices[row]] if annotated is not None else None
            shown = hide(window, tags[row], random) if hide else window
            found[row].append((shown, (tags[row], mask)))
        return found

    def _sentences(
        self, indices: Sequence[int], lexicons: Sequence[Lexicon | None], random: np.random.Generator
    ) -> tuple[list[Sentence], list[tuple[int, ...]]]:
        sentences = [self.labelled.sentences[index] for index in indices]
        tags = [self.labelled.tags[index] for index in indices]
        if not self.switching or not lexicons:
            return sentences, tags
        names = {tag: i for i, tag in enumerate(self.settings.tags)}
        for row, (index, lexicon) in enumerate(zip(indices, lexicons, strict=True)):
            if lexicon is not None and self.switching.language in (None, self.labelled.languages[index]):
                sentences[row] = switch(sentences[row], lexicon, self.switching.word_rate, random)
                tags[row] = tuple(names[tag] for tag in sentences[row].tags())
        return sentences, tags
