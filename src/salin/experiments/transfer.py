"""What single sources are worth in each target, as far as the cells of a recipe say, beside how near they are to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from salin.analysis.source_choice import TextProfile, largest_first, rank_sources
from salin.analysis.source_hits import TargetTruth
from salin.corpus import Corpus, read
from salin.errors import DataError
from salin.experiments.recipe import LabelSet
from salin.experiments.standings import Standings


@dataclass(frozen=True)
class _Source:
    """What a system of the recipe was trained on."""

    language: str
    files: Sequence[Path]


@dataclass(frozen=True)
class Transfer:
    """What a recipe whose systems are taggers of one language each has found so far; no corpus has been read for it.

    A source in the language of a target is left out there: its labels are what the user does not have.

    Attributes:
        recipe: Its file.
        f1: What each source reaches in each target that has two of them, in 0..1: the mean over seeds.
        sources: The files of each source.
        targets: The test file of each target.
    """

    recipe: Path
    f1: Mapping[str, Mapping[str, float]]
    sources: Mapping[str, Sequence[Path]]
    targets: Mapping[str, Path]

    @classmethod
    def of(cls, standings: Standings) -> Transfer:
        """Reads finished cells.

        Args:
            standings: Of a recipe of systems that are `trained_by` a label set with one language, as
                transfer-matrix.toml.
        """
        sources: dict[str, _Source] = {}
        for row in standings.rows:
            if (source := _source(standings, row.name)) is not None:
                sources[row.name] = source
        f1: dict[str, dict[str, float]] = {}
        tests = _tests(standings)
        for test, file in tests.items():
            runs, language = standings.runs[test], _language_of(file, standings)
            usable = [name for name in runs if name in sources and sources[name].language != language]
            if len(usable) > 1:
                f1[test] = {name: fmean(result.micro.f1 for result in runs[name]) for name in usable}
        used = dict.fromkeys(name for by_source in f1.values() for name in by_source)
        files = {name: sources[name].files for name in used}
        return cls(standings.experiment.path, f1, files, {test: tests[test] for test in f1})

    def truths(self, profile: Callable[[Corpus], TextProfile]) -> list[TargetTruth]:
        """The targets with their sources ranked. The words of a target are those of its test; no label is looked at.

        Args:
            profile: What is compared of a corpus.

        Raises:
            DataError: When fewer than two sources are finished for every target.
        """
        if not self.f1:
            raise DataError(
                "there is no target with two sources of other languages",
                path=self.recipe,
                remedy="Finish more cells of a recipe such as recipes/transfer-matrix.toml",
            )
        corpora = {name: _together([read(file) for file in files]) for name, files in self.sources.items()}
        profiles = {name: profile(corpus) for name, corpus in corpora.items()}
        found: list[TargetTruth] = []
        for test, f1 in self.f1.items():
            ranked = rank_sources(profile(read(self.targets[test])), {name: profiles[name] for name in f1})
            entities = {name: corpora[name].entity_count for name in f1}
            found.append(TargetTruth(test, largest_first(ranked, entities), f1, entities))
        return found


def _base(standings: Standings, system: str) -> tuple[Mapping[str, LabelSet], str] | None:
    """The label sets of the recipe that trained the taggers of a system, and which of them it was."""
    cells = (cell for cell in standings.experiment.cells if cell.system == system)
    cell = next(cells, None)
    base = None if cell is None else standings.experiment.base(cell)
    return None if base is None else (base[0].recipe.label_sets, base[1].label_set)


def _source(standings: Standings, row: str) -> _Source | None:
    """What the taggers of a row were trained on, if that is one language."""
    base = _base(standings, row)
    return None if base is None else _only(base[0][base[1]])


def _only(labels: LabelSet) -> _Source | None:
    if not isinstance(labels.source, Mapping) or len(labels.source) != 1:
        return None
    return _Source(*next(iter(labels.source.items())))


def _tests(standings: Standings) -> dict[str, Path]:
    return {test: file for labels in standings.recipe.label_sets.values() for test, file in labels.tests.items()}


def _language_of(file: Path, standings: Standings) -> str:
    """The language of a test file: that of what is trained on beside it, and unknown where nothing is."""
    for base in (_base(standings, system) for system in standings.recipe.systems):
        for labels in () if base is None else base[0].values():
            source = _only(labels)
            if source is not None and file.resolve() in {test.resolve() for test in labels.tests.values()}:
                return source.language
    return ""


def _together(corpora: Sequence[Corpus]) -> Corpus:
    return replace(corpora[0], sentences=tuple(sentence for corpus in corpora for sentence in corpus), labels=())
