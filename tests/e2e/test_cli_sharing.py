"""`salin analyse fisher`, `pruning` and `shared`: tables, JSON and figures, by commands alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import svg_files
from experiment_files import LANGUAGES, SHARED, write_languages, write_shared


@pytest.fixture(scope="module")
def tuned(tagger_folder: Path, corpora, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tagger becomes by a few steps more."""
    from salin.cli import main

    folder = tmp_path_factory.mktemp("tuned") / "tagger"
    files = ["--model", tagger_folder, "--target", corpora.test, "--dev", corpora.dev, "--out", folder]
    with pytest.raises(SystemExit) as ended:
        main(["finetune", *map(str, files), "--steps", "5", "--learning-rate", "0.01"])
    assert not ended.value.code
    return folder


def test_fisher(salin: Callable, tagger_folder: Path, tuned: Path, corpora, tmp_path: Path) -> None:
    languages = ["--corpus", f"en={corpora.dev}", "--corpus", f"es={corpora.test}"]
    figure = tmp_path / "fisher.svg"
    ran = salin("analyse", "fisher", tagger_folder, *languages, "--finetuned", f"es={tuned}", "--plot", figure)
    assert ran.status == 0, ran.errors
    assert "what languages share" in ran.output and "what fine-tuning moved" in ran.output
    assert "8 sentences of each of en, es" in ran.output
    assert len(svg_files.dots(figure, "moved-block-1-es")) == 10
    found = json.loads(salin("analyse", "fisher", tagger_folder, *languages, "--top", 0.2, "--json").output)
    assert (found["model"], found["top"], found["languages"]) == (str(tagger_folder), 0.2, ["en", "es"])
    assert found["movements"] == []
    pairs = {(one["first"], one["second"]) for one in found["overlaps"]}
    assert pairs == {("en", "en"), ("en", "es"), ("es", "es")}
    fewer = json.loads(
        salin("analyse", "fisher", tagger_folder, *languages, "--sentences", 5, "--json").output
    )  # fmt: skip
    assert fewer["sentences"] == 4, "as many in both halves"


def test_pruning(salin: Callable, tagger_folder: Path, tuned: Path, corpora, tmp_path: Path) -> None:
    taggers = [f"mono={tagger_folder}", f"ft@es={tuned}"]
    tests = ["--test", f"en={corpora.train}", "--test", f"es={corpora.test}"]
    ran = salin("analyse", "pruning", *taggers, *tests, "--sparsity", "0.5,0.95", "--plot", tmp_path / "f1.svg")
    assert ran.status == 0, ran.errors
    assert "F1 of pruned taggers" in ran.output and "weights that two taggers keep" in ran.output
    assert len(svg_files.dots(tmp_path / "f1.svg", "pruned-layer-en-mono")) == 3
    found = json.loads(salin("analyse", "pruning", *taggers, *tests, "--sparsity", "0.5", "--json").output)
    assert set(found["taggers"]) == {"mono", "ft@es"}
    assert {one["test"] for one in found["scores"]["ft@es"]} == {"es"}
    assert {one["test"] for one in found["scores"]["mono"]} == {"en", "es"}
    assert {(one["first"], one["second"]) for one in found["masks"]} == {("mono", "ft@es")}
    evaluated = json.loads(salin("evaluate", corpora.test, "--model", tuned, "--json").output)
    (whole,) = [s["f1"] for s in found["scores"]["ft@es"] if s["sparsity"] == 0 and s["scope"] == "global"]
    assert whole == evaluated["micro"]["f1"]


def test_pruning_with_training_again(salin: Callable, tagger_folder: Path, corpora) -> None:
    files = ["--test", f"en={corpora.train}", "--source", f"en={corpora.train}", "--dev", f"en={corpora.dev}"]
    again = ["--retrain", 20, "--learning-rate", 0.01, "--batch", 8, "--sparsity", "0.8"]
    ran = salin("analyse", "pruning", f"mono@en={tagger_folder}", *files, *again, "--json")
    assert ran.status == 0, ran.errors
    scores = {(s["scope"], s["retrained"], s["sparsity"]): s["f1"] for s in json.loads(ran.output)["scores"]["mono@en"]}
    assert scores["global", True, 0.8] > scores["global", False, 0.8]
    assert "mono@en: 80% left out, global" in ran.errors


def test_a_recipe_of_what_is_shared(salin: Callable, model_folder: Callable, tmp_path: Path) -> None:
    trained = write_languages(tmp_path, LANGUAGES.replace("ENCODER", str(model_folder("bert"))))
    shared = write_shared(tmp_path, SHARED.replace("[1, 2]", "[1]"))
    places = ["--results", tmp_path / "results", "--runs", tmp_path / "runs"]
    early = salin("analyse", "shared", shared, *places)
    assert (early.status, "Train it first: salin run" in early.errors) == (2, True)
    names = ["mono-en-1", "mono-es-1", "poly-all-1", "poly+ft-en-1", "poly+ft-es-1"]
    assert salin("run", trained, *places, *(part for name in names for part in ("--cell", name))).status == 0
    listed = salin("analyse", "shared", shared, *places, "--list")
    assert listed.output.splitlines()[0] == "net-fisher-1\tmissing"
    ran = salin("analyse", "shared", shared, *places)
    assert ran.status == 0, ran.errors
    for table in ("what languages share", "what fine-tuning moved", "F1 of pruned taggers", "weights that two taggers"):
        assert f"net: {table}" in ran.output
    listed = salin("analyse", "shared", shared, *places, "--list", "--cell", "net-pruned")
    states = dict(line.split("\t") for line in listed.output.splitlines())
    assert len(states) == 5 and set(states.values()) == {"finished"}


def test_what_is_wrong_is_said_in_one_line(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    test = ["--test", f"en={corpora.test}"]
    pruning = ["analyse", "pruning", f"a={tagger_folder}"]
    refused = {
        "give --corpus CODE=FILE": salin("analyse", "fisher", tagger_folder),
        "write CODE=MODEL": salin(
            "analyse", "fisher", tagger_folder, "--corpus", corpora.dev, "--finetuned", tagger_folder
        ),
        "no corpus of that language": salin(
            "analyse", "fisher", tagger_folder, "--corpus", f"en={corpora.dev}", "--finetuned", f"es={tagger_folder}"
        ),
        "it is above 0 and below 1": salin(
            "analyse", "fisher", tagger_folder, "--corpus", f"en={corpora.dev}", "--top", 1
        ),
        "a figure is a file in": salin(
            "analyse", "fisher", tagger_folder, "--corpus", corpora.dev, "--plot", tmp_path / "x.gif"
        ),
        "write NAME=MODEL": salin("analyse", "pruning", tagger_folder, *test),
        "two taggers have the same name": salin(*pruning, f"a={tagger_folder}", *test),
        "write shares such as 0.5,0.8": salin(*pruning, *test, "--sparsity", "half"),
        "from 0 to less than 1": salin(*pruning, *test, "--sparsity", "0.5,1"),
        "give all of them, or none": salin(*pruning, *test, "--retrain", 5),
        "there is no file of 'es', only of en": salin("analyse", "pruning", f"a@es={tagger_folder}", *test),
        "no recipe": salin("analyse", "shared", tmp_path / "none.toml"),
    }
    for complaint, ran in refused.items():
        assert (ran.status, ran.output) == (2, ""), complaint
        assert ran.errors.splitlines()[-1].startswith("error: ") and complaint in ran.errors, complaint
