"""Runs the cells of a recipe that are not finished yet."""

from __future__ import annotations

import json
import logging
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from salin.adaptation.adapter import Adapter
from salin.adaptation.rules import make_rule
from salin.baselines import load_rules
from salin.corpus import Corpus, SentenceTagger, read
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.errors import SettingError
from salin.evaluation import entity_texts, evaluate, score
from salin.evaluation.result import Result
from salin.experiments.cell import Cell, CellResult, cells, fingerprint
from salin.experiments.recipe import Adaptation, FineTuning, Recipe, System, TrainedBy
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
            recipes that fine-tune its taggers.
        tell: Called with a line for people at each cell.

    Raises:
        SettingError: When the recipe is wrong or no cell has such a name.
    """
    path = Path(path)
    recipe = Recipe.read(path, encoder)
    suffix = "" if encoder is None else "@" + encoder.replace("/", "--")
    here = _Places(path, Path(results) / (path.stem + suffix), Path(runs) / (path.stem + suffix), encoder)
    chosen = [cell for cell in cells(recipe) if not only or cell.name.startswith(tuple(only))]
    if not chosen:
        known = ", ".join(cell.name for cell in cells(recipe))
        raise SettingError(f"{path}: no cell is called {' or '.join(only)}. There are: {known}")
    finished = []
    for number, cell in enumerate(chosen, 1):
        done = here.finished(recipe, cell)
        tell(f"[{number}/{len(chosen)}] {cell.name}: {'finished' if done else 'running'}")
        finished.append(done or _run(recipe, cell, here))
    return finished


class _Places:
    """Where a recipe's files are."""

    def __init__(self, recipe: Path, results: Path, runs: Path, encoder: str | None):
        self.recipe, self.results, self.runs, self.encoder = recipe, results, runs, encoder

    def finished(self, recipe: Recipe, cell: Cell) -> CellResult | None:
        """The cell's result where there is one of the same settings."""
        file = self.results / f"{cell.name}.json"
        if not file.exists():
            return None
        result = CellResult.load(file)
        return result if result.fingerprint == self.fingerprint(recipe, cell) else None

    def fingerprint(self, recipe: Recipe, cell: Cell) -> str:
        return fingerprint(recipe, cell, self.recipe.parent)

    def run(self, recipe: Recipe, cell: Cell) -> Path:
        """The cell's folder for checkpoints: another one for other settings."""
        return self.runs / f"{cell.name}.{self.fingerprint(recipe, cell)}"


def _run(recipe: Recipe, cell: Cell, here: _Places) -> CellResult:
    system, labels = recipe.systems[cell.system], recipe.label_sets[cell.label_set]
    started = time.perf_counter()
    source = [_mapped(read(file), labels.map) for file in labels.source]
    dev = _mapped(read(labels.dev), labels.map)
    if system.finetune is not None:
        return _finetuned(recipe, cell, system.finetune, here, started)
    tagger, selection = _trained(recipe, cell, source, dev, here)
    trained = time.perf_counter()
    rows = _rows(cell.system, tagger, system, source)
    seen = entity_texts(sentence for corpus in source for sentence in corpus)
    tested: dict[str, dict[str, Result]] = {}
    for test, file in labels.tests.items():
        corpus = replace(_mapped(read(file), labels.map), name=test)
        tested[test] = {
            row: evaluate(make(test), corpus, system=row, source_entities=seen, seeds=[cell.seed] if cell.seed else [],
                          windows=_windows(tagger))
            for row, make in rows.items()
        }  # fmt: skip
    dev_figures = {row: _dev_figures(make, dev, recipe) for row, make in rows.items()}
    settings = recipe.settings_of(system, cell.seed or 0) if system.method in {"direct", "meta"} else None
    figures = {} if settings is None else _from_folder(settings.model_dump(mode="json"), here.recipe.parent)
    return _finish(recipe, cell, here, figures, selection, dev_figures, tested,
                   {"training": trained - started, "testing": time.perf_counter() - trained})  # fmt: skip


def _trained(
    recipe: Recipe, cell: Cell, source: Sequence[Corpus], dev: Corpus, here: _Places
) -> tuple[SentenceTagger, dict[str, float]]:
    system = recipe.systems[cell.system]
    if system.rules is not None:
        return load_rules(system.rules, [sentence for corpus in source for sentence in corpus]), {}
    base = None if system.trained_by is None else _trained_elsewhere(recipe, cell, system.trained_by, here)
    if base is not None and system.method == "trained":
        return Tagger.from_pretrained(base), {}
    assert cell.seed is not None
    settings = recipe.settings_of(system, cell.seed)
    folder = here.run(recipe, cell)
    torch.manual_seed(cell.seed)
    tagger = (
        Tagger.on_encoder(system.encoder or recipe.encoder, {label for corpus in source for label in corpus.labels})
        if base is None
        else Tagger.from_pretrained(base)
    )
    run = train_meta if isinstance(settings, MetaSettings) else train_direct
    figures = run(tagger, source, dev, settings, folder=folder, title=cell.name)  # pyright: ignore[reportArgumentType]
    made = {"encoder": system.encoder or recipe.encoder, "recipe": here.recipe.name, "cell": cell.name}
    data = {"source": [f"{corpus.name} sha256:{corpus.checksum}" for corpus in source]}
    settings = _from_folder(settings.model_dump(mode="json"), here.recipe.parent)
    provenance = {**made, **data, "dev": f"{dev.name} sha256:{dev.checksum}", "settings": settings, "figures": figures}
    tagger.settings = tagger.settings.model_copy(update={"provenance": provenance})
    tagger.save_pretrained(folder / "tagger")
    return tagger, figures


def _rows(
    name: str, tagger: SentenceTagger, system: System, source: Sequence[Corpus]
) -> Mapping[str, Callable[[str], SentenceTagger]]:
    """The rows that a trained tagger gives, each a tagger for a test: itself, and itself with each adaptation."""
    rows: dict[str, Callable[[str], SentenceTagger]] = {name: lambda test: tagger}
    # A corpus may be named twice to be drawn twice as often; one copy is enough to learn from.
    distinct = list({corpus.checksum: corpus for corpus in source}.values())
    for key, how in system.adapt.items():
        if not isinstance(tagger, Tagger):
            raise SettingError(f"{name}: rules do not adapt")
        # Made when first needed, and once: an index of the source is not free.
        make = cache(partial(_adapter, tagger, tuple(distinct), how))
        rows[f"{name}+{key}"] = partial(_for_test, make, how)
    return rows


def _for_test(make: Callable[[str], Adapter], how: Adaptation, test: str) -> Adapter:
    return make(test if test in how.lexicons else "")


def _adapter(tagger: Tagger, source: Sequence[Corpus], how: Adaptation, test: str) -> Adapter:
    if test:
        lexicon = Lexicon.read(*how.lexicons[test])
        source = [switch_corpus(corpus, lexicon) for corpus in source]
    rule = make_rule(how.rule, how.rate)
    return Adapter(tagger, source, k=how.k, rule=rule, steps=how.steps, vectors=how.vectors)


def _trained_elsewhere(recipe: Recipe, cell: Cell, how: TrainedBy, here: _Places) -> Path:
    """The folder of a tagger that another recipe trains; it is trained now where it is missing."""
    path = how.recipe or here.recipe
    base_recipe = recipe if how.recipe is None else Recipe.read(path, here.encoder)
    base = Cell(how.system, cell.label_set, cell.seed)
    if how.system not in base_recipe.systems or cell.label_set not in base_recipe.label_sets:
        raise SettingError(f"{path}: has no system {how.system!r} with label set {cell.label_set!r}")
    places = _Places(path, here.results.parent / path.stem, here.runs.parent / path.stem, here.encoder)
    folder = places.run(base_recipe, base) / "tagger"
    if not folder.exists():
        _run(base_recipe, base, places)
    return folder


def _finetuned(recipe: Recipe, cell: Cell, how: FineTuning, here: _Places, started: float) -> CellResult:
    """Few-shot cells."""
    labels, base = recipe.label_sets[cell.label_set], recipe.systems[cell.system].trained_by
    assert base is not None
    trained = _trained_elsewhere(recipe, cell, base, here)
    settings = recipe.settings_of(recipe.systems[cell.system], cell.seed or 0)
    dev = _mapped(read(labels.dev), labels.map)
    tested: dict[str, dict[str, Result]] = {}
    for test, file in labels.tests.items():
        corpus = replace(_mapped(read(file), labels.map), name=test)
        target = _mapped(read(how.train[test]), labels.map)
        for share in how.fractions:
            tagger = Tagger.from_pretrained(trained)
            folder = here.run(recipe, cell) / f"{test}-{share}"
            part = fraction(target, share, cell.seed or 0)
            # A share may hold no entity of some type; the tagger's types are those of the whole file.
            finetune(tagger, replace(part, labels=target.labels), dev, settings, folder=folder)
            row = f"{cell.system} {share:.0%}"
            tested.setdefault(test, {})[row] = evaluate(
                tagger, corpus, system=row, seeds=[cell.seed or 0], windows=_windows(tagger)
            )
    figures = _from_folder(settings.model_dump(mode="json"), here.recipe.parent)
    return _finish(recipe, cell, here, figures, {}, {}, tested, {"all": time.perf_counter() - started})


def _finish(
    recipe: Recipe, cell: Cell, here: _Places, settings: dict, selection: dict, dev: dict, tested: dict, seconds: dict
) -> CellResult:
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = CellResult(
        cell=cell.name, fingerprint=here.fingerprint(recipe, cell),
        encoder=recipe.systems[cell.system].encoder or recipe.encoder, settings=settings, selection=selection, dev=dev,
        results=tested, seconds={k: round(v, 1) for k, v in seconds.items()}, peak_megabytes=round(megabytes),
    )  # fmt: skip
    result.save(here.results / f"{cell.name}.json")
    return result


def _dev_figures(make: Callable[[str], SentenceTagger], dev: Corpus, recipe: Recipe) -> dict[str, float]:
    """F1 on the first sentences of source dev and on copies of them in which most words are dictionary translations."""
    dev = dev[:_DEV_SENTENCES]
    copies = {"plain": ("", dev)}
    for language, files in recipe.switched_dev.items():
        copies[f"switched-{language}"] = language, switch_corpus(dev, Lexicon.read(*files))
    figures = {}
    for name, (language, corpus) in copies.items():
        predicted = list(make(language).tag_sentences(corpus.without_entities()))
        figures[name] = score(corpus.sentences, predicted).micro.f1
    return figures


def _mapped(corpus: Corpus, mapping: Mapping[str, str]) -> Corpus:
    """The corpus with those of its labels renamed that the mapping knows: test sets lack some types of the source."""
    return corpus.map_labels(_known(mapping, corpus.labels)) if mapping else corpus


def _known(mapping: Mapping[str, str], labels: Sequence[str]) -> dict[str, str]:
    return {label: new for label, new in mapping.items() if label in labels}


def _from_folder(settings: dict, folder: Path) -> dict:
    """Settings with paths as they lie from the recipe, so that results are the same on every machine."""
    return json.loads(json.dumps(settings).replace(str(folder.resolve()), "."))


def _windows(tagger: SentenceTagger) -> str:
    return f"{tagger.windower.max_length}/{tagger.windower.overlap}" if isinstance(tagger, Tagger) else ""
