"""Two processes train as one: the same batches, the same weights, one log, and a run that goes on after a kill."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import several_processes
from salin.cli import main
from salin.models import Tagger
from tiny_corpora import DEV, TRAIN, corpus

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
RUNS = (
    "direct",
    "chosen by loss",
    "without biases",
    "direct with bertadam",
    "one sentence a step",
    "chains",
    "meta",
    "meta with bertadam",
    "one task a step",
    "pretraining",
    "one row a step",
    "unused layers",
)
# A bias of attention's keys adds the same to all scores of a query, so that its gradient is nothing but rounding, which
# AdamW makes into steps as large as any other's. It changes nothing that a network says.
WITHOUT_EFFECT = ".attention.self.key.bias"


@dataclass(frozen=True)
class Outcomes:
    """The folders of the same runs, in one process and in two, and what the two said."""

    one: Path
    two: Path
    said: str


@pytest.fixture(scope="module")
def outcomes(model_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    root = tmp_path_factory.mktemp("several")
    for architecture in ("bert", "modernbert"):
        shutil.copytree(model_folder(architecture), root / "models" / architecture)
    several_processes.write_texts(root / "one" / "texts")
    shutil.copytree(root / "one" / "texts", root / "two" / "texts")
    several_processes.run(root / "models", root / "one")
    script = Path(several_processes.__file__)
    ran = subprocess.run(
        [*TORCHRUN, script, root / "models", root / "two"], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return Outcomes(root / "one", root / "two", ran.stdout + ran.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_the_weights_are_those_of_one_process(outcomes: Outcomes, run: str) -> None:
    expected = load_file(outcomes.one / f"{run}.0.safetensors")
    first, second = (load_file(outcomes.two / f"{run}.{index}.safetensors") for index in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in expected), "the processes drifted apart"
    assert furthest(expected, first) <= 1e-5
    # Biases of keys aside, nothing has been left out.
    assert all(name.endswith(WITHOUT_EFFECT) for name in expected.keys() - compared(expected))


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_the_log_is_that_of_one_process(outcomes: Outcomes, run: str) -> None:
    one, two = (log_of(folder / run) for folder in (outcomes.one, outcomes.two))
    assert [record.keys() for record in two] == [record.keys() for record in one]
    for first, second in zip(one, two, strict=True):
        assert second == pytest.approx(first, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_one_process_writes_all_there_is(outcomes: Outcomes, run: str) -> None:
    one, two = (sorted(str(path.relative_to(folder / run)) for path in (folder / run).rglob("*"))
                for folder in (outcomes.one, outcomes.two))  # fmt: skip
    assert two == one


@pytest.mark.slow
def test_a_process_is_killed_and_the_command_given_again(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    for name, lines in {"train": TRAIN, "dev": DEV}.items():
        blocks = ["\n".join(word.replace("/", "\t") for word in line.split()) for line in lines]
        (tmp_path / f"{name}.conll").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    encoder = str(model_folder("bert"))
    files = ["--source", str(tmp_path / "train.conll"), "--dev", str(tmp_path / "dev.conll"), "--encoder", encoder]
    arguments = ["train", *files, "--steps", "160", "--batch", "3", "--mask-rate", "0.2", "--evaluate-every", "0"]
    two = [*TORCHRUN, "-m", "salin", *arguments, "--out", str(tmp_path / "two")]

    first = subprocess.Popen(two, stderr=subprocess.DEVNULL)
    log = tmp_path / "two" / "training" / "log.jsonl"
    deadline = time.monotonic() + 300
    # The checkpoint is that of step 100.
    while not (log.exists() and len(log.read_text().splitlines()) >= 11):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    (victim,) = (child for child in psutil.Process(first.pid).children() if child.environ().get("RANK") == "1")
    victim.send_signal(signal.SIGKILL)
    assert first.wait(60) != 0, "the other process must not wait for ever"
    assert not (tmp_path / "two" / "salin.json").exists()

    again = subprocess.run(two, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr[-4000:]
    assert again.stderr.count("going on with the run in") == 1, "the main process alone talks"
    assert again.stderr.count("F1 ") == 1
    assert log_of(tmp_path / "two" / "training")[-1]["step"] == 160

    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "one")])
    assert not ended.value.code
    one, both = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert furthest(one, both) <= 1e-5
    # The biases that were left out change nothing: both taggers say the same.
    scores = [Tagger.from_pretrained(tmp_path / name).emissions(corpus().sentences) for name in ("one", "two")]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*scores, strict=True))


def test_a_command_that_is_not_divided_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"WORLD_SIZE": "4", "LOCAL_RANK": "0", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["run", "recipes/demo.toml"])
    assert ended.value.code == 2
    assert "salin run works in one process, and a launcher has started 4" in capsys.readouterr().err


def compared(weights: dict[str, Tensor]) -> set[str]:
    return {name for name in weights if not name.endswith(WITHOUT_EFFECT)}


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference between two weights of the same name."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in compared(one))


def log_of(folder: Path) -> list[dict[str, float]]:
    """The log without what the clock says."""
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    # F1 of each type beside the others, since `approx` takes no figures inside figures.
    flat = [{**record.pop("eval_f1_by_type", {}), **record} for record in records]
    return [{key: value for key, value in record.items() if "second" not in key} for record in flat]
