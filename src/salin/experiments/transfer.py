"""What single sources are worth in each target, as far as the cells of a recipe say, beside how near they are to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from salin.analysis.source_choice import TextProfile, rank_sources
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


def transfer_truths(standings: Standings, profile: Callable[[Corpus], TextProfile]) -> list[TargetTruth]:
    """The targets of a recipe whose systems are taggers of one language each.

    A source in the language of a target is left out there: its labels are what the user does not have. The words of a
    target are those of its test file; its labels are not looked at.

    Args:
        standings: Of a recipe of systems that are `trained_by` a label set with one language, as transfer-matrix.toml.
        profile: What is compared of a corpus.

    Raises:
        DataError: When fewer than two sources are finished for every target.
    """
    sources: dict[str, _Source] = {}
    for row in standings.rows:
        if (source := _source(standings, row.name)) is not None:
            sources[row.name] = source
    corpora = {name: _together([read(file) for file in source.files]) for name, source in sources.items()}
    profiles = {name: profile(corpus) for name, corpus in corpora.items()}
    entities = {name: corpus.entity_count for name, corpus in corpora.items()}
    found: list[TargetTruth] = []
    for test, file in _tests(standings).items():
        runs = standings.runs[test]
        language = _language_of(file, standings)
        usable = [name for name in runs if name in sources and sources[name].language != language]
        if len(usable) > 1:
            f1 = {name: fmean(result.micro.f1 for result in runs[name]) for name in usable}
            ranked = rank_sources(profile(read(file)), {name: profiles[name] for name in usable})
            found.append(TargetTruth(test, ranked, f1, entities))
    if not found:
        raise DataError(
            "there is no target with two sources of other languages",
            path=standings.experiment.path,
            remedy="Finish more cells of a recipe such as recipes/transfer-matrix.toml",
        )
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
