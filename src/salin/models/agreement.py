"""How far two taggers that should be the same are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from salin.corpus import Sentence
from salin.models.tagger import Tagger

# Sentences that the two take in turn, so that whatever else the machine does slows both down.
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two taggers say of the same sentences.

    Attributes:
        sentences: How many.
        words: Their words.
        entities: What the first tagger finds in them.
        same_sentences: Sentences in which both find the same entities.
        same_words: Words with the same tag.
        largest_difference: Between two scores of one tag at one word, before any softmax.
        seconds: What each of the two took, tokenization and decoding included.
    """

    sentences: int
    words: int
    entities: int
    same_sentences: int
    same_words: int
    largest_difference: float
    seconds: tuple[float, float]

    @property
    def by_word(self) -> float:
        """The share of words with the same tag."""
        return self.same_words / self.words

    @property
    def by_sentence(self) -> float:
        """The share of sentences with the same entities."""
        return self.same_sentences / self.sentences


def compare_taggers(one: Tagger, other: Tagger, sentences: Sequence[Sentence]) -> Agreement:
    """Tags sentences with both.

    Args:
        one: What the other one should be like.
        other: With the same labels and windows.
        sentences: Those without words are left out.
    """
    chosen = [sentence for sentence in sentences if sentence.words]
    pair = (one, other)
    for tagger in pair:  # the first batch takes longer
        tagger.emissions(chosen[:_BLOCK])
    seconds = [0.0, 0.0]
    entities = same_sentences = same_words = 0
    largest = 0.0
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        scores: list[list[Tensor]] = []
        tagged: list[list[Sentence]] = []
        for place, tagger in enumerate(pair):
            started = time.perf_counter()
            scores.append(tagger.emissions(block))
            tagged.append(tagger.decode(block, scores[-1]))
            seconds[place] += time.perf_counter() - started
        largest = max(largest, *(float((a - b).abs().max()) for a, b in zip(scores[0], scores[1], strict=True)))
        for a, b in zip(tagged[0], tagged[1], strict=True):
            entities += len(a.entities)
            same_sentences += a.spans() == b.spans()
            same_words += sum(x == y for x, y in zip(a.tags(), b.tags(), strict=True))
    words = sum(len(sentence.words) for sentence in chosen)
    return Agreement(len(chosen), words, entities, same_sentences, same_words, largest, (seconds[0], seconds[1]))
