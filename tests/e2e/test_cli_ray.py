"""`salin tag --engine ray`: what workers and drivers that are killed leave behind is whole, and goes on.

Ray takes seconds to start, and each worker seconds to import it, so the tests are few and share one cluster.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from salin.scaling import InProcess

SHARED = Path(__file__).parents[2] / "src"
WORKERS = 2


@pytest.fixture(scope="session")
def cluster(require: Callable[[str, bool], None]) -> Iterator[None]:
    """A cluster of this machine's that commands in this process find."""
    require("Ray (pip install 'salin[ray]')", find_spec("ray") is not None)
    from salin.scaling.ray_pool import connection

    with connection(WORKERS):
        yield


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with a text that makes many shards, and another file behind it."""
    folder = tmp_path / "texts"
    folder.mkdir()
    lines = (f"Ana Reyes joined Ajax in Lisbon on day {number}.\n" for number in range(600))
    (folder / "a.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "b.jsonl").write_text('{"text": "Maria met Juan dela Cruz in Sugbo.", "id": 1}\n' * 30, encoding="utf-8")
    return folder


def records(*paths: Path) -> list[dict]:
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """The same sentences with the same entities; scores may be rounded otherwise, since batches are others."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        scores, others = ([e.pop("score", None) for e in record["entities"]] for record in (one, other))
        assert one == other
        assert scores == pytest.approx(others, abs=1e-3)


def parts(out: Path) -> list[Path]:
    return sorted(out.glob("part-*"))


def done(out: Path) -> int:
    return len(list((out / ".manifest" / "done").glob("*.json")))


def wait_for(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not reached():
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.002)


def worker() -> int | None:
    """A process that tags shards."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = file.read_bytes()
        except OSError:  # it is over
            continue
        if title.startswith(b"ray::MapWorker"):
            return int(file.parent.name)
    return None


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_worker_is_killed(salin: Callable, texts: Path, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    """And what workers tag, adaptation included, is what one process tags."""
    out = tmp_path / "out"
    options = ["--model", tagger_folder, "--adapt", "--source", corpora.train, "--neighbours"]
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        wait_for(lambda: done(out) >= 2)
        while not killed and not over.is_set():
            if number := worker():
                os.kill(number, signal.SIGKILL)
                killed.append(number)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    ran = salin("tag", texts, *options, "--engine", "ray", "--workers", WORKERS, "--shard-size", 0.002, "--out", out)
    over.set()
    assert ran.status == 0, ran.errors
    assert killed, "no process of Ray is called a worker"
    assert "shards are tagged" in ran.errors
    assert salin("tag", texts, *options, "--out", tmp_path / "whole").status == 0
    whole = records(tmp_path / "whole" / "a.txt.jsonl", tmp_path / "whole" / "b.jsonl.jsonl")
    assert len(parts(out)) > 10
    assert_same(records(*parts(out)), whole)
    assert [path.name for path in out.iterdir() if path.name.startswith(".part-")] == []


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_the_driver_is_killed(salin: Callable, texts: Path, tmp_path: Path) -> None:
    """With a cluster of its own, which goes down with it."""
    out = tmp_path / "out"
    command = ["tag", texts, "--model", "rules:tl", "--engine", "ray", "--shard-size", 0.001, "--out", out]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SHARED), os.environ.get("PYTHONPATH", "")])}
    driver = subprocess.Popen(
        [sys.executable, "-m", "salin", *map(str, command), "--workers", "1"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: driver.poll() is not None or done(out) >= 2)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL, "the run was over before it could be killed"
    finished = done(out)
    planned = json.loads((out / ".manifest" / "run.json").read_bytes())["inputs"]
    assert finished < sum(len(file["parts"]) for file in planned)
    whole = tmp_path / "whole.jsonl"
    assert salin("tag", texts / "a.txt", texts / "b.jsonl", "--model", "rules:tl", "--out", whole).status == 0
    ran = salin(*command, "--workers", WORKERS)
    assert ran.status == 0, ran.errors
    assert "of them by earlier runs" in ran.errors
    assert b"".join(path.read_bytes() for path in parts(out)) == whole.read_bytes()


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands do beside Ray, without it."""

    class Pool(InProcess):
        def __init__(self, _: int | None) -> None: ...

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr("salin.scaling.RayPool", Pool)


RAY = ["--model", "rules:tl", "--engine", "ray"]


@pytest.mark.usefixtures("without_ray")
def test_bad_shards_are_named_at_the_end_and_the_status_says_so(salin: Callable, texts: Path, tmp_path: Path) -> None:
    (texts / "c.jsonl").write_text("{\n", encoding="utf-8")
    out = tmp_path / "out"
    ran = salin("tag", texts, *RAY, "--out", out)
    assert ran.status == 2
    assert "c.jsonl:1: not JSON" in ran.errors
    assert "1 shard was not tagged" in ran.errors.splitlines()[-1]
    assert len(parts(out)) == 2
    (texts / "c.jsonl").write_text('{"text": "si Ana"}\n', encoding="utf-8")
    ran = salin("tag", texts, *RAY, "--out", out)
    assert ran.status == 0, ran.errors
    assert "3 of 3 shards are tagged, 2 of them by earlier runs; 1 sentences now" in ran.errors


@pytest.mark.usefixtures("without_ray")
def test_other_options_are_another_run(salin: Callable, texts: Path, tmp_path: Path) -> None:
    assert salin("tag", texts, *RAY, "--out", tmp_path / "out").status == 0
    ran = salin("tag", texts, *RAY, "--out", tmp_path / "out", "--map", "PER=O")
    assert ran.status == 2
    assert "map: None then, PER=O now" in ran.errors


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["TEXTS", "--engine", "ray"], "--out DIR"),
        (["TEXTS", "--engine", "ray", "--out", "OUT", "--to", "conll"], "jsonl or parquet, not conll"),
        (["--text", "si Ana", "--engine", "ray", "--out", "OUT"], "leave out --text"),
        (["--engine", "ray", "--out", "OUT"], "files and folders"),
        (["-", "--engine", "ray", "--out", "OUT"], "save it first"),
        (["TEXTS", "--engine", "ray", "--out", "TEXTS"], "is what is tagged"),
        (["TEXTS", "--workers", "2"], "--workers is about shards"),
        (["TEXTS", "--shard-size", "2"], "--shard-size is about shards"),
        (["TEXTS", "--to", "parquet"], "give that too"),
        (["rows.parquet"], "rows.parquet: Parquet is for --engine ray"),
    ],
)
@pytest.mark.usefixtures("without_ray")
def test_what_does_not_go_together_is_said(
    salin: Callable, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    given = [{"TEXTS": str(texts), "OUT": str(tmp_path / "out")}.get(argument, argument) for argument in arguments]
    ran = salin("tag", *given, "--model", "rules:tl")
    assert ran.status == 2
    assert named in ran.errors
    assert not (tmp_path / "out").exists()


def test_where_ray_is_missing_the_extra_is_named(
    salin: Callable, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salin.scaling.ray_pool.find_spec", lambda _: None)
    ran = salin("tag", texts, *RAY, "--out", tmp_path / "out")
    assert ran.status == 2
    assert "pip install 'salin[ray]'" in ran.errors
