"""The lenient score that entity-aligned translation was published with: label agreement of tokens, found by search.

It is far above strict F1 and no substitute for it. Sentences without a gold entity are left out, so that whatever is
predicted there costs nothing; an entity is a text and no place, put at its first free occurrence; a part of an entity
counts for its part. (As the code of Zhang et al. 2025 does it; the paper's text was not to be had.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import regex

from salin.corpus.sentence import Entity, Sentence
from salin.corpus.words import UNSPACED
from salin.evaluation.counts import Counts
from salin.evaluation.scoring import check_same_text

_UNSPACED = regex.compile(rf"(?V1){UNSPACED}")


@dataclass(frozen=True, slots=True)
class LenientScore:
    """Agreement of labels, token by token.

    Attributes:
        by_type: For each label the tokens that have it in both, in the prediction alone, in gold alone.
        sentences: How many sentences hold a gold entity; no other counts.
    """

    by_type: dict[str, Counts]
    sentences: int

    @property
    def micro(self) -> float:
        """F1 over the tokens of all labels, in 0..1."""
        counts = self.by_type.values()
        return Counts(sum(c.tp for c in counts), sum(c.fp for c in counts), sum(c.fn for c in counts)).f1

    @property
    def macro(self) -> float:
        """Mean F1 of the labels."""
        return sum(counts.f1 for counts in self.by_type.values()) / len(self.by_type) if self.by_type else 0.0

    @property
    def weighted(self) -> float:
        """Mean F1 of the labels, each as heavy as it has gold tokens."""
        total = sum(counts.support for counts in self.by_type.values())
        return sum(counts.f1 * counts.support for counts in self.by_type.values()) / total if total else 0.0


def lenient_score(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], *, labels: Collection[str] | None = None
) -> LenientScore:
    """Compares the labels of tokens: words, and in Chinese and Japanese characters.

    Args:
        gold: Sentences with the right entities.
        predicted: The same sentences with the entities of a tagger.
        labels: Count only these. By default all that gold or prediction has.

    Raises:
        DataError: When the two do not hold the same sentences.
    """
    check_same_text(gold, predicted)
    found: dict[str, Counter[str]] = {}
    sentences = 0
    for right, guess in zip(gold, predicted, strict=True):
        entities = _counted(right, labels)
        if not entities:
            continue
        sentences += 1
        tokens = list(_tokens(right))
        for a, b in zip(_token_labels(tokens, entities), _token_labels(tokens, _counted(guess, labels)), strict=True):
            for label in {a, b} - {""}:
                kind = "tp" if a == b else "fn" if label == a else "fp"
                found.setdefault(label, Counter())[kind] += 1
    known = sorted(found if labels is None else {*found, *labels})
    by_type = {name: Counts(*((found.get(name) or Counter())[kind] for kind in ("tp", "fp", "fn"))) for name in known}
    return LenientScore(by_type, sentences)


def _counted(sentence: Sentence, labels: Collection[str] | None) -> list[Entity]:
    return [entity for entity in sentence.entities if labels is None or entity.label in labels]


def _tokens(sentence: Sentence) -> Iterator[str]:
    for word in sentence.tokens:
        yield from word if _UNSPACED.search(word) else (word,)


def _token_labels(tokens: list[str], entities: Sequence[Entity]) -> list[str]:
    """A label for each token, empty for none: each entity where its text stands first and nothing else does."""
    labels = [""] * len(tokens)
    for entity in entities:
        wanted = regex.sub(r"\s+", "", entity.text)
        for start in range(len(tokens)):
            stop = _run(tokens, start, wanted)
            if stop and not any(labels[start:stop]):
                labels[start:stop] = [entity.label] * (stop - start)
                break
    return labels


def _run(tokens: list[str], start: int, wanted: str) -> int:
    """Where a run of tokens ends that begins at `start` and makes up a text; 0 for none."""
    length = 0
    for stop in range(start, len(tokens)):
        if not wanted.startswith(tokens[stop], length):
            return 0
        length += len(tokens[stop])
        if length == len(wanted):
            return stop + 1
    return 0
