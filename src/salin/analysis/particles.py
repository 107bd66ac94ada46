"""How often a particle stands before a name: Tagalog and Cebuano mark names by `si`, `ni`, `ang`, `sa` and their like.

Africa et al. 2025 count every labelled word, `O` included, and look up words by the positions of subword pieces, so
that their shares are about half of what all words have (SPECS 2.7, point 12). Here gold entities are counted, by the
word before their first one, and beside them stands the share of all words that a particle precedes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scipy.stats import binomtest

from salin.baselines.particles import PERSONAL_PARTICLES
from salin.corpus import Corpus
from salin.errors import DataError
from salin.evaluation.figures import BLUE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVEL = 0.95
#: What is counted beside the labels.
WORDS, ENTITIES = "all words", "all entities"
#: Kinds of particles; the last is either of the others.
KINDS = ("personal", "common", "any")


@dataclass(frozen=True, slots=True)
class ParticleSet:
    """The particles of a language, in lower case.

    Attributes:
        personal: Those that mark persons.
        common: Those that mark all else.
    """

    personal: tuple[str, ...]
    common: tuple[str, ...]


#: The five of Africa et al. 2025, who use them for both languages.
PUBLISHED = ParticleSet(("si", "ni"), ("ang", "ng", "sa"))
#: By ISO 639 code. Left out is what is another word as often: Cebuano `ug` ("and"), `kay` ("because"), `sila` ("they").
PARTICLE_SETS = {
    "tl": ParticleSet(PERSONAL_PARTICLES, ("ang", "ng", "sa")),
    "ceb": ParticleSet(("si", "ni", "kang"), ("ang", "sa", "og")),
}


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % Wilson interval, which is right for few cases too (Wilson 1927).

    Attributes:
        count: How many of them.
        of: How many there are.
        share: In 0..1; None of nothing.
        low: Lower bound.
        high: Upper bound.
    """

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def made_of(cls, count: int, of: int) -> Share:
        """The share that `count` is of `of`."""
        if not of:
            return cls(count, of, None, None, None)
        bounds = binomtest(count, of).proportion_ci(_LEVEL, method="wilson")
        return cls(count, of, count / of, float(bounds.low), float(bounds.high))

    def __str__(self) -> str:
        if self.share is None or self.low is None or self.high is None:
            return f"{self.count}/{self.of}"
        return f"{self.count:,}/{self.of:,} = {self.share:.1%} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Shares of words that do not occur in a source corpus in this very form, case kept.

    Attributes:
        entity_words: Of the words inside gold entities.
        other_words: Of the words outside.
    """

    entity_words: Share
    other_words: Share


@dataclass(frozen=True, slots=True)
class ParticleStatistics:
    """What stands before words and entities of a corpus.

    What begins a sentence has no word before it; it counts among the words or entities all the same.

    Attributes:
        sentences: How many.
        names: How many different `(text, label)` there are among the entities: entities are not independent.
        preceded: By what is counted (all words, all entities, each label) and kind, those behind such a particle.
        particles: By particle and what is counted, how many stand behind it.
        unseen: Words that a source corpus does not have; None where none was given.
    """

    sentences: int
    names: int
    preceded: dict[str, dict[str, Share]]
    particles: dict[str, dict[str, int]]
    unseen: Unseen | None


def particle_statistics(corpus: Corpus, particles: ParticleSet, source: Corpus | None = None) -> ParticleStatistics:
    """Counts what a particle precedes.

    Args:
        corpus: Labelled sentences.
        particles: Compared with the word before in lower case.
        source: Labelled sentences that a tagger learned from, for the share of words that it has never seen.

    Raises:
        DataError: When the corpus has no entities.
    """
    if not corpus.entity_count:
        raise DataError("holds no entities", path=corpus.name or None, remedy="Give labelled sentences")
    before: dict[str, Counter[str]] = {name: Counter() for name in (WORDS, ENTITIES, *corpus.labels)}
    for sentence in corpus:
        previous = ["", *(token.lower() for token in sentence.tokens)]
        before[WORDS].update(previous[:-1])
        for span in sentence.spans():
            before[ENTITIES][previous[span.start]] += 1
            before[span.label][previous[span.start]] += 1
    sets = (particles.personal, particles.common, particles.personal + particles.common)
    preceded = {
        name: {
            kind: Share.made_of(sum(counts[particle] for particle in some), counts.total())
            for kind, some in zip(KINDS, sets, strict=True)
        }
        for name, counts in before.items()
    }
    by_particle = {particle: {name: counts[particle] for name, counts in before.items()} for particle in sets[-1]}
    names = len({(entity.text, entity.label) for sentence in corpus for entity in sentence.entities})
    unseen = None if source is None else _unseen(corpus, source)
    return ParticleStatistics(len(corpus), names, preceded, by_particle, unseen)


def _unseen(corpus: Corpus, source: Corpus) -> Unseen:
    known = {token for sentence in source for token in sentence.tokens}
    counts: Counter[tuple[bool, bool]] = Counter()
    for sentence in corpus:
        inside = {word for span in sentence.spans() for word in range(span.start, span.end)}
        counts.update((word in inside, token not in known) for word, token in enumerate(sentence.tokens))
    of_entities, of_others = (
        Share.made_of(counts[entity, True], counts[entity, True] + counts[entity, False]) for entity in (True, False)
    )
    return Unseen(of_entities, of_others)


def plot_particles(found: Sequence[tuple[str, ParticleStatistics]], file: str | Path) -> None:
    """Draws the shares with their intervals: a panel for each corpus, in it a row for each label.

    Args:
        found: What to call a corpus, and its statistics.
        file: The figure: .svg, .png or .pdf.

    Raises:
        SettingError: When the suffix is another, or matplotlib is not installed.
        DataError: When the figure cannot be written.
    """
    heights = [len(statistics.preceded) for _, statistics in found]
    with new_figure(file, 6.5, 0.8 + 0.32 * sum(heights) + 0.5 * len(found)) as figure:
        panels: Iterable[Axes] = figure.subplots(len(found), 1, sharex=True, squeeze=False, height_ratios=heights).flat
        for number, ((name, statistics), panel) in enumerate(zip(found, panels, strict=True)):
            panel.set_title(name, loc="left")
            _draw(panel, statistics, number)
            if number == 0:
                panel.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
            if number == len(found) - 1:
                panel.set_xlabel("preceded by a particle, percent (95 % Wilson interval)")
        figure.suptitle("Particles before names", x=0.01, ha="left", fontweight="bold")


def _draw(panel: Axes, statistics: ParticleStatistics, number: int) -> None:
    rows = list(statistics.preceded)
    panel.set_yticks(range(len(rows)), [f"{row} ({statistics.preceded[row]['any'].of:,})" for row in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlim(-3, 103)
    panel.grid(axis="x")
    for kind, filling, shift in (("personal", BLUE, -0.15), ("common", "white", 0.15)):
        shares = [(place + shift, statistics.preceded[row][kind]) for place, row in enumerate(rows)]
        known = [(y, s.share, s.low, s.high) for y, s in shares if s.share is not None and s.low is not None and s.high]
        places = [y for y, *_ in known]
        panel.hlines(places, [100 * low for *_, low, _ in known], [100 * high for *_, high in known], BLUE, lw=1.6)
        panel.plot(
            [100 * share for _, share, *_ in known], places, "o", color=BLUE, markerfacecolor=filling, markersize=5,
            label=kind, gid=f"{kind}-{number}",
        )  # fmt: skip
