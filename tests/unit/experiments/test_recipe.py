"""Recipes say what is compared, and complain with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_files import RECIPE, write_recipe
from salin.errors import SettingError
from salin.experiments import Recipe
from salin.experiments.cell import cells
from salin.pretraining.settings import PretrainingSettings
from salin.training.meta import MetaSettings

RECIPES = Path(__file__).resolve().parents[3] / "recipes"


@pytest.mark.parametrize(
    "path", sorted(p for p in RECIPES.glob("*.toml") if not p.name.startswith(("pretrain", "what-is-shared")))
)
def test_every_recipe_of_ours_is_one(path: Path) -> None:
    recipe = Recipe.read(path)
    assert cells(recipe)
    first_line = path.read_text(encoding="utf-8").splitlines()[0]
    assert first_line.startswith("#"), "the header says the command and what it should show"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("pretrain*.toml")))
def test_every_pretraining_recipe_of_ours_is_one(path: Path) -> None:
    assert PretrainingSettings.read(path).mixture.weights
    assert path.read_text(encoding="utf-8").startswith("#")


def test_the_baseline_of_table_3_has_the_objectives_of_meta() -> None:
    recipe = Recipe.read(RECIPES / "meta-cross-table3.toml")
    direct, meta = (recipe.settings_of(recipe.systems[name], 95) for name in ("direct", "meta"))
    assert (direct.mask_rate, direct.max_weight) == (meta.mask_rate, meta.max_weight)
    assert recipe.systems["meta"].trained_by.system == "direct", "so that they differ in nothing but meta-training"
    assert recipe.seeds == (95, 495, 539, 667, 806)


def test_a_system_inherits_and_overrides(tmp_path: Path) -> None:
    recipe = Recipe.read(write_recipe(tmp_path))
    direct, meta = (recipe.settings_of(recipe.systems[name], 5) for name in ("direct", "meta"))
    assert direct.loop.steps == 3
    assert meta.loop.steps == 2
    assert isinstance(meta, MetaSettings)
    assert direct.seed == direct.loop.seed == 5


def test_cells_come_seed_by_seed(tmp_path: Path) -> None:
    names = [cell.name for cell in cells(Recipe.read(write_recipe(tmp_path)))]
    assert names == ["gazetteer-tiny", "direct-tiny-1", "meta-tiny-1", "direct-tiny-2", "meta-tiny-2"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("learning_rate", "lerning_rate", "Did you mean 'learning_rate'|did you mean 'learning_rate'"),
        ('baseline = "direct"', 'baseline = "drect"', "'drect' is none of its systems"),
        ('method = "meta"', 'method = "mata"', "method"),
        ('method = "direct"', 'method = "rules"', "name of a baseline"),
        ("seeds = [1, 2]", "seeds = []", "seeds"),
        ("[training]", "[training", "no recipe"),
        ('rule = "bertadam"', "frozen_blocks = -1", "frozen_blocks"),
        ('rule = "bertadam"', "min_similarity = 2", "min_similarity"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = write_recipe(tmp_path, RECIPE.replace(old, new))
    with pytest.raises(SettingError, match=complaint) as caught:
        Recipe.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such recipe"):
        Recipe.read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("addition", "complaint"),
    [
        ('[systems.again]\nmethod = "trained"\n', "'trained' needs a table `trained_by`"),
        ('[systems.again]\nmethod = "meta"\ntrained_by = { system = "drect" }\n', "'drect', which is none"),
        ('[systems.again]\nmethod = "meta"\ntrained_by = { system = "again" }\n', "begins with itself: again <- again"),
        ('[systems.again]\nmethod = "direct"\nbaseline = "drect"\n', "'drect' is none of its systems"),
        (
            '[label_sets.other]\nsource = ["train.txt"]\ndev = "dev.txt"\ntests = { es = "test.txt" }\n',
            "two label sets of gazetteer have a test called 'es'",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, addition: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        Recipe.read(write_recipe(tmp_path, RECIPE + addition))


def test_an_adapted_row_may_be_tested_against_another(tmp_path: Path) -> None:
    text = RECIPE.replace('"bertadam" }', '"bertadam", baseline = "meta+sgd" }')
    assert Recipe.read(write_recipe(tmp_path, text)).systems["meta"].adapt["bertadam"].baseline == "meta+sgd"
    with pytest.raises(SettingError, match="'meta\\+sdg' is none of its rows"):
        Recipe.read(write_recipe(tmp_path, text.replace("meta+sgd", "meta+sdg")))


def test_models_that_begin_with_a_dot_lie_from_the_recipe(tmp_path: Path) -> None:
    text = RECIPE.replace("ENCODER", "../models/small").replace(
        '"bertadam" }', '"bertadam", vectors = "cls-last@../models/other" }'
    )
    recipe = Recipe.read(write_recipe(tmp_path / "recipes", text))
    assert recipe.encoder == str(tmp_path / "models" / "small")
    assert recipe.systems["meta"].adapt["bertadam"].vectors == f"cls-last@{tmp_path / 'models' / 'other'}"
