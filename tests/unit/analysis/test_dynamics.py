"""Runs are described by their logs, whichever command wrote these."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import svg_files
from salin.analysis.dynamics import HELD_OUT, TRAINING, RunDynamics, compare_runs, plot_dynamics
from salin.errors import DataError, SettingError

TAGGER = [
    {"step": 50, "loss": 2.0, "seconds_per_step": 0.1},
    {"step": 100, "loss": 1.0, "seconds_per_step": 0.1},
    {"step": 100, "eval_f1": 0.5, "eval_f1_by_type": {"LOC": 0.25, "PER": 0.75}},
    {"step": 150, "loss": 0.0, "seconds_per_step": 0.1},
    {"step": 150, "eval_f1": 0.6, "eval_f1_by_type": {"LOC": 0.4, "PER": 0.8}},
]
PRETRAINING = [
    {"step": 100, "loss": 9.0, "causal_loss": 9.0, "causal_tokens": 100},
    {"step": 100, "eval_loss": 8.0, "eval_causal": {"tl": 7.0, "ceb": 9.0}},
    {"step": 200, "loss": float("nan"), "causal_loss": float("nan"), "causal_tokens": 200},
    {"step": 300, "loss": 4.0, "causal_loss": 4.0, "causal_tokens": 300},
    {"step": 300, "eval_loss": 5.0, "eval_causal": {"tl": 4.0, "ceb": 6.0}},
]
# The same losses of next pieces in half of the rows, and episodes in the others: the mean of both says something else.
MIXED = [
    {"step": 100, "loss": 6.0, "causal_loss": 9.0, "episodes_loss": 3.0, "episodes_support_accuracy": 0.5},
    {"step": 100, "eval_loss": 5.5, "eval_causal": {"tl": 7.0, "ceb": 9.0}, "eval_episodes": {"tl": 3.0}},
    {"step": 300, "loss": 3.0, "causal_loss": 4.0, "episodes_loss": 2.0},
    {"step": 300, "eval_loss": 3.5, "eval_causal": {"tl": 4.0, "ceb": 6.0}, "eval_episodes": {"tl": 2.0}},
]
CAUSAL = [f"{TRAINING}, causal", f"{HELD_OUT}, causal"]


def run(records: list[dict[str, object]], path: Path) -> RunDynamics:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return RunDynamics.read(path, path.stem)


def test_a_tagger_has_f1_of_each_type(tmp_path: Path) -> None:
    found = run(TAGGER, tmp_path / "tagger.jsonl")
    assert found.f1 == {
        "": ((100, 0.5), (150, 0.6)),
        "LOC": ((100, 0.25), (150, 0.4)),
        "PER": ((100, 0.75), (150, 0.8)),
    }
    assert list(found.curves) == [TRAINING]
    t90 = found.convergence[TRAINING].t90
    assert t90 is not None and (t90.after, t90.by) == (100, 150)


def test_pretraining_has_a_loss_on_held_out_text(tmp_path: Path) -> None:
    found = run(PRETRAINING, tmp_path / "pretraining.jsonl")
    assert found.curves == dict(zip(CAUSAL, [((100, 9.0), (300, 4.0)), ((100, 8.0), (300, 5.0))], strict=True))
    assert found.f1 == {}


def test_episodes_have_the_accuracy_of_their_supports(tmp_path: Path) -> None:
    assert run(MIXED, tmp_path / "mixed.jsonl").accuracies == {"episodes_support": ((100, 0.5),)}
    assert run(PRETRAINING, tmp_path / "older.jsonl").accuracies == {}


def test_groups_are_compared_by_the_losses_that_all_have(tmp_path: Path) -> None:
    tagger, pretrained = run(TAGGER, tmp_path / "a.jsonl"), run(PRETRAINING, tmp_path / "b.jsonl")
    assert list(compare_runs([tagger], [tagger])) == [TRAINING]
    assert compare_runs([tagger], [pretrained]) == {}
    assert list(compare_runs([pretrained], [pretrained])) == CAUSAL
    mixed = run(MIXED, tmp_path / "c.jsonl")
    compared = compare_runs([mixed], [pretrained])
    assert list(compared) == CAUSAL, "of the two mixtures only what both have"
    assert all(one.first == one.second for differences in compared.values() for one in differences)
    with pytest.raises(SettingError, match="both sides"):
        compare_runs([tagger], [])


def test_a_run_with_one_loss_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"young\.jsonl: holds less than two losses.*Wait"):
        run(TAGGER[:1], tmp_path / "young.jsonl")


def test_the_figure_has_a_panel_for_each_loss_and_one_for_f1(tmp_path: Path) -> None:
    first, second = run(TAGGER, tmp_path / "one.jsonl"), run(PRETRAINING, tmp_path / "two.jsonl")
    file = tmp_path / "dynamics.svg"
    plot_dynamics([first], file, [second])
    texts = {TRAINING, *CAUSAL, "F1 on dev, percent", "one", "two", "all", "LOC", "PER"}
    assert texts <= set(svg_files.texts(file))
    assert len(svg_files.lines(file, "held-out-causal-1")) == 1
    assert len(svg_files.dots(file, "f1-PER-0")) == 2
    (losses,) = svg_files.lines(file, "training-0")
    (bar, *_) = svg_files.lines(file, "t90-training-0")
    assert (bar[0][0], bar[-1][0]) == (losses[1][0], losses[2][0]), "from one record to the next"
