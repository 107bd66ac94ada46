"""Runs the cells of a recipe that are not finished yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from salin.corpus import Corpus, SentenceTagger
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.evaluation import entity_texts, evaluate
from salin.evaluation.result import Result
from salin.experiments.cell import Cell, CellResult
from salin.experiments.corpora import Corpora
from salin.experiments.experiment import Experiment
from salin.experiments.few_shot import few_shot_results
from salin.experiments.inputs import code_checksum
from salin.experiments.rows import system_rows
from salin.experiments.system import System
from salin.experiments.taggers import dev_curve, tagger_of, windows_of
from salin.models import Tagger
from salin.training.cost import peak_megabytes, reset_peak_memory
from salin.training.development import Development

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
        DataError: When a file is not there that a cell needs; nothing is run then.
    """
    experiment = Experiment(Path(path), Path(results), Path(runs), encoder)
    chosen = experiment.chosen(only)
    experiment.check_files(chosen)
    finished = []
    for number, cell in enumerate(chosen, 1):
        done = experiment.finished(cell)
        tell(f"[{number}/{len(chosen)}] {cell.name}: {'finished' if done else 'running'}")
        finished.append(done or _run(experiment, cell))
    return finished


def _run(experiment: Experiment, cell: Cell) -> CellResult:
    system, started = experiment.system(cell), time.perf_counter()
    reset_peak_memory()
    corpora = Corpora(experiment.recipe.label_sets[cell.label_set])
    if system.finetune is not None:
        tested = few_shot_results(experiment, cell, system.finetune, corpora)
        return _finish(experiment, cell, tested, {"all": time.perf_counter() - started})
    tagger, selection = tagger_of(experiment, cell, corpora)
    curve = dev_curve(experiment, cell)
    trained = time.perf_counter()
    seen = entity_texts(sentence for corpus in corpora.source for sentence in corpus)
    dev = _dev_copies(corpora.dev, experiment.recipe.switched_dev)
    evidence = [corpus for language, copy in dev.values() for corpus in copy.corpora if language or len(dev) == 1]
    if system.translate:
        dev = {}  # source data says nothing of a translation
    tested: dict[str, dict[str, Result]] = {test: {} for test in corpora.tests}
    dev_figures: dict[str, dict[str, float]] = {}
    sure: dict[str, float | None] = {}
    for row in system_rows(cell.system, tagger, system, corpora.source, evidence):
        make = row.opened()
        for test, corpus in corpora.tests.items():
            result = evaluate(
                make(test), corpus, system=row.name, labels=corpora.counted(test), source_entities=seen,
                seeds=cell.seeds, windows=windows_of(tagger), adaptation=row.record(test), lenient=True,
            )  # fmt: skip
            if row.translation is not None:
                result = result.model_copy(update={"translation": row.translation(corpus)})
            tested[test][row.name] = result
        if row.sure is not None:
            sure[row.name] = row.sure()
        for name, (language, copy) in dev.items():
            dev_figures.setdefault(row.name, {})[name] = copy.f1(make(language))
    seconds = {"training": trained - started, "testing": time.perf_counter() - trained}
    return _finish(
        experiment, cell, tested, seconds, selection=dict(selection), curve=curve, dev=dev_figures, sure=sure,
        training=_training(system, tagger),
    )  # fmt: skip


def _dev_copies(dev: Sequence[Corpus], switched: Mapping[str, Sequence[Path]]) -> dict[str, tuple[str, Development]]:
    """Source dev, and copies of it in which most words are dictionary translations, each with its language."""
    parts = [corpus[: _DEV_SENTENCES // len(dev)] for corpus in dev]
    copies = {"plain": ("", Development.of(parts))}
    for language, files in switched.items():
        lexicon = Lexicon.read(*files)
        copies[f"switched-{language}"] = language, Development.of([switch_corpus(part, lexicon) for part in parts])
    return copies


def _training(system: System, tagger: SentenceTagger) -> dict[str, float]:
    """What training the tagger of a cell cost; nothing where another cell trained it."""
    if system.untrained or not isinstance(tagger, Tagger):
        return {}
    return tagger.settings.provenance.get("cost", {})


def _finish(
    experiment: Experiment, cell: Cell, tested: dict[str, dict[str, Result]], seconds: Mapping[str, float],
    *,
    selection: dict[str, float] | None = None, curve: tuple[dict[str, float], ...] = (),
    dev: dict[str, dict[str, float]] | None = None, sure: dict[str, float | None] | None = None,
    training: dict[str, float] | None = None,
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
        selection=selection or {},
        curve=curve,
        dev=dev or {},
        sure=sure or {},
        results=tested,
        seconds={name: round(value, 1) for name, value in seconds.items()},
        peak_megabytes=round(peak_megabytes()),
        training=training or {},
    )
    result.save(experiment.result_file(cell))
    return result
