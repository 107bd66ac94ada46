"""The corpora of a label set: each is read once, when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
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
        files = self.labels.source
        if isinstance(files, Mapping):
            return tuple(self.read(file, language) for language, some in files.items() for file in some)
        return tuple(map(self.read, files))

    @cached_property
    def dev(self) -> tuple[Corpus, ...]:
        """What checkpoints and settings are chosen by: a corpus, or one for each of several languages."""
        files = self.labels.dev
        return tuple(map(self.read, files if isinstance(files, tuple) else (files,)))

    @cached_property
    def tests(self) -> dict[str, Corpus]:
        """What is tested on, by name."""
        return {test: replace(self.read(file), name=test) for test, file in self.labels.tests.items()}

    def counted(self, test: str) -> list[str] | None:
        """The labels that count in a test; None where all do."""
        left_out = {label for label, tests in self.labels.unannotated.items() if test in tests}
        annotated = {label for corpus in (*self.source, self.tests[test]) for label in corpus.labels}
        return sorted(annotated - left_out) if left_out else None

    def read(self, file: Path, language: str = "") -> Corpus:
        """A corpus with those of its labels renamed that the label set knows: test sets lack some of the source."""
        return self.mapped(replace(read(file), language=language))

    def mapped(self, corpus: Corpus) -> Corpus:
        """A corpus with its labels renamed as those of all the others."""
        known = {label: new for label, new in self.labels.map.items() if label in corpus.labels}
        return corpus.map_labels(known) if known else corpus
