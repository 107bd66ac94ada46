"""Silver data: sentences that were tagged by way of English, as far as they are good enough to train another tagger on.

A sentence from which an entity is missing teaches that there is none. So one is kept whole or left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from salin.corpus import Sentence
from salin.translation.tagger import TranslationTagger


class SilverTagger:
    """Tags sentences and, unlike other taggers, leaves out those of which it is not sure.

    Args:
        tagger: By way of English.
        least: The least score of every entity of a sentence that is kept.

    Attributes:
        labels: Those of the tagger.
        kept: How many sentences were kept.
        left_out: For each reason how many were not.
    """

    def __init__(self, tagger: TranslationTagger, least: float):
        self.labels = tagger.labels
        self.kept = 0
        self.left_out: Counter[str] = Counter()
        self._tagger, self._least = tagger, least

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """The sentences that are sure, lazily and in order."""
        for sentence, lost in self._tagger.tag_with_losses(sentences):
            if lost:
                self.left_out["not translated, or an entity of it lost"] += 1
            elif any(entity.score is not None and entity.score < self._least for entity in sentence.entities):
                self.left_out["an entity of a lower score"] += 1
            else:
                self.kept += 1
                yield sentence

    def describe(self) -> str:
        """What was kept and what was not, in a line for people."""
        reasons = "".join(f"; {count:,} left out: {why}" for why, count in self.left_out.most_common())
        return f"{self.kept:,} of {self.kept + self.left_out.total():,} sentences kept{reasons}"
