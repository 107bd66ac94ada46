"""The corpora of a label set: each is read once, when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from salin.corpus import Corpus, read
from salin.experiments.recipe import LabelSet


@dataclass(frozen=True)
class Corpora:
    """What a cell is trained, chosen and tested on.

    Attributes:
        labels: Says which files these are.
    """

    labels: LabelSet

    @cached_property
    def source(self) -> tuple[Corpus, ...]:
        """What is trained on; a corpus that is named twice, to be drawn twice as often, is there twice."""
        return tuple(map(self.read, self.labels.source))

    @cached_property
    def dev(self) -> Corpus:
        """What checkpoints and settings are chosen by."""
        return self.read(self.labels.dev)

    @cached_property
    def tests(self) -> dict[str, Corpus]:
        """What is tested on, by name."""
        return {test: replace(self.read(file), name=test) for test, file in self.labels.tests.items()}

    def read(self, file: Path) -> Corpus:
        """A corpus with those of its labels renamed that the label set knows: test sets lack some of the source."""
        corpus = read(file)
        known = {label: new for label, new in self.labels.map.items() if label in corpus.labels}
        return corpus.map_labels(known) if known else corpus
