"""What single sources are worth in each target, read from finished cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from experiment_files import write_recipe
from salin.analysis.source_choice import TextProfile
from salin.corpus import Corpus
from salin.errors import DataError
from salin.experiments import run_recipe
from salin.experiments.standings import Standings
from salin.experiments.transfer import transfer_truths

TRAINING = """
title = "Languages"
encoder = "ENCODER"
baseline = "mono"
seeds = [1, 2]
[training]
batch = 2
[training.loop]
steps = 2
learning_rate = 1e-3
[systems.mono]
method = "direct"
[label_sets.en]
source = { en = ["train.txt"] }
dev = "dev.txt"
map = { MISC = "O" }
tests = { en = "dev.txt" }
[label_sets.en-more]
source = { en = ["test.txt"] }
dev = "dev.txt"
tests = { en-more = "test.txt" }
[label_sets.es]
source = { es = ["spanish.txt"] }
dev = "dev.txt"
tests = { es = "spanish.txt" }
"""
MATRIX = """
title = "Transfer"
encoder = "ENCODER"
baseline = "en"
seeds = [1, 2]
[systems.en]
method = "trained"
trained_by = { recipe = "tiny.toml", system = "mono", label_set = "en" }
[systems.en-more]
method = "trained"
trained_by = { recipe = "tiny.toml", system = "mono", label_set = "en-more" }
[systems.es]
method = "trained"
trained_by = { recipe = "tiny.toml", system = "mono", label_set = "es" }
[label_sets.all]
source = ["train.txt"]
dev = "dev.txt"
[label_sets.all.tests]
en = "dev.txt"
es = "spanish.txt"
xx = "other.txt"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("transfer")
    write_recipe(folder, TRAINING.replace("ENCODER", str(model_folder("bert"))))
    (folder / "spanish.txt").write_text("[Ana Ruiz](PER) ganó en [Lisboa](LOC) .\nEl [Ajax](ORG) perdió .\n", "utf-8")
    (folder / "other.txt").write_text("[Ana](PER) nanalo sa [Lisboa](LOC) .\n", "utf-8")
    (folder / "matrix.toml").write_text(MATRIX.replace("ENCODER", str(model_folder("bert"))), "utf-8")
    run_recipe(folder / "matrix.toml", results=folder / "results", runs=folder / "runs")
    return folder


def profile(corpus: Corpus) -> TextProfile:
    return TextProfile.of(corpus.sentences, lambda some: torch.ones(len(some), 2))


def test_sources_in_the_language_of_a_target_are_left_out(finished: Path) -> None:
    truths = transfer_truths(Standings.read(finished / "matrix.toml", finished / "results"), profile)
    assert {truth.name: set(truth.f1) for truth in truths} == {
        "es": {"en", "en-more"},
        "xx": {"en", "en-more", "es"},
    }, "in English only Spanish is left, so that there is nothing to choose"
    other = truths[1]
    assert {source.name for source in other.ranked} == set(other.f1)
    assert other.ranked[0].name == "es", "which has most words of it"
    assert other.entities["es"] == 3


def test_f1_is_that_of_the_cells_averaged_over_seeds(finished: Path) -> None:
    standings = Standings.read(finished / "matrix.toml", finished / "results")
    truths = {truth.name: truth for truth in transfer_truths(standings, profile)}
    assert truths["xx"].f1["es"] == pytest.approx(standings.compared["xx"]["es"].f1)


def test_a_recipe_of_other_systems_has_no_transfer(finished: Path) -> None:
    run_recipe(finished / "tiny.toml", results=finished / "results", runs=finished / "runs")
    with pytest.raises(DataError, match="no target with two sources"):
        transfer_truths(Standings.read(finished / "tiny.toml", finished / "results"), profile)
