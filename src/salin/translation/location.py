"""Where in a sentence a phrase stands that somebody brought back, more or less as it stands there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import regex

from salin.corpus import Sentence
from salin.corpus.words import segment_words
from salin.translation.affixes import clings, own_particle, without_affixes, written_without_spaces
from salin.translation.folding import Folded, fold, fold_letters, folded_parts

# What a place scores: the share of the phrase that was found there, less what was written otherwise.
_OTHER_CASE_OR_SPACING = 0.05
_AFFIX = 0.1
#: Below this share of the phrase, a common run is chance.
LEAST_SHARE = 2 / 3
# And in scripts without spaces, where a run may end within a name: two thirds of 王小明 are in 王小红, somebody else.
_LEAST_RUN = 4 / 5
# Two words are forms of one where they share so much of the longer, from its first letter on.
_STEM_SHARE, _SHORTEST_STEM, _LONGEST_ENDING = 0.6, 3, 4
# Endings do not differ in consonants alone: Iran is no form of Irak. Letters here are without marks.
_CONSONANTS = regex.compile(r"[b-df-hj-np-tv-xzđł]+")
# A phrase is no longer than this, whoever brought it back; what is longer is prose.
_LONGEST_PHRASE = 400

_EDGES = regex.compile(r"^[\s\p{P}\p{S}\p{Cf}]+|[\s\p{P}\p{S}\p{Cf}]+$")
_END = regex.compile(r"[\s\p{P}\p{S}\p{Cf}]+$")


@dataclass(frozen=True, slots=True)
class Place:
    """Words of a sentence that a phrase may stand for.

    Attributes:
        start: Offset of the first character of the first word.
        end: Offset behind the last word.
        score: In 0..1: 1 where the phrase stands there as it was given, or all of it but a particle behind it.
    """

    start: int
    end: int
    score: float


class Locator:
    """Finds phrases in one sentence.

    Args:
        sentence: Its words decide where an entity may begin and end.
    """

    def __init__(self, sentence: Sentence):
        self._text, self._words = sentence.text, sentence.words
        self._starts = [start for start, _ in sentence.words]
        self._folded = fold(sentence.text)
        self._tokens = [fold_letters(self._text[start:end]) for start, end in self._words]
        self._known: dict[str, tuple[Place, ...]] = {}

    def places(self, phrase: str) -> Sequence[Place]:
        """All places where a phrase may stand, the best first; none where no more than chance is common to both.

        Args:
            phrase: As it was brought back; one that was sought before costs nothing.
        """
        if phrase not in self._known:
            self._known[phrase] = tuple(self._places(phrase))
        return self._known[phrase]

    def _places(self, phrase: str) -> list[Place]:
        core = _EDGES.sub("", phrase) or phrase.strip()
        needle = fold(core).text
        if not needle or len(phrase) > _LONGEST_PHRASE or not self._words:
            return []
        found = _best([*self._whole(phrase, core, needle), *self._in_part(core, needle)])
        # What clings to the name in the answer may be something else here, or nothing.
        bare = iter(()) if found else without_affixes(core)
        while not found and (name := next(bare, None)):
            found = _best([replace(one, score=one.score - _AFFIX) for one in self._whole(name, name, fold(name).text)])
        return found

    def _whole(self, phrase: str, core: str, needle: str) -> Iterator[Place]:
        """Where all of it stands, whatever became of case, width and spacing."""
        at = self._folded.text.find(needle)
        while at >= 0:
            place = self._fitted(phrase, core, at, at + len(needle))
            if place is not None:
                yield from self._readings(place)
            at = self._folded.text.find(needle, at + 1)

    def _readings(self, place: Place) -> Iterator[Place]:
        """A place, and before it that of the name alone where the phrase was copied with the particle behind it."""
        there = _END.sub("", self._text[place.start : place.end])
        particle = own_particle(self._text, place.start, place.start + len(there))
        end = place.start + len(there.removesuffix(particle).rstrip())
        # Of one letter a name would be a guess, and of half a word no place.
        if particle and end - place.start > 1 and self._words[bisect_right(self._starts, end - 1) - 1][1] == end:
            yield Place(place.start, end, place.score)
            place = replace(place, score=place.score - _AFFIX)
        yield place

    def _fitted(self, phrase: str, core: str, at: int, stop: int) -> Place | None:
        start, end = self._folded.original(at, stop)
        here = self._text[start:end]
        same_case = fold_letters(here, keep_case=True) == fold_letters(core, keep_case=True)
        same_spacing = folded_parts(here) == folded_parts(core)
        if not (same_case or same_spacing):
            return None  # "in día" is not "India", and half of a cluster is none
        start, end = self._with_edges(phrase, core, start, end)
        first, last = bisect_right(self._starts, start) - 1, bisect_right(self._starts, end - 1) - 1
        before, after = self._text[self._words[first][0] : start], self._text[end : self._words[last][1]]
        same_initial = here[0].isupper() == core[0].isupper()
        if not clings(before, here, after, same_initial=same_initial):
            return None
        score = 1.0 - _OTHER_CASE_OR_SPACING * (not (same_case and same_spacing)) - _AFFIX * bool(before or after)
        return Place(self._words[first][0], self._words[last][1], score)

    def _with_edges(self, phrase: str, core: str, start: int, end: int) -> tuple[int, int]:
        """Takes the punctuation in that belongs to the phrase at its edges and stands here too, as in `Yahoo!`."""
        head, _, tail = phrase.strip().partition(core)
        if tail and self._text.startswith(tail, end):
            end += len(tail)
        if head and self._text.endswith(head, 0, start):
            start -= len(head)
        return start, end

    def _in_part(self, core: str, needle: str) -> Iterator[Place]:
        """Where the longest common run stands: of characters, or of words whose endings differ."""
        if written_without_spaces(core):
            matcher = SequenceMatcher(None, needle, self._folded.text, autojunk=False)
            run = matcher.find_longest_match()
            if run.size > 1 and run.size >= _LEAST_RUN * len(needle):
                place = self._fitted_run(run.b, run.b + run.size)
                if place is not None:
                    yield from self._readings(Place(*place, min(run.size / len(needle), 1 - _AFFIX)))
            return
        pieces = [core[start:end] for start, end in segment_words(core)]
        pieces = [piece for piece in pieces if fold_letters(piece)]
        for first in range(1 - len(pieces), len(self._words)):
            yield from self._run_of_words(pieces, first)

    def _fitted_run(self, at: int, stop: int) -> tuple[int, int] | None:
        if not _between_clusters(self._folded, at, stop):
            return None
        start, end = self._folded.original(at, stop)
        first, last = bisect_right(self._starts, start) - 1, bisect_right(self._starts, end - 1) - 1
        (left, _), (_, right) = self._words[first], self._words[last]
        fits = clings(self._text[left:start], self._text[start:end], self._text[end:right], same_initial=True)
        return (left, right) if fits else None

    def _run_of_words(self, pieces: list[str], first: int) -> Iterator[Place]:
        """The longest run of alike words where the phrase's first word stands at word `first` of the sentence."""
        shares = [self._likeness(piece, first + i) for i, piece in enumerate(pieces)]
        total = sum(len(fold_letters(piece)) for piece in pieces)
        begin = 0
        while begin < len(pieces):
            stop = begin
            while stop < len(pieces) and shares[stop]:
                stop += 1
            kept = _without_small_words(pieces, begin, stop)
            share = sum(shares[i] * len(fold_letters(pieces[i])) for i in kept) / total
            if kept and share >= LEAST_SHARE:
                start, end = self._words[first + kept[0]][0], self._words[first + kept[-1]][1]
                yield Place(start, end, min(share, 1 - _AFFIX))
            begin = stop + 1

    def _likeness(self, piece: str, number: int) -> float:
        """How much of two words is common, where they may be forms of one; else 0."""
        if not 0 <= number < len(self._words):
            return 0.0
        ours, theirs = fold_letters(piece), self._tokens[number]
        if not theirs or self._text[self._words[number][0]].isupper() != piece[0].isupper():
            return 0.0
        if ours == theirs:
            return 1.0
        common = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
        common = min(len(ours), len(theirs)) if common is None else common
        longest = max(len(ours), len(theirs))
        alike = common >= max(_SHORTEST_STEM, _STEM_SHARE * longest) and longest - common <= _LONGEST_ENDING
        if not (alike and ours.isalpha() and theirs.isalpha()):
            return 0.0
        others = all(_CONSONANTS.fullmatch(word, common) for word in (ours, theirs))
        return 0.0 if others else common / longest


def _best(places: Sequence[Place]) -> list[Place]:
    """Each place once, with its highest score, the best first."""
    scores: dict[tuple[int, int], float] = {}
    for place in places:
        key = place.start, place.end
        scores[key] = max(scores.get(key, 0.0), place.score)
    return [Place(*key, score) for key, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]


def _without_small_words(pieces: list[str], begin: int, stop: int) -> list[int]:
    """A run without the small words at its edges (`de`, `of`), where the phrase has capitals."""
    kept = list(range(begin, stop))
    if any(piece[0].isupper() for piece in pieces):
        while kept and not pieces[kept[0]][0].isupper():
            kept.pop(0)
        while kept and not pieces[kept[-1]][0].isupper():
            kept.pop()
    return kept


def _between_clusters(folded: Folded, at: int, stop: int) -> bool:
    """Whether a run of folded characters begins and ends with whole clusters of the original."""
    begins = at == 0 or folded.starts[at - 1] != folded.starts[at]
    return begins and (stop == len(folded.text) or folded.starts[stop] != folded.starts[stop - 1])
