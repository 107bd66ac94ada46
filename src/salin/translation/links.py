"""From words that are linked with words to the place of an entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from salin.corpus import Sentence
from salin.translation.location import Place
from salin.translation.translator import Link


class LinksWords(Protocol):
    """Says which words of two sentences mean the same; an encoder, as a rule."""

    def links(self, pairs: Sequence[tuple[Sentence, Sentence]]) -> list[tuple[Link, ...]]:
        """Links the words of sentences.

        Args:
            pairs: A translation and its original each.
        """
        ...


def linked_place(links: Sequence[Link], start: int, end: int, original: Sentence) -> Place | None:
    """The words of the original that a span of the translation came from.

    They need not touch: in Universidad de Chile, from Chile University, the word between belongs to it, since no word
    outside the span came from it. Where one did, the run with most links is taken.

    Args:
        links: Between the translation and the original.
        start: Where the span begins in the translation.
        end: Where it ends.
        original: The original sentence.

    Returns:
        The place, its score the share of the span's links that lead there; None where the span has none.
    """
    inside: list[int] = []
    outside: set[int] = set()
    for link in links:
        words = _words(original, link.original_start, link.original_end)
        if link.start < end and start < link.end:
            inside.extend(words)
        else:
            outside.update(words)
    if not inside:
        return None
    runs: list[list[int]] = [[]]
    for word in sorted(inside):
        if runs[-1] and any(between in outside for between in range(runs[-1][-1] + 1, word)):
            runs.append([])
        runs[-1].append(word)
    longest = max(runs, key=len)
    first, last = longest[0], longest[-1]
    return Place(original.words[first][0], original.words[last][1], len(longest) / len(inside))


def _words(sentence: Sentence, start: int, end: int) -> list[int]:
    return [i for i, (begin, stop) in enumerate(sentence.words) if begin < end and start < stop]
