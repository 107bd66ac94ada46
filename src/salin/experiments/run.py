"""Runs the cells of a recipe that are not finished yet."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from salin.corpus import Corpus
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.errors import SettingError
from salin.evaluation import entity_texts, evaluate, score
from salin.evaluation.result import Result
from salin.experiments.cell import Cell, CellResult
from salin.experiments.corpora import Corpora
from salin.experiments.experiment import Experiment
from salin.experiments.few_shot import few_shot_results
from salin.experiments.inputs import code_checksum
from salin.experiments.rows import system_rows
from salin.experiments.taggers import tagger_of, windows_of

_LOG = logging.getLogger(__name__)
# Enough to choose settings by; adaptation on all of a large dev set would take longer than the tests.
_DEV_SENTENCES = 1000


def run_recipe(
    path: str | Path,
    *,
    only: Sequence[str] = (),
    encoder: str | None = None,
    results: str | Path = "results",
    runs: str | Path = "runs",
    tell: Callable[[str], None] = _LOG.info,
) -> list[CellResult]:
    """Runs what is not finished and gives all finished cells.

    Args:
        path: The recipe.
        only: Names of cells, or beginnings of names; none means all.
        encoder: Stands in for the recipe's encoder; its results then go to a folder named for it.
        results: Where result files go: `results/RECIPE/CELL.json`.
        runs: Where logs, checkpoints and trained taggers go; nothing there is needed once a cell is finished, except by
            recipes that begin with its taggers.
        tell: Called with a line for people at each cell.

    Raises:
        SettingError: When the recipe is wrong or no cell has such a name.
    """
    experiment = Experiment(Path(path), Path(results), Path(runs), encoder)
    chosen = [cell for cell in experiment.cells if not only or cell.name.startswith(tuple(only))]
    if not chosen:
        known = ", ".join(cell.name for cell in experiment.cells)
        raise SettingError(f"{path}: no cell is called {' or '.join(only)}. There are: {known}")
    finished = []
    for number, cell in enumerate(chosen, 1):
        done = experiment.finished(cell)
        tell(f"[{number}/{len(chosen)}] {cell.name}: {'finished' if done else 'running'}")
        finished.append(done or _run(experiment, cell))
    return finished


def _run(experiment: Experiment, cell: Cell) -> CellResult:
    system, started = experiment.system(cell), time.perf_counter()
    corpora = Corpora(experiment.recipe.label_sets[cell.label_set])
    if system.finetune is not None:
        tested = few_shot_results(experiment, cell, system.finetune, corpora)
        return _finish(experiment, cell, {}, {}, tested, {"all": time.perf_counter() - started})
    tagger, selection = tagger_of(experiment, cell, corpora)
    trained = time.perf_counter()
    seen = entity_texts(sentence for corpus in corpora.source for sentence in corpus)
    dev = _dev_copies(corpora.dev[:_DEV_SENTENCES], experiment.recipe.switched_dev)
    tested: dict[str, dict[str, Result]] = {test: {} for test in corpora.tests}
    dev_figures: dict[str, dict[str, float]] = {}
    for row in system_rows(cell.system, tagger, system, corpora.source):
        make = row.opened()
        for test, corpus in corpora.tests.items():
            tested[test][row.name] = evaluate(
                make(test), corpus, system=row.name, source_entities=seen, seeds=cell.seeds, windows=windows_of(tagger),
                adaptation=row.record(test),
            )  # fmt: skip
        for name, (language, corpus) in dev.items():
            predicted = list(make(language).tag_sentences(corpus.without_entities()))
            dev_figures.setdefault(row.name, {})[name] = score(corpus.sentences, predicted).micro.f1
    seconds = {"training": trained - started, "testing": time.perf_counter() - trained}
    return _finish(experiment, cell, selection, dev_figures, tested, seconds)


def _dev_copies(dev: Corpus, switched: Mapping[str, Sequence[Path]]) -> dict[str, tuple[str, Corpus]]:
    """Source dev, and copies of it in which most words are dictionary translations, each with its language."""
    copies = {"plain": ("", dev)}
    for language, files in switched.items():
        copies[f"switched-{language}"] = language, switch_corpus(dev, Lexicon.read(*files))
    return copies


def _finish(
    experiment: Experiment, cell: Cell, selection: Mapping[str, float], dev: dict[str, dict[str, float]],
    tested: dict[str, dict[str, Result]], seconds: dict[str, float],
) -> CellResult:  # fmt: skip
    """Writes the result of a cell."""
    system = experiment.system(cell)
    settings = {} if system.rules else experiment.recipe.settings_of(system, cell.seed or 0).model_dump(mode="json")
    result = CellResult(
        cell=cell.name,
        fingerprint=experiment.fingerprint(cell),
        inputs={name: checksum for name, checksum in experiment.with_encoder(cell).items() if checksum},
        code=code_checksum(),
        encoder=experiment.as_written(experiment.encoder_of(cell)),
        settings=experiment.as_written(settings),
        selection=dict(selection),
        dev=dev,
        results=tested,
        seconds={name: round(value, 1) for name, value in seconds.items()},
        peak_megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    )
    result.save(experiment.result_file(cell))
    return result
