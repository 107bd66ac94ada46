"""The tagger that a cell tests: rules, or one that is trained now or was trained before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from filelock import FileLock

from salin.baselines import load_rules
from salin.corpus import Corpus, SentenceTagger
from salin.experiments.cell import Cell
from salin.experiments.corpora import Corpora
from salin.experiments.experiment import Experiment
from salin.experiments.silver import silver_corpora, silver_counts
from salin.models import Tagger
from salin.training.checkpoint import training_cost
from salin.training.curves import TrainingLog
from salin.training.direct import train_direct
from salin.training.meta import MetaSettings, train_meta


def tagger_of(experiment: Experiment, cell: Cell, corpora: Corpora) -> tuple[SentenceTagger, Mapping[str, float]]:
    """The tagger that a cell tests, and the figures of the checkpoint that was chosen.

    Args:
        experiment: The recipe and its places.
        cell: One that is not fine-tuned.
        corpora: Of its label set; read only where something is trained by them.
    """
    system = experiment.system(cell)
    if system.rules is not None:
        return load_rules(system.rules, [sentence for corpus in corpora.source for sentence in corpus]), {}
    if system.untrained:
        base = base_folder(experiment, cell)
        assert base is not None
        return Tagger.from_pretrained(base), {}
    folder = experiment.run_folder(cell)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Another process may need the same tagger, as the base of its own.
    with FileLock(f"{folder}.lock"):
        if (folder / "tagger").exists():
            tagger = Tagger.from_pretrained(folder / "tagger")
            return tagger, tagger.settings.provenance["figures"]
        return _train(experiment, cell, corpora, folder)


def base_folder(experiment: Experiment, cell: Cell) -> Path | None:
    """The folder of the tagger that a cell begins with, if any; it is trained now where it is missing."""
    base = experiment.base(cell)
    if base is None:
        return None
    owner, first = base
    folder = owner.run_folder(first) / "tagger"
    if not folder.exists():
        tagger_of(owner, first, Corpora(owner.recipe.label_sets[first.label_set]))
    return folder


def new_tagger(experiment: Experiment, cell: Cell, source: Sequence[Corpus]) -> Tagger:
    """What the training of a cell begins with: its encoder with a head that its seed decides, or a whole new network.

    Args:
        experiment: The recipe and its places.
        cell: One that begins with no other cell's tagger.
        source: What it is trained on; it has their labels.
    """
    assert cell.seed is not None
    pretrained = experiment.pretrained(cell)
    encoder = str(pretrained.made()) if pretrained else experiment.encoder_of(cell)
    if pretrained:
        pretrained.record(experiment.results)
    torch.manual_seed(cell.seed)
    types = {label for corpus in source for label in corpus.labels}
    return Tagger.on_encoder(encoder, types, **experiment.recipe.shape_of(experiment.system(cell)).model_dump())


def dev_curve(experiment: Experiment, cell: Cell) -> tuple[dict[str, float], ...]:
    """The figures of each evaluation while the tagger of a cell was trained.

    Args:
        experiment: The recipe and its places.
        cell: One whose tagger is there.

    Returns:
        None where it trained no tagger: no run folder is its own then. None either where taggers were moved about
        without their logs.
    """
    log = experiment.run_folder(cell) / "log.jsonl"
    return TrainingLog.read(log).evaluations if log.exists() else ()


def windows_of(tagger: SentenceTagger) -> str:
    """How a tagger cuts what is too long for it, as signatures say it; empty for rules, which cut nothing."""
    return tagger.windower.lengths if isinstance(tagger, Tagger) else ""


def _train(experiment: Experiment, cell: Cell, corpora: Corpora, folder: Path) -> tuple[Tagger, Mapping[str, float]]:
    recipe, source, dev = experiment.recipe, corpora.source, corpora.dev
    base = base_folder(experiment, cell)
    assert cell.seed is not None
    system = experiment.system(cell)
    settings = recipe.settings_of(system, cell.seed)
    if system.silver is not None:
        assert base is not None
        source = (*source, *silver_corpora(system.silver, Tagger.from_pretrained(base), corpora, folder).values())
        base = None  # what tags translations is no beginning of what learns from them
    tagger = new_tagger(experiment, cell, source) if base is None else Tagger.from_pretrained(base)
    if isinstance(settings, MetaSettings):
        figures = train_meta(tagger, source, dev, settings, folder=folder, title=cell.name)
    else:
        figures = train_direct(tagger, source, dev, settings, folder=folder, title=cell.name)
    named = [f"{corpus.name} sha256:{corpus.checksum}" for corpus in dev]
    provenance = {
        "encoder": experiment.as_written(experiment.encoder_of(cell)),
        "recipe": experiment.path.name,
        "cell": cell.name,
        "source": [f"{corpus.name} sha256:{corpus.checksum}" for corpus in source],
        **({"silver": silver_counts(folder)} if system.silver else {}),
        "dev": named[0] if len(named) == 1 else named,
        "settings": experiment.as_written(settings.model_dump(mode="json")),
        "figures": figures,
        "cost": training_cost(folder),
    }
    tagger.settings = tagger.settings.model_copy(update={"provenance": provenance})
    tagger.save_pretrained(folder / "tagger")
    return tagger, figures
