"""What is in a corpus, and what leaks from one into another: figures to look at before training on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from salin.corpus.corpus import Corpus
from salin.corpus.sentence import Sentence

#: Shorter sentences (a dateline, a score) repeat for other reasons than a leak.
LEAK_WORDS = 5


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of one corpus.

    Attributes:
        sentences: How many sentences.
        words: How many words.
        entities: How many entities of each label.
        mentions: How many different `(text, label)`.
        without_entities: How many sentences have none.
        mean_words: Words a sentence, on average.
        median_words: Half of the sentences are not longer than this.
        most_words: Words of the longest sentence.
        scheme: The tag scheme that was detected, if any.
        duplicates: How many sentences stood earlier in the corpus already, word for word.
        conflicts: How many of these have other entities than the first time.
    """

    sentences: int
    words: int
    entities: dict[str, int]
    mentions: int
    without_entities: int
    mean_words: float
    median_words: int
    most_words: int
    scheme: str | None
    duplicates: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Leak:
    """How much of a test corpus was seen in training.

    Attributes:
        sentences: Test sentences of five words or more.
        seen_sentences: Those of them whose words also make a training sentence.
        entities: Entity mentions of the test corpus.
        seen_entities: Those of them that occur in training with the same text and label.
    """

    sentences: int
    seen_sentences: int
    entities: int
    seen_entities: int

    @property
    def sentence_share(self) -> float:
        """In 0..1."""
        return self.seen_sentences / self.sentences if self.sentences else 0.0

    @property
    def entity_share(self) -> float:
        """In 0..1."""
        return self.seen_entities / self.entities if self.entities else 0.0


def corpus_statistics(corpus: Corpus) -> Statistics:
    """Counts what is in a corpus."""
    lengths = sorted(len(sentence.words) for sentence in corpus)
    labels = Counter(entity.label for sentence in corpus for entity in sentence.entities)
    first: dict[tuple[str, ...], object] = {}
    duplicates = conflicts = 0
    for sentence in corpus:
        key = tuple(sentence.tokens)
        annotation = [(entity.text, entity.label) for entity in sentence.entities]
        if key not in first:
            first[key] = annotation
            continue
        duplicates += 1
        conflicts += annotation != first[key]
    return Statistics(
        sentences=len(corpus),
        words=sum(lengths),
        entities={label: labels[label] for label in corpus.labels},
        mentions=len(set(_mentions(corpus))),
        without_entities=sum(not sentence.entities for sentence in corpus),
        mean_words=sum(lengths) / len(lengths) if lengths else 0.0,
        median_words=lengths[len(lengths) // 2] if lengths else 0,
        most_words=lengths[-1] if lengths else 0,
        scheme=corpus.scheme,
        duplicates=duplicates,
        conflicts=conflicts,
    )


def find_leak(train: Corpus, test: Corpus) -> Leak:
    """Counts the sentences and entity mentions of `test` that stand in `train`."""
    seen_sentences = {tuple(sentence.tokens) for sentence in train}
    seen_mentions = set(_mentions(train))
    long = [sentence for sentence in test if len(sentence.words) >= LEAK_WORDS]
    mentions = list(_mentions(test))
    return Leak(
        sentences=len(long),
        seen_sentences=sum(tuple(sentence.tokens) in seen_sentences for sentence in long),
        entities=len(mentions),
        seen_entities=sum(mention in seen_mentions for mention in mentions),
    )


def _mentions(sentences: Iterable[Sentence]) -> Iterable[tuple[str, str]]:
    return ((entity.text, entity.label) for sentence in sentences for entity in sentence.entities)
