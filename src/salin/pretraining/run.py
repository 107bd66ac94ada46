"""A pretraining run from its recipe to an encoder folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.corpus.catalogue import sha256_of
from salin.files import atomic_directory, atomic_write, write_json
from salin.models.attention import training_attention
from salin.models.checksum import folder_checksum
from salin.models.loading import is_decoder, quiet, resolve
from salin.models.positions import fitting_length
from salin.pretraining.base import begin
from salin.pretraining.card import pretraining_card
from salin.pretraining.cost import ATTACHED
from salin.pretraining.curves import LOG, PretrainingLog, plot_losses
from salin.pretraining.fertility import Fertility, measure_fertility, plot_fertility
from salin.pretraining.measuring import HeldOutLoss
from salin.pretraining.mixture import Mixture, mixture_loss
from salin.pretraining.objectives import lexicon_files, make_objectives
from salin.pretraining.official_episodes import OfficialEpisodes
from salin.pretraining.run_cost import COST, RunCost, matmul_rate
from salin.pretraining.settings import PretrainingSettings, TextSettings
from salin.pretraining.sources import find_text, find_translations
from salin.pretraining.store import TextStore, make_store
from salin.training.loop import fit
from salin.training.processes import Processes

_log = logging.getLogger(__name__)
# Pieces a row of a model that is gone on from; most have positions for more, which take longer.
_LENGTH = 128


def pretrain(settings: PretrainingSettings, folder: Path) -> dict[str, float]:
    """Trains a tokenizer and a model on its pieces; goes on from the checkpoint that it finds in `folder`.

    Args:
        settings: The recipe.
        folder: The text as it was read, the tokenizer, the checkpoint, the log, curves of the loss and the finished
            model as `encoder/` with its card go here.

    Returns:
        The last figures of the log.
    """
    processes = Processes.here()
    store = _store(settings.text, folder, processes)
    model, tokenizer = begin(settings, folder, processes, lambda: store)
    wanted = settings.mixture.length or (_LENGTH if settings.model is None else settings.model.positions)
    length = fitting_length(model.config, wanted)
    objectives = make_objectives(settings, tokenizer, store, length, decodes=is_decoder(model.config))
    for objective in objectives.training.values():
        if isinstance(objective, OfficialEpisodes):
            objective.prepare(model)
    mixed = settings.mixture
    mixture = Mixture(objectives.training, mixed.weights, mixed.rows, mixed.groups or mixed.rows, mixed.seed)
    # As many as a group of a step at least: an episode has room in that, and perhaps in no less.
    held_out_rows = max(HeldOutLoss.rows, mixture.rows // mixture.groups)
    measure = HeldOutLoss(objectives.held_out, mixed.weights, held_out_rows, bf16=settings.loop.precision == "bf16")

    def keep(step: int) -> None:
        if settings.snapshot_every and step % settings.snapshot_every == 0 and processes.is_main:
            _write_model(model, tokenizer, snapshot_folder(folder, step))

    with training_attention(model, length, settings.loop.precision):
        before = measure(nn.Module.to(model, processes.device).eval()) if settings.base is not None else {}
        figures = fit(
            model, mixture, mixture_loss, settings.loop, folder=folder, evaluate=lambda: measure(model), select=None,
            tokens=mixture.tokens, after_step=keep, title="pretraining", made_with=_made_with(settings, store),
        )  # fmt: skip
    if processes.is_main:
        _finish(settings, folder, model, tokenizer, store, mixture, before, processes)
    return {**figures, **({"loss_before": before["loss"]} if before else {})}


def write_untrained(settings: PretrainingSettings, folder: Path) -> None:
    """Writes the model that a run begins with to where `snapshot_folder` has that of step 0.

    Args:
        settings: The recipe.
        folder: The run's. Text is read only for a tokenizer that the run trains, and for skip-gram.
    """
    processes = Processes.here()
    model, tokenizer = begin(settings, folder, processes, lambda: _store(settings.text, folder, processes))
    _write_model(model, tokenizer, snapshot_folder(folder, 0))


def _store(text: TextSettings, folder: Path, processes: Processes) -> TextStore:
    place = text.store or folder / "text"
    if processes.is_main:
        plain = [file for path in text.plain for file in find_text(path, exclude=text.exclude)]
        for language, paths in text.languages.items():
            plain += [file for path in paths for file in find_text(path, language, text.exclude)]
        replay = [file for path in text.replay for file in find_text(path, exclude=text.exclude)]
        parallel = find_translations(text.parallel, text.sets) if text.parallel is not None else {}
        make_store(place, {"plain": plain, **({"replay": replay} if replay else {})}, parallel, text.on_error)
    processes.wait()
    return TextStore(place)


def snapshot_folder(folder: Path, step: int) -> Path:
    """Where a run keeps the model of a step, if it keeps that one."""
    return folder / "steps" / f"{step:07}"


def _made_with(settings: PretrainingSettings, store: TextStore) -> dict[str, Any]:
    """What decides the weights beside the loop: text and all else that is read by its content, wherever it lies."""
    left_out = {"base", "loop", "snapshot_every"}
    made = {name: value for name, value in settings.described().items() if name not in left_out}
    made["the sources of text"] = store.checksum
    if settings.base is not None:
        made["the base"] = folder_checksum(resolve(settings.base))
    elif settings.tokenizer.folder is not None:
        made["the tokenizer"] = sha256_of(settings.tokenizer.folder / "tokenizer.json")
    if dictionaries := lexicon_files(settings.text):
        made["the dictionaries"] = {code: [sha256_of(path) for path in files] for code, files in dictionaries.items()}
    return made


def _finish(
    settings: PretrainingSettings, folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast,
    store: TextStore, mixture: Mixture, before: Mapping[str, Any], processes: Processes,
) -> None:  # fmt: skip
    """Writes the encoder with its card, and what there is to see."""
    log = PretrainingLog.read(folder / LOG)
    fertility = _fertility(tokenizer, store, settings.text)
    pieces = {
        code: {"pieces_per_word": round(about.pieces_per_word, 4), "words": about.words, "held_out": about.held_out}
        for code, about in fertility.items()
    }
    write_json(folder / "tokenizer-report.json", pieces)
    if find_spec("matplotlib") is not None:
        plot_fertility(fertility, folder / "tokenizer-report.svg")
        plot_losses({folder.resolve().name: log}, folder / "loss.svg", folder.resolve().name)
    attached = sum(tensor.numel() for tensor in getattr(model, ATTACHED, nn.Module()).parameters())
    cost = RunCost(
        parameters=model.num_parameters() - attached,
        tokens=dict(mixture.tokens(settings.loop.steps)),
        seconds=log.seconds,
        operations=mixture.flops(model, settings.loop.steps),
        matmul_rate=matmul_rate(settings.loop.precision, processes.device) * processes.part.count,
        precision=settings.loop.precision,
        processes=processes.part.count,
    )
    write_json(folder / COST, cost.model_dump())
    card = pretraining_card(settings, store, fertility, log, cost, before, decodes=is_decoder(model.config))
    _write_model(model, tokenizer, folder / "encoder", card)
    if problems := sum(len(file["problems"]) for file in store.files):
        told = "1 problem" if problems == 1 else f"{problems:,} problems"
        _log.warning("%s with the text: what was left out or replaced stands in %s", told, store.description)


def _write_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path, card: str = "") -> None:
    """Writes a copy in half precision, without what an objective has attached to the model."""
    copied = deepcopy(model)
    if hasattr(copied, ATTACHED):
        delattr(copied, ATTACHED)
    with quiet(), atomic_directory(folder, marker="config.json") as temporary:
        copied.half().save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        if card:
            with atomic_write(temporary / "README.md") as file:
                file.write(card)


def _fertility(tokenizer: PreTrainedTokenizerFast, store: TextStore, text: TextSettings) -> dict[str, Fertility]:
    measured: dict[str, Fertility] = {}
    for name in store.collections:
        measured = {
            **measure_fertility(tokenizer, store.plain(name, text.temperature), store.held_out(name)),
            **measured,
        }
    return measured
