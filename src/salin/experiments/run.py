"""Runs the cells of a recipe that are not finished yet."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import torch
from filelock import FileLock

from salin.adaptation.adapter import Adapter
from salin.baselines import load_rules
from salin.corpus import Corpus, SentenceTagger, read
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.errors import SettingError
from salin.evaluation import entity_texts, evaluate, score
from salin.evaluation.records import AdaptationRecord, DataRecord, FileRecord
from salin.evaluation.result import Result
from salin.experiments.cell import Cell, CellResult
from salin.experiments.experiment import Experiment
from salin.experiments.inputs import code_checksum, encoder_checksum
from salin.experiments.recipe import Adaptation, FineTuning, LabelSet, System
from salin.models import Tagger
from salin.training.direct import train_direct
from salin.training.finetune import finetune, fraction
from salin.training.meta import MetaSettings, train_meta

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
    system = experiment.system(cell)
    started = time.perf_counter()
    if system.finetune is not None:
        tested = _finetuned(experiment, cell, system.finetune)
        return _finish(experiment, cell, {}, {}, tested, {"all": time.perf_counter() - started})
    recipe, labels = experiment.recipe, experiment.recipe.label_sets[cell.label_set]
    source = _source(labels)
    tagger, selection = _trained(experiment, cell)
    trained = time.perf_counter()
    seen = entity_texts(sentence for corpus in source for sentence in corpus)
    tests = {test: replace(_read(file, labels), name=test) for test, file in labels.tests.items()}
    dev = _read(labels.dev, labels)[:_DEV_SENTENCES]
    tested: dict[str, dict[str, Result]] = {test: {} for test in tests}
    dev_figures: dict[str, dict[str, float]] = {}
    for row in _rows(cell.system, tagger, system, source):
        # What a row keeps in memory (an index, gradients) goes with it.
        make = row.opened()
        for test, corpus in tests.items():
            tested[test][row.name] = evaluate(
                make(test), corpus, system=row.name, source_entities=seen, seeds=_seeds(cell),
                windows=_windows(tagger), adaptation=row.record(test),
            )  # fmt: skip
        dev_figures[row.name] = _dev_figures(make, dev, recipe.switched_dev)
    seconds = {"training": trained - started, "testing": time.perf_counter() - trained}
    return _finish(experiment, cell, selection, dev_figures, tested, seconds)


def _trained(experiment: Experiment, cell: Cell) -> tuple[SentenceTagger, dict[str, float]]:
    """The tagger that a cell tests, and the figures of the checkpoint that was chosen."""
    system, labels = experiment.system(cell), experiment.recipe.label_sets[cell.label_set]
    if system.rules is not None:
        return load_rules(system.rules, [sentence for corpus in _source(labels) for sentence in corpus]), {}
    if system.method == "trained":
        base = _base_folder(experiment, cell)
        assert base is not None
        return Tagger.from_pretrained(base), {}
    folder = experiment.run_folder(cell)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Another process may need the same tagger, as the base of its own.
    with FileLock(f"{folder}.lock"):
        if (folder / "tagger").exists():
            tagger = Tagger.from_pretrained(folder / "tagger")
            return tagger, tagger.settings.provenance["figures"]
        return _train(experiment, cell, _base_folder(experiment, cell), folder)


def _train(
    experiment: Experiment, cell: Cell, base: Path | None, folder: Path
) -> tuple[SentenceTagger, dict[str, float]]:
    recipe, system = experiment.recipe, experiment.system(cell)
    labels = recipe.label_sets[cell.label_set]
    source, dev = _source(labels), _read(labels.dev, labels)
    assert cell.seed is not None
    settings = recipe.settings_of(system, cell.seed)
    torch.manual_seed(cell.seed)
    if base is None:
        types = {label for corpus in source for label in corpus.labels}
        tagger = Tagger.on_encoder(experiment.encoder_of(cell), types, **recipe.tagger.model_dump())
    else:
        tagger = Tagger.from_pretrained(base)
    run = train_meta if isinstance(settings, MetaSettings) else train_direct
    figures = run(tagger, source, dev, settings, folder=folder, title=cell.name)  # pyright: ignore[reportArgumentType]
    provenance = {
        "encoder": experiment.as_written(experiment.encoder_of(cell)),
        "recipe": experiment.path.name,
        "cell": cell.name,
        "source": [f"{corpus.name} sha256:{corpus.checksum}" for corpus in source],
        "dev": f"{dev.name} sha256:{dev.checksum}",
        "settings": experiment.as_written(settings.model_dump(mode="json")),
        "figures": figures,
    }
    tagger.settings = tagger.settings.model_copy(update={"provenance": provenance})
    tagger.save_pretrained(folder / "tagger")
    return tagger, figures


def _base_folder(experiment: Experiment, cell: Cell) -> Path | None:
    """The folder of the tagger that a cell begins with; it is trained now where it is missing."""
    base = experiment.base(cell)
    if base is None:
        return None
    owner, first = base
    folder = owner.run_folder(first) / "tagger"
    if not folder.exists():
        _trained(owner, first)
    return folder


def _finetuned(experiment: Experiment, cell: Cell, how: FineTuning) -> dict[str, dict[str, Result]]:
    """The results of few-shot cells: the last weights after so many passes, nothing chosen by target data."""
    labels, base = experiment.recipe.label_sets[cell.label_set], _base_folder(experiment, cell)
    assert base is not None
    settings = experiment.recipe.settings_of(experiment.system(cell), cell.seed or 0)
    dev = _read(labels.dev, labels)
    tested: dict[str, dict[str, Result]] = {}
    for test, file in labels.tests.items():
        corpus, target = replace(_read(file, labels), name=test), _read(how.train[test], labels)
        for share in how.fractions:
            tagger = Tagger.from_pretrained(base)
            part = fraction(target, share, cell.seed or 0)
            steps = max(1, round(how.epochs * len(part) / settings.batch))
            loop = settings.loop.model_copy(update={"steps": steps, "evaluate_every": 0})
            folder = experiment.run_folder(cell) / f"{test}-{share}"
            # A share may hold no entity of some type; the tagger's types are those of the whole file.
            part = replace(part, labels=target.labels)
            finetune(tagger, part, dev, settings.model_copy(update={"loop": loop}), folder=folder)
            row = f"{cell.system} {share:.0%}"
            tested.setdefault(test, {})[row] = evaluate(
                tagger, corpus, system=row, seeds=_seeds(cell), windows=_windows(tagger)
            )
    return tested


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that a trained tagger gives: itself, or itself with an adaptation.

    Attributes:
        name: Of the row.
        opened: Gives what gives the tagger for a test.
        record: Says how it adapts for a test.
    """

    name: str
    opened: Callable[[], Callable[[str], SentenceTagger]]
    record: Callable[[str], AdaptationRecord | None]


def _rows(name: str, tagger: SentenceTagger, system: System, source: Sequence[Corpus]) -> Iterator[_Row]:
    yield _Row(name, lambda: lambda test: tagger, lambda test: None)
    # A corpus may be named twice to be drawn twice as often; one copy is enough to learn from.
    distinct = tuple({corpus.checksum: corpus for corpus in source}.values())
    for key, how in system.adapt.items():
        if not isinstance(tagger, Tagger):
            raise SettingError(f"{name}: rules do not adapt")
        yield _Row(f"{name}+{key}", partial(_adapters, tagger, distinct, how), partial(_record, distinct, how))


def _adapters(tagger: Tagger, source: Sequence[Corpus], how: Adaptation) -> Callable[[str], SentenceTagger]:
    """Gives the adapter for a test; made once for each dictionary, since an index is not free."""
    make = cache(partial(_adapter, tagger, source, how))
    return lambda test: make(how.lexicons.get(test, ()))


def _record(source: Sequence[Corpus], how: Adaptation, test: str) -> AdaptationRecord:
    rule = how.resolved_rule
    return AdaptationRecord(
        rule=how.rule,
        rate=rule.rate,
        steps=how.steps,
        k=how.k,
        vectors=how.vectors,
        source=[DataRecord.of(corpus) for corpus in source],
        lexicons=[FileRecord.of(path) for path in how.lexicons.get(test, ())],
    )


def _adapter(tagger: Tagger, source: Sequence[Corpus], how: Adaptation, lexicons: tuple[Path, ...]) -> Adapter:
    if lexicons:
        lexicon = Lexicon.read(*lexicons)
        source = [switch_corpus(corpus, lexicon) for corpus in source]
    return Adapter(tagger, source, k=how.k, rule=how.resolved_rule, steps=how.steps, vectors=how.vectors)


def _dev_figures(
    make: Callable[[str], SentenceTagger], dev: Corpus, switched: Mapping[str, Sequence[Path]]
) -> dict[str, float]:
    """F1 on source dev, and on copies of it in which most words are dictionary translations."""
    copies = {"plain": ("", dev)}
    for language, files in switched.items():
        copies[f"switched-{language}"] = language, switch_corpus(dev, Lexicon.read(*files))
    figures = {}
    for name, (language, corpus) in copies.items():
        predicted = list(make(language).tag_sentences(corpus.without_entities()))
        figures[name] = score(corpus.sentences, predicted).micro.f1
    return figures


def _finish(
    experiment: Experiment, cell: Cell, selection: dict[str, float], dev: dict[str, dict[str, float]],
    tested: dict[str, dict[str, Result]], seconds: dict[str, float],
) -> CellResult:  # fmt: skip
    """Writes the result of a cell."""
    system = experiment.system(cell)
    settings = {} if system.rules else experiment.recipe.settings_of(system, cell.seed or 0).model_dump(mode="json")
    inputs = experiment.inputs(cell)
    if not system.rules:
        # A hub id has been downloaded by now, so that its checksum costs nothing.
        encoder = experiment.encoder_of(cell)
        inputs[f"encoder {experiment.as_written(encoder)}"] = encoder_checksum(encoder, fetch=True)
    result = CellResult(
        cell=cell.name,
        fingerprint=experiment.fingerprint(cell),
        inputs={name: checksum for name, checksum in inputs.items() if checksum is not None},
        code=code_checksum(),
        encoder=experiment.as_written(experiment.encoder_of(cell)),
        settings=experiment.as_written(settings),
        selection=selection,
        dev=dev,
        results=tested,
        seconds={name: round(value, 1) for name, value in seconds.items()},
        peak_megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    )
    result.save(experiment.result_file(cell))
    return result


def _source(labels: LabelSet) -> list[Corpus]:
    return [_read(file, labels) for file in labels.source]


def _read(file: Path, labels: LabelSet) -> Corpus:
    """A corpus with those of its labels renamed that the mapping knows: test sets lack some types of the source."""
    corpus = read(file)
    known = {label: new for label, new in labels.map.items() if label in corpus.labels}
    return corpus.map_labels(known) if known else corpus


def _seeds(cell: Cell) -> list[int]:
    return [] if cell.seed is None else [cell.seed]


def _windows(tagger: SentenceTagger) -> str:
    return tagger.windower.lengths if isinstance(tagger, Tagger) else ""
