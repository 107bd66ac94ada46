"""A run's log is read as far as it is whole, and its curves show what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import svg_files
from salin.errors import DataError
from salin.training.curves import TrainingLog, plot_log
from salin.training.progress import TrainingProgress

LOG = """\
{"step": 10, "loss": 2.0, "seconds_per_step": 0.1}
{"step": 20, "loss": 1.0, "seconds_per_step": 0.1}
{"step": 20, "eval_f1": 0.5}
{"step": 30, "loss": 0.5, "seconds_per_step": 0.1}
{"step": 40, "loss": 0.25, "seconds_per_step": 0.1}
{"step": 40, "eval_f1": 0.75}
{"step": 60, "eval_f1": 0.75}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "meta-full-95" / "log.jsonl"
    path.parent.mkdir()
    path.write_text(LOG, encoding="utf-8")
    return path


def test_what_a_run_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with TrainingProgress("a run", 20, path, show=False) as progress:
        progress.record(10, {"loss": 1.5, "max_loss": 3.0})
        progress.record(10, {"eval_f1": 0.25})
        progress.record(20, {"loss": 1.25})
    assert TrainingLog.read(path) == TrainingLog(losses=((10, 1.5), (20, 1.25)), scores=((10, 0.25),))


def test_f1_of_types_and_losses_on_held_out_text_are_read_where_there_are_some(log: Path) -> None:
    more = [{"step": 20, "eval_f1_by_type": {"LOC": 0.5}}, {"step": 40, "eval_f1_by_type": {"LOC": 0.7, "PER": 1}}]
    log.write_text(LOG + "".join(json.dumps(record) + "\n" for record in (*more, {"step": 40, "eval_loss": 2.5})))
    read = TrainingLog.read(log)
    assert read.by_type == {"LOC": ((20, 0.5), (40, 0.7)), "PER": ((40, 1.0),)}
    assert read.held_out == ((40, 2.5),)


def test_evaluations_hold_f1_and_loss_where_there_is_one(log: Path) -> None:
    log.write_text(LOG + json.dumps({"step": 60, "eval_loss": 2.5}) + "\n", encoding="utf-8")
    assert TrainingLog.read(log).evaluations == (
        {"step": 20, "f1": 0.5}, {"step": 40, "f1": 0.75}, {"step": 60, "f1": 0.75, "loss": 2.5},
    )  # fmt: skip


def test_the_chosen_checkpoint_is_the_first_of_the_best(log: Path) -> None:
    assert TrainingLog.read(log).chosen == (40, 0.75)


def test_a_run_that_something_else_chose_says_so(log: Path, tmp_path: Path) -> None:
    """Where the loss on dev chose, the checkpoint is not that of the highest F1."""
    more = ({"step": 20, "eval_loss": 0.7, "best": True}, {"step": 40, "eval_loss": 0.9})
    log.write_text(LOG + "".join(json.dumps(record) + "\n" for record in more), encoding="utf-8")
    assert TrainingLog.read(log).chosen == (20, 0.5)
    file = tmp_path / "curves.svg"
    plot_log(log, file)
    assert {"chosen: step 20, F1 50.0", "broken: held out"} <= set(svg_files.texts(file))
    assert len(svg_files.dots(file, "held-out")) == 2


def test_two_panels_and_a_mark_at_the_chosen_checkpoint(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "curves.svg"
    plot_log(log, file)
    shown = svg_files.texts(file)
    assert {"meta-full-95", "step", "loss", "F1 on dev, percent", "chosen: step 40, F1 75.0"} <= set(shown)
    losses, scores = svg_files.dots(file, "loss"), svg_files.dots(file, "f1")
    assert (len(losses), len(scores)) == (4, 3)
    assert [y for _, y in losses] == sorted(y for _, y in losses), "falling: y grows downwards"
    assert svg_files.dots(file, "chosen") == [scores[1]]
    assert losses[1][0] == scores[0][0], "step 20 is at the same place in both panels"


def test_a_run_without_evaluation_has_one_panel(log: Path, tmp_path: Path) -> None:
    log.write_text('{"step": 50, "loss": 9.0, "accuracy": 0.1}\n{"step": 100, "loss": 8.0}\n', encoding="utf-8")
    file = tmp_path / "curves.svg"
    plot_log(log, file, title="pretraining")
    shown = svg_files.texts(file)
    assert "pretraining" in shown and "loss" in shown
    assert not [text for text in shown if "F1" in text]


@given(kept=st.integers(0, len(LOG)))
def test_a_log_that_was_cut_anywhere_gives_its_whole_lines(kept: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "log.jsonl"
    path.write_text(LOG[:kept], encoding="utf-8")
    # A record is whole also without the line break behind it.
    whole = LOG[:kept].count("}")
    if whole == 0:
        with pytest.raises(DataError, match="no figures"):
            TrainingLog.read(path)
    else:
        read = TrainingLog.read(path)
        assert len(read.losses) + len(read.scores) == whole


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (b'{"step": 20, "lo', r"log\.jsonl:3: .*no JSON.*Delete this line"),
        (b"", r"log\.jsonl:3: "),
        (b"[20, 1.0]", r"log\.jsonl:3: .*no object"),
        (b'{"loss": 1.0}', r"log\.jsonl:3: .*step"),
        (b'{"step": "20", "loss": 1.0}', r"log\.jsonl:3: .*step"),
        (b'{"step": 20, "loss": "low"}', r"log\.jsonl:3: .*loss is 'low' and no number"),
        (b'{"step": 20, "l\xff": 1.0}', r"log\.jsonl:3: "),
        (
            b'{"step": 20, "eval_f1_by_type": {"LOC": "high"}}',
            r"log\.jsonl:3: .*eval_f1_by_type .* no object of numbers",
        ),
    ],
)
def test_damage_before_the_last_line_is_named(log: Path, damage: bytes, complaint: str) -> None:
    lines = LOG.encode().splitlines()
    log.write_bytes(b"\n".join([*lines[:2], damage, *lines[2:]]))
    with pytest.raises(DataError, match=complaint):
        TrainingLog.read(log)


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"log\.jsonl: cannot be read: No such file"):
        plot_log(tmp_path / "log.jsonl", tmp_path / "curves.svg")
    assert not (tmp_path / "curves.svg").exists()


def test_a_loss_that_is_no_number_any_more_leaves_a_gap(log: Path, tmp_path: Path) -> None:
    log.write_text(LOG.replace('"loss": 1.0', '"loss": NaN'), encoding="utf-8")
    plot_log(log, tmp_path / "curves.svg")
    assert len(svg_files.dots(tmp_path / "curves.svg", "loss")) == 3
