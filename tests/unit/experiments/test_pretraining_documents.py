"""Documents that show pretraining runs: their loss in one figure, and what they cost in a table."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from salin.errors import DataError
from salin.experiments import fill_documents
from salin.pretraining.run_cost import RunCost

COST = RunCost(
    parameters=4_800_000,
    tokens={"tokens": 30_000_000, "causal_tokens": 20_000_000, "episodes_tokens": 10_000_000},
    seconds=6000,
    operations=3e14,
    matmul_rate=2e11,
    precision="bf16",
    processes=2,
)
LOG = [
    {"step": 10, "tokens": 1000, "loss": 5.0, "seconds_per_step": 1.0},
    {"step": 10, "eval_causal": {"en": 5.5, "tl": 6.5}},
    {"step": 20, "tokens": 2000, "loss": 4.0, "seconds_per_step": 1.0},
    {"step": 20, "eval_causal": {"en": 4.5, "tl": 5.5}},
]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    for name in ("vanilla-95", "episodes-95"):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        (folder / "cost.json").write_text(COST.model_dump_json(), encoding="utf-8")
        (folder / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)) + "\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- pretraining:vanilla-95 episodes-95 -->\nold\n<!-- /pretraining -->\nafter\n", encoding="utf-8"
    )
    return page


def test_several_runs_stand_in_one_figure_and_one_table(page: Path, require) -> None:
    require("matplotlib (pip install 'salin[plots]')", find_spec("matplotlib") is not None)
    for _ in range(2):  # the second time over what the first one wrote
        assert fill_documents([page], page.parent, page.parent / "results") == (1, 1)
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- pretraining:vanilla-95 episodes-95 -->\n") and text.endswith("-->\nafter\n")
    assert "old" not in text
    row = "| vanilla-95 | 4.8M | 30.0M | causal 20.0M, episodes 10.0M | 6,000 | 2 | 3.0e+14 | 5,000 | 25% (bf16) |"
    assert row in text
    figure = (page.parent / "figures" / "vanilla-95.loss.svg").read_text("utf-8")
    assert "causal, vanilla-95" in figure and "causal, episodes-95" in figure
    assert "(figures/vanilla-95.loss.svg)" in text


def test_a_run_without_a_result_is_refused(page: Path) -> None:
    page.write_text("<!-- pretraining:other -->\n<!-- /pretraining -->\n", encoding="utf-8")
    with pytest.raises(DataError, match="'other'"):
        fill_documents([page], page.parent, page.parent / "results")


def test_a_broken_record_is_named(page: Path) -> None:
    cost = page.parent / "results" / "vanilla-95" / "cost.json"
    cost.write_text('{"seconds": "long"}', encoding="utf-8")
    with pytest.raises(DataError, match=str(cost)):
        fill_documents([page], page.parent, page.parent / "results")
