"""Looks into the taggers of another recipe: what languages share in them, and what is left of them when pruned.

Nothing here trains a tagger anew: one that is missing is named with the command that trains it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from salin.analysis.fisher_report import FisherReport, fisher_report
from salin.analysis.mask_overlap import mask_overlaps
from salin.analysis.pruning import PrunedScore, PruningTest, Retraining, pruned_scores
from salin.errors import DataError
from salin.experiments.cell import Cell
from salin.experiments.corpora import Corpora
from salin.experiments.inputs import code_checksum
from salin.experiments.shared_experiment import SharedExperiment, SharedResult
from salin.experiments.shared_recipe import SharedCell
from salin.experiments.taggers import new_tagger
from salin.models import Tagger
from salin.training.cost import peak_megabytes, reset_peak_memory

_LOG = logging.getLogger(__name__)
Counting = Callable[[str], AbstractContextManager[Callable[[int], None] | None]]
#: What the taggers of a seed begin as: its masks say what having begun alike is worth.
START = "start"


def run_shared(
    experiment: SharedExperiment,
    *,
    only: Sequence[str] = (),
    tell: Callable[[str], None] = _LOG.info,
    counting: Counting = lambda title: nullcontext(),
) -> list[SharedResult]:
    """Runs what is not finished and gives all finished cells.

    Args:
        experiment: The recipe and its places.
        only: Names of cells, or beginnings of names; none means all.
        tell: Called with a line for people at each cell.
        counting: Opened with a title where sentences are gone through one by one; it gives what is called with numbers
            of them, or nothing.

    Raises:
        SettingError: When the recipe is wrong or no cell has such a name.
        DataError: When a tagger has not been trained yet.
    """
    chosen = experiment.chosen(only)
    finished: list[SharedResult] = []
    for number, cell in enumerate(chosen, 1):
        done = experiment.finished(cell)
        tell(f"[{number}/{len(chosen)}] {cell.name}: {'finished' if done else 'running'}")
        finished.append(done or _run(experiment, cell, tell, counting))
    return finished


def _run(
    experiment: SharedExperiment, cell: SharedCell, tell: Callable[[str], None], counting: Counting
) -> SharedResult:
    for _, one in experiment.taggers(cell):
        _folder(experiment, one)
    started = time.perf_counter()
    reset_peak_memory()
    found: dict[str, Any]
    if cell.part == "fisher":
        with counting(cell.name) as advance:
            found = {"fisher": _fisher(experiment, cell, advance)}
    elif cell.part == "masks":
        found = {"masks": tuple(mask_overlaps(_named(experiment, cell), experiment.recipe.sparsities))}
    else:
        found = {"scores": tuple(_scores(experiment, cell, tell))}
    result = SharedResult(
        cell=cell.name,
        fingerprint=experiment.fingerprint(cell),
        inputs={name: checksum for name, checksum in experiment.inputs(cell).items() if checksum},
        code=code_checksum(),
        seconds=round(time.perf_counter() - started, 1),
        peak_megabytes=round(peak_megabytes()),
        **found,
    )
    result.save(experiment.result_file(cell))
    return result


def _fisher(experiment: SharedExperiment, cell: SharedCell, advance: Callable[[int], None] | None) -> FisherReport:
    """By the dev sentences of each language, which no tagger was trained on."""
    recipe = experiment.recipe
    (_, poly), *tuned = experiment.taggers(cell)
    corpora = {one.label_set: _corpora(experiment, one.label_set).dev[0] for _, one in tuned}
    return fisher_report(
        _opened(experiment, poly),
        corpora,
        {one.label_set: partial(_opened, experiment, one) for _, one in tuned},
        top=recipe.top,
        sentences=recipe.sentences,
        advance=advance,
    )


def _named(experiment: SharedExperiment, cell: SharedCell) -> Mapping[str, Callable[[], Tagger]]:
    """The taggers of a seed by name, and what the first of them began as."""
    taggers = experiment.taggers(cell)
    named = {f"{kind} {one.label_set}": partial(_opened, experiment, one) for kind, one in taggers}
    return {START: partial(_begun, experiment, taggers[0][1]), **named}


def _begun(experiment: SharedExperiment, one: Cell) -> Tagger:
    return new_tagger(experiment.trained, one, _corpora(experiment, one.label_set).source)


def _scores(experiment: SharedExperiment, cell: SharedCell, tell: Callable[[str], None]) -> list[PrunedScore]:
    recipe = experiment.recipe
    network = recipe.networks[cell.network]
    ((_, one),) = experiment.taggers(cell)
    corpora = _corpora(experiment, one.label_set)
    tests: dict[str, PruningTest] = {}
    for label_set in network.pruned if cell.kind == "poly" else [cell.label_set]:
        tested = _corpora(experiment, label_set)
        tests |= {test: PruningTest(corpus, tested.counted(test)) for test, corpus in tested.tests.items()}
    again = Retraining(corpora.source, corpora.dev, network.settings(cell.seed), recipe.retrained)
    return pruned_scores(
        _opened(experiment, one),
        tests,
        recipe.sparsities,
        again if recipe.retrained else None,
        title=cell.name,
        tell=tell,
    )


def _corpora(experiment: SharedExperiment, label_set: str) -> Corpora:
    return Corpora(experiment.trained.recipe.label_sets[label_set])


def _folder(experiment: SharedExperiment, one: Cell) -> Path:
    trained = experiment.trained
    folder = trained.run_folder(one) / "tagger"
    if not folder.exists():
        remedy = f"Train it first: salin run {trained.path} --cell {one.name}"
        raise DataError(f"there is no tagger {one.name} here", path=folder, remedy=remedy)
    return folder


def _opened(experiment: SharedExperiment, one: Cell) -> Tagger:
    return Tagger.from_pretrained(_folder(experiment, one))
