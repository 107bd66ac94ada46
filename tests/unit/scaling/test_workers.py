"""What a worker does with one shard, also when workers before it have died of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.baselines import load_rules
from salin.scaling.manifest import Manifest
from salin.scaling.shards import Shard, plan_file
from salin.scaling.work import PlanFiles, TagShards


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    path = tmp_path / "a.txt"
    path.write_text("Dumating si Ana.\n", encoding="utf-8")
    return plan_file(0, str(path), 1000, {}).shards()[0]


@pytest.fixture
def work(tmp_path: Path) -> Callable[[str], str]:
    make = TagShards(tmp_path / "out", "jsonl", {}, lambda: load_rules("rules:tl").tag_sentences)
    with Manifest(tmp_path / "out").locked():
        return make()


def test_a_shard_is_tagged_once(shard: Shard, work: Callable[[str], str], tmp_path: Path) -> None:
    """As when a worker dies between recording that it is finished and saying so."""
    first = json.loads(work(shard.model_dump_json()))
    before = (tmp_path / "out" / "part-000000-000000.jsonl").stat().st_mtime_ns
    second = json.loads(work(shard.model_dump_json()))
    assert first == second and first["sentences"] == 1 and not first["error"]
    assert (tmp_path / "out" / "part-000000-000000.jsonl").stat().st_mtime_ns == before


def test_a_shard_that_kills_its_workers_is_given_up(shard: Shard, work: Callable[[str], str], tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "out")
    for _ in range(2):  # two have begun and were not heard of again
        manifest.attempt(shard.key)
    assert not json.loads(work(shard.model_dump_json()))["error"]
    manifest.forget(shard.key)
    for _ in range(3):
        manifest.attempt(shard.key)
    assert "3 workers died of it" in json.loads(work(shard.model_dump_json()))["error"]
    # Another run may have more memory.
    assert not json.loads(work(shard.model_dump_json()))["error"]


def test_a_file_that_is_gone_is_no_plan_but_an_answer(tmp_path: Path) -> None:
    answer = json.loads(PlanFiles(10, {})()(f"0 {tmp_path / 'a file.txt'}"))
    assert answer["file"] is None and "a file.txt: cannot be found" in answer["error"]
