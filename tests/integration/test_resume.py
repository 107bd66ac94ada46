"""`kill -9` at random moments of a training run: it goes on to the very weights of a run that nobody killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from salin.models import Tagger
from salin.pretraining.tokenizer import train_tokenizer
from salin.training.loop import LoopSettings
from salin.training.meta import MetaSettings, train_meta
from tiny_chat import build_chat_model
from tiny_corpora import DEV, corpus
from tiny_models import TEXT

KILLS = 10
STEPS = 120
SETTINGS = MetaSettings(
    loop=LoopSettings(steps=STEPS, learning_rate=1e-3, log_every=1, evaluate_every=6, checkpoint_every=4),
    batch=2,
    mask_rate=0.2,
    max_weight=0.5,
)
WEIGHTS = ("checkpoint/model", "checkpoint/optimizer")


def train(folder: Path, made: Path) -> None:
    """A whole run, or the rest of one: meta-training, whose batches, dropout and best weights must all come back."""
    tagger = Tagger.on_encoder(made, ["LOC", "ORG", "PER"])
    for module in tagger.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.1
    train_meta(tagger, [corpus()], corpus(DEV, name="dev"), SETTINGS, folder=folder)
    tagger.save_pretrained(folder / "tagger")


def pretrain(folder: Path, made: Path) -> None:
    """The same for pretraining: a text store, a mixture of objectives, dropout, losses on held-out text."""
    from salin.pretraining.run import pretrain as run
    from salin.pretraining.settings import PretrainingSettings

    loop = {"steps": STEPS, "learning_rate": 1e-3, "log_every": 1, "evaluate_every": 6, "checkpoint_every": 4}
    size = {"vocabulary": 400, "hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32, "positions": 24}
    settings = {
        "text": {"plain": made / "text", "replay": made / "text"},
        "tokenizer": {"folder": made / "tokenizer"},
        "model": {**size, "dropout": 0.1},
        "mixture": {"weights": {"masked": 1, "replay": 1, "episodes": 1}, "rows": 8, "groups": 2},
        "episodes": {"ways": 2, "shots": 1},
        "loop": loop,
    }
    run(PretrainingSettings.model_validate(settings), folder)


def tune(folder: Path, made: Path) -> None:
    """The same for fine-tuning a language model, of which a checkpoint holds the adapters alone."""
    from salin.translation.tuning import TuningSettings, read_pairs
    from salin.translation.tuning import tune as run

    loop = {"steps": STEPS, "learning_rate": 1e-3, "log_every": 1, "evaluate_every": 6, "checkpoint_every": 4}
    settings = TuningSettings.model_validate({"loop": loop, "batch": 2, "rank": 2})
    tuned = run(str(made / "model"), read_pairs(made / "pairs.jsonl"), settings, folder=folder)
    tuned.model.save_pretrained(folder / "tuned")


@pytest.fixture
def made(request: pytest.FixtureRequest, model_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    """What a run begins with: an encoder, text and a tokenizer, or a language model and pairs of names."""
    if request.param is train:
        return model_folder("bert")
    if request.param is tune:
        build_chat_model(tmp_path / "made" / "model", random=True)
        pair = {"label": "PER", "original": "Ana"}
        pairs = [{**pair, "english": f"Ann{n}", "sentence": f"Ana vive {n}."} for n in range(24)]
        (tmp_path / "made" / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
        return tmp_path / "made"
    (tmp_path / "made" / "text" / "en").mkdir(parents=True)
    lines = [f"{line} {number}" for number in range(32) for line in TEXT[:6]]
    (tmp_path / "made" / "text" / "en" / "news.txt").write_text("\n".join(lines), encoding="utf-8")
    train_tokenizer(lines, 400).save_pretrained(tmp_path / "made" / "tokenizer")
    return tmp_path / "made"


def begin(run: Callable[[Path, Path], None], folder: Path, made: Path) -> None:
    """What a process does."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    torch.manual_seed(1)
    run(folder, made)


@pytest.mark.parametrize(
    ("made", "run", "weights"),
    [
        (train, train, ("tagger/model", *WEIGHTS, "best")),
        pytest.param(pretrain, pretrain, ("encoder/model", *WEIGHTS), marks=pytest.mark.slow),
        pytest.param(tune, tune, ("tuned/model", *WEIGHTS, "best"), marks=pytest.mark.slow),
    ],
    ids=["training", "pretraining", "fine-tuning"],
    indirect=["made"],
)
def test_killed_and_resumed(
    made: Path,
    run: Callable[[Path, Path], None],
    weights: tuple[str, ...],
    tmp_path: Path,
    require: Callable[[str, bool], None],
) -> None:
    require("peft (pip install 'salin[llm]')", run is not tune or find_spec("peft") is not None)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    begin(run, whole, made)
    # The server imports torch once; each run is a process of its own, forked from it.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["salin.training.meta", "salin.pretraining.run", "salin.translation.tuning"])
    choose = random.Random(95)
    places = set()
    # Every other kill waits for a step of the log, the others for a moment of the clock after the run has begun:
    # within a step, within an evaluation, while a checkpoint is being written.
    steps = sorted(choose.sample(range(2, STEPS // 2), KILLS))
    for number, step in enumerate(steps):
        process = processes.Process(target=begin, args=(run, killed, made))
        before = logged(killed)
        process.start()
        target = step if number % 2 else before + 1
        wait_for(process, lambda target=target: logged(killed) >= target)
        time.sleep(choose.uniform(0, 0.1))
        assert process.is_alive(), "the run was over before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        places.add(logged(killed))
        check_that_nothing_is_half_written(killed)
    assert len(places) > KILLS // 2, places
    last = processes.Process(target=begin, args=(run, killed, made))
    last.start()
    last.join(300)
    assert last.exitcode == 0
    check_that_nothing_is_half_written(killed)

    for name in weights:
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
    """The last step in the log; a line that is being written while this reads has no end yet."""
    path = folder / "log.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    return json.loads(whole[-1])["step"] if whole else 0


def log_of(folder: Path) -> list[dict[str, float]]:
    """The log without what the clock says."""
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if "second" not in key} for record in records]


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
        elif path.suffix in (".svg", ".md", ".txt", ".ends"):
            assert path.stat().st_size
        elif path.is_file():
            pytest.fail(f"{path} is not checked")
    checkpoint = folder / "checkpoint"
    if checkpoint.exists():
        names = {path.name for path in checkpoint.iterdir()}
        assert names == {"model.safetensors", "optimizer.safetensors", "state.json"}
