"""`--plot` draws what a command shows, and is refused before anything long begins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import svg_files

RECIPE = """
title = "Rules and a tagger"
encoder = "ENCODER"
baseline = "direct"
seeds = [1]
[label_sets.all]
source = ["TRAIN"]
dev = "DEV"
tests = { en = "TEST" }
[systems.gazetteer]
method = "rules"
rules = "rules:gazetteer"
[systems.direct]
method = "direct"
"""


@pytest.fixture
def recipe(corpora, model_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    text = RECIPE.replace("ENCODER", str(model_folder("bert")))
    for name, path in (("TRAIN", corpora.train), ("DEV", corpora.dev), ("TEST", corpora.test)):
        text = text.replace(name, str(path))
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def run(salin: Callable, recipe: Path, tmp_path: Path) -> Callable:
    """`salin run` on one cell of the recipe."""
    places = ["--results", tmp_path / "results", "--runs", tmp_path / "runs"]
    return lambda *more: salin("run", recipe, *places, "--cell", "gazetteer", *more)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """An interrupted run."""
    folder = tmp_path / "half"
    (folder / "training").mkdir(parents=True)
    log = '{"step": 10, "loss": 2.0}\n{"step": 10, "eval_f1": 0.5}\n{"step": 20, "loss": 1.0}\n{"step": 20, "ev'
    (folder / "training" / "log.jsonl").write_text(log, encoding="utf-8")
    return folder


def test_a_table_that_is_not_finished_is_drawn_as_far_as_it_is(run: Callable, tmp_path: Path) -> None:
    ran = run("--plot", tmp_path / "figure.svg")
    assert ran.status == 0, ran.errors
    assert "gazetteer" in ran.output and "1 of 2 cells finished" in ran.output
    assert "figure.svg" in ran.errors
    assert len(svg_files.dots(tmp_path / "figure.svg", "rules-en")) == 1
    assert "1 of 2 cells finished" in " ".join(svg_files.texts(tmp_path / "figure.svg"))


def test_a_figure_that_could_not_be_drawn_is_refused_before_the_work(
    run: Callable, salin: Callable, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = tmp_path / "figure.svg"
    refused = {
        ".svg, .png, .pdf": run("--plot", tmp_path / "figure.jpg"),
        "--list": run("--plot", figure, "--list"),
        "name a folder that holds one": salin("info", tmp_path, "--plot", figure),
        "log.jsonl": salin("info", "--plot", figure),
    }
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    missing = {run("--plot", figure), salin("info", run_folder, "--plot", figure)}
    for complaint, ran in [*refused.items(), *(("pip install 'salin[plots]'", ran) for ran in missing)]:
        assert (ran.status, ran.output) == (2, "")
        assert ran.errors.startswith("error: ") and complaint in ran.errors
    assert not figure.exists() and not (tmp_path / "results").exists()


def test_the_curves_of_a_run_that_goes_on(salin: Callable, run_folder: Path, tmp_path: Path) -> None:
    ran = salin("info", run_folder, "--plot", tmp_path / "curves.svg")
    assert ran.status == 0, ran.errors
    assert "last step" in ran.output and "20" in ran.output
    assert len(svg_files.dots(tmp_path / "curves.svg", "loss")) == 2
    assert {"half", "chosen: step 10, F1 50.0"} <= set(svg_files.texts(tmp_path / "curves.svg"))


def test_the_curves_of_a_finished_tagger(salin: Callable, tagger_folder: Path, tmp_path: Path) -> None:
    ran = salin("info", tagger_folder, "--plot", tmp_path / "curves.svg")
    assert ran.status == 0, ran.errors
    assert "adapted modules" in ran.output, "what info shows without a figure"
    assert len(svg_files.dots(tmp_path / "curves.svg", "loss")) == 4
