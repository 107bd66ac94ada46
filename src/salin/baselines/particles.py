"""Rules for languages that mark persons by a particle: Tagalog and Cebuano."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from salin.baselines.capitalisation import capitalised_runs
from salin.corpus.schemes import Span
from salin.corpus.sentence import Sentence
from salin.corpus.tagging import TagsText

# The personal case markers: nominative, genitive and dative, singular and plural. One list serves both languages, as
# it did for the published figures. (Cebuano marks the dative by `kang`, and its `kay` means "because"; the list was
# not tuned to the Cebuano test set, which has 49 entities and would be the only thing to tune on.)
PERSONAL_PARTICLES = ("si", "ni", "kay", "sina", "nina", "kina")


class ParticleRules(TagsText):
    """Tags a capitalised run behind a personal particle as PER, and any other alphabetic one as LOC.

    Runs are those of `capitalised_runs`, with particles never part of a run. The particle may be the first word of the
    sentence and is compared in lower case.

    Args:
        name: What to call the rules in results.
        particles: In lower case.
        other: Label of the runs without a particle; None leaves them untagged.
    """

    def __init__(self, name: str, particles: Collection[str] = PERSONAL_PARTICLES, *, other: str | None = "LOC"):
        self.name = name
        self.labels = ("PER",) if other is None else tuple(sorted({"PER", other}))
        self._particles = frozenset(particles)
        self._other = other

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order."""
        for sentence in sentences:
            yield sentence.with_spans(self._spans(sentence.tokens))

    def _spans(self, tokens: list[str]) -> Iterator[Span]:
        for start, end in capitalised_runs(tokens, breaking=self._particles):
            if tokens[start - 1].lower() in self._particles:
                yield Span(start, end, "PER")
            elif self._other is not None and all(token.isalpha() for token in tokens[start:end]):
                yield Span(start, end, self._other)
