"""The gazetteer: what was a name in the source sentences is a name everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from salin.corpus.schemes import Span
from salin.corpus.sentence import Sentence
from salin.corpus.tagging import TagsText
from salin.errors import DataError

Words = tuple[str, ...]

# Chosen among 0, 0.1, 0.25, 0.5, 0.75, 0.9 and 1 by the mean F1 on held-out *English* data, which is the source: the
# dev sets of CoNLL-2003 and UNER EWT and the last 496 sentences of Wikigold. (CoNLL: 71.2 at 0, 74.4 at 0.25, 74.7 at
# 0.75; EWT: 45.1 at 0, 46.3 at 0.25, 38.3 at 1; Wikigold hardly moves.)
MINIMUM_PRECISION = 0.25


class Gazetteer(TagsText):
    """Tags each longest sequence of words that is in a list, from left to right, case kept.

    Args:
        entries: The label of each sequence of words.
        name: What to call it in results.
    """

    def __init__(self, entries: Mapping[Words, str], *, name: str = "rules:gazetteer"):
        self.name = name
        self.labels = tuple(sorted(set(entries.values())))
        self._entries = dict(entries)
        self._longest: dict[str, int] = {}
        for words in entries:
            self._longest[words[0]] = max(len(words), self._longest.get(words[0], 0))

    @classmethod
    def from_corpus(cls, sentences: Iterable[Sentence], *, minimum_precision: float = MINIMUM_PRECISION) -> Gazetteer:
        """Collects the entities of labelled (source) sentences.

        Each gets the label that it has most often there (the first in the alphabet where labels tie). Entries that
        are more often something else are then dropped: all entries are matched against the source sentences
        themselves, and an entry stays when at least `minimum_precision` of its matches are entities, of any label.

        Args:
            sentences: Labelled source sentences.
            minimum_precision: In 0..1; 0 keeps every entry.

        Raises:
            DataError: When the sentences hold no entity.
        """
        sentences = list(sentences)
        labels: dict[Words, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            tokens = sentence.tokens
            for start, end, label in sentence.spans():
                labels[tuple(tokens[start:end])][label] += 1
        if not labels:
            raise DataError("the source sentences hold no entity", remedy="Give a labelled corpus.")
        entries = {words: min(seen, key=lambda label: (-seen[label], label)) for words, seen in labels.items()}
        precise = cls(entries)._precision(sentences)
        return cls({words: label for words, label in entries.items() if precise.get(words, 1) >= minimum_precision})

    def __len__(self) -> int:
        return len(self._entries)

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order."""
        for sentence in sentences:
            tokens = sentence.tokens
            matches = self._matches(tokens)
            yield sentence.with_spans([Span(s, e, self._entries[tuple(tokens[s:e])]) for s, e in matches])

    def _matches(self, tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
        start = 0
        while start < len(tokens):
            longest = min(self._longest.get(tokens[start], 0), len(tokens) - start)
            end = next(
                (start + n for n in range(longest, 0, -1) if tuple(tokens[start : start + n]) in self._entries), None
            )
            if end is None:
                start += 1
            else:
                yield start, end
                start = end

    def _precision(self, sentences: Sequence[Sentence]) -> dict[Words, float]:
        """How often a match of each entry is an entity; entries that a longer one always covers are left out."""
        matched: Counter[Words] = Counter()
        right: Counter[Words] = Counter()
        for sentence in sentences:
            tokens = sentence.tokens
            gold = {(span.start, span.end) for span in sentence.spans()}
            for start, end in self._matches(tokens):
                words = tuple(tokens[start:end])
                matched[words] += 1
                right[words] += (start, end) in gold
        return {words: right[words] / count for words, count in matched.items()}
