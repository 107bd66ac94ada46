"""`kill -9` at random moments of a training run: it goes on to the very weights of a run that nobody killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from salin.models import Tagger
from salin.models.checksum import weights_checksum
from salin.training.loop import LoopSettings
from salin.training.meta import MetaSettings, train_meta
from tiny_corpora import DEV, corpus

KILLS = 10
STEPS = 120
SETTINGS = MetaSettings(
    loop=LoopSettings(steps=STEPS, learning_rate=1e-3, log_every=1, evaluate_every=6, checkpoint_every=4),
    batch=2,
    mask_rate=0.2,
    max_weight=0.5,
)


def train(encoder: Path, folder: Path) -> str:
    """A whole run, or the rest of one: meta-training, whose batches, dropout and best weights must all come back."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    torch.manual_seed(1)
    tagger = Tagger.on_encoder(encoder, ["LOC", "ORG", "PER"])
    for module in tagger.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.1
    train_meta(tagger, [corpus()], corpus(DEV, name="dev"), SETTINGS, folder=folder)
    tagger.save_pretrained(folder / "tagger")
    return weights_checksum(tagger.network)


def test_killed_and_resumed(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    encoder, killed, whole = model_folder("bert"), tmp_path / "killed", tmp_path / "whole"
    expected = train(encoder, whole)
    # The server imports torch once; each run is a process of its own, forked from it.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["salin.training.meta"])
    choose = random.Random(95)
    places = set()
    # Every other kill waits for a step of the log, the others for a moment of the clock after the run has begun:
    # within a step, within an evaluation, while a checkpoint is being written.
    steps = sorted(choose.sample(range(2, STEPS // 2), KILLS))
    for number, step in enumerate(steps):
        run = processes.Process(target=train, args=(encoder, killed))
        before = logged(killed)
        run.start()
        target = step if number % 2 else before + 1
        wait_for(run, lambda target=target: logged(killed) >= target)
        time.sleep(choose.uniform(0, 0.1))
        assert run.is_alive(), "the run was over before it could be killed"
        os.kill(run.pid, signal.SIGKILL)
        run.join()
        assert run.exitcode == -signal.SIGKILL
        places.add(logged(killed))
        check_that_nothing_is_half_written(killed)
    assert len(places) > KILLS // 2, places
    last = processes.Process(target=train, args=(encoder, killed))
    last.start()
    last.join(300)
    assert last.exitcode == 0
    check_that_nothing_is_half_written(killed)

    assert weights_checksum(Tagger.from_pretrained(killed / "tagger").network) == expected
    for name in ("tagger/model", "checkpoint/model", "checkpoint/optimizer", "best"):
        first, second = (load_file(folder / f"{name}.safetensors") for folder in (whole, killed))
        assert first.keys() == second.keys()
        assert all(torch.equal(tensor, second[key]) for key, tensor in first.items()), name
    assert log_of(killed) == log_of(whole)
    assert [path.name for path in sorted(killed.iterdir())] == [path.name for path in sorted(whole.iterdir())]


def wait_for(run: BaseProcess, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while run.is_alive() and not reached():
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.002)


def logged(folder: Path) -> int:
    """The last step in the log."""
    path = folder / "log.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0


def log_of(folder: Path) -> list[dict[str, float]]:
    """The log without what the clock says."""
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if key != "seconds_per_step"} for record in records]


def check_that_nothing_is_half_written(folder: Path) -> None:
    """Every file that a reader would find is whole. Names that begin with a dot are nobody's but the writer's."""
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.suffix == ".safetensors":
            assert load_file(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".jsonl":
            assert all(json.loads(line)["step"] >= 0 for line in path.read_text(encoding="utf-8").splitlines())
        elif path.is_file():
            pytest.fail(f"{path} is not checked")
    checkpoint = folder / "checkpoint"
    if checkpoint.exists():
        names = {path.name for path in checkpoint.iterdir()}
        assert names == {"model.safetensors", "optimizer.safetensors", "state.json"}
