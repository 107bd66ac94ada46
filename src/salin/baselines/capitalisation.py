"""The capitalisation rule: a run of capitalised words inside a sentence is a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from salin.corpus.schemes import Span
from salin.corpus.sentence import Sentence
from salin.corpus.tagging import TagsText
from salin.errors import DataError


class Capitalisation(TagsText):
    """Tags each longest run of capitalised words as one entity, all with the same label.

    A word is capitalised when its first character is upper or title case. The first word of a sentence is never part
    of a run, since it may be capitalised for its place alone. So nothing is found in scripts without case, and much
    that is wrong in German and in headlines.

    Args:
        label: What to call every run.
    """

    def __init__(self, label: str):
        self.labels = (label,)
        self.name = "rules:capitalised"

    @classmethod
    def from_corpus(cls, sentences: Iterable[Sentence]) -> Capitalisation:
        """Takes the most frequent label among the entities of labelled (source) sentences.

        Raises:
            DataError: When they hold no entity.
        """
        counts = Counter(entity.label for sentence in sentences for entity in sentence.entities)
        if not counts:
            raise DataError("the source sentences hold no entity", remedy="Give a labelled corpus.")
        return cls(min(counts, key=lambda label: (-counts[label], label)))

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order."""
        for sentence in sentences:
            runs = capitalised_runs(sentence.tokens)
            yield sentence.with_spans([Span(start, end, self.labels[0]) for start, end in runs])


def capitalised_runs(tokens: Sequence[str], breaking: Collection[str] = ()) -> list[tuple[int, int]]:
    """Finds the longest runs of capitalised words, the first word left out.

    Args:
        tokens: The words of a sentence.
        breaking: Words in lower case that are never part of a run.

    Returns:
        `(first word, word behind the last)` of each run.
    """
    runs: list[tuple[int, int]] = []
    for position, token in enumerate(tokens):
        if position == 0 or not is_capitalised(token) or token.lower() in breaking:
            continue
        if runs and runs[-1][1] == position:
            runs[-1] = (runs[-1][0], position + 1)
        else:
            runs.append((position, position + 1))
    return runs


def is_capitalised(token: str) -> bool:
    """Whether a word begins with an upper-case or title-case letter."""
    return token[:1].isupper() or token[:1].istitle()
