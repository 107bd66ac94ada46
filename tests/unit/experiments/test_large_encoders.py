"""What a recipe does otherwise with a large encoder; size is what the encoder's config says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiment_files import RECIPE, SIZED, write_recipe
from salin.errors import ModelError, SettingError
from salin.experiments import Recipe
from salin.experiments.cell import Cell
from salin.experiments.experiment import Experiment
from salin.experiments.overlays import merged
from salin.models.loading import block_count

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
META = Cell("meta", "tiny", 1)
WHERE_SMALL = {"rate": 0.05, "frozen_blocks": 1}
WHERE_LARGE = {"rate": None, "frozen_blocks": None}


def encoder_of(blocks: int, folder: Path) -> str:
    """A folder with nothing in it but a config: no weights are opened to know the size."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "num_hidden_layers": blocks}))
    return str(folder)


@pytest.mark.parametrize(
    ("blocks", "rate", "adapted"), [(2, 1e-3, WHERE_SMALL), (3, 3e-5, WHERE_LARGE), (12, 3e-5, WHERE_LARGE)]
)
def test_from_so_many_blocks_on_an_encoder_takes_the_settings_of_large_ones(
    tmp_path: Path, blocks: int, rate: float, adapted: dict[str, float]
) -> None:
    path = write_recipe(tmp_path, SIZED.replace("ENCODER", "salin-tiny"))
    recipe = Recipe.read(path, encoder_of(blocks, tmp_path / "encoder"))
    meta = recipe.systems["meta"]
    assert recipe.settings_of(meta, 1).loop.learning_rate == rate
    assert meta.adapt["sgd"].model_dump(include=set(adapted)) == adapted


def test_the_encoder_of_the_recipe_itself_counts_too(tmp_path: Path) -> None:
    encoder_of(3, tmp_path / "encoder")
    recipe = Recipe.read(write_recipe(tmp_path, SIZED.replace("ENCODER", "./encoder")))
    assert recipe.settings_of(recipe.systems["direct"], 1).loop.learning_rate == 3e-5


def test_common_settings_of_adaptation_are_those_of_each_and_its_own_stand_over_them(tmp_path: Path) -> None:
    text = RECIPE.replace('sgd = { rule = "sgd" }', "sgd = { rate = 0.2 }\nplain = {}")
    adapt = Recipe.read(write_recipe(tmp_path, text + "[adaptation]\nrate = 0.05\nk = 3\n")).systems["meta"].adapt
    assert [(how.rate, how.k) for how in (adapt["sgd"], adapt["plain"])] == [(0.2, 3), (0.05, 3)]


def test_a_small_encoder_keeps_its_results(tmp_path: Path) -> None:
    """Neither where a setting stands nor what large encoders take is in a fingerprint: only what is done is."""
    small = encoder_of(2, tmp_path / "encoder")
    in_each = SIZED[: SIZED.index("[adaptation]")]
    for rule in ('rule = "sgd"', 'rule = "bertadam"'):
        in_each = in_each.replace(rule, f"{rule}, frozen_blocks = 1, rate = 0.05")
    in_each = in_each.replace("translated = {", "translated = { frozen_blocks = 1, rate = 0.05,")
    first, second = (
        Experiment(write_recipe(tmp_path / name, text), encoder=small).fingerprint(META)
        for name, text in {"in-each": in_each, "common": SIZED}.items()
    )
    assert first == second


def test_a_large_one_has_results_of_its_own_settings(tmp_path: Path) -> None:
    large, text = encoder_of(3, tmp_path / "encoder"), SIZED
    before, after = (
        Experiment(write_recipe(tmp_path / name, text), encoder=large).fingerprint(META)
        for name, text in {"before": text, "after": text.replace("3e-5", "2e-5")}.items()
    )
    assert before != after


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("blocks = 3", "block = 3", "did you mean 'blocks'"),
        ("blocks = 3", "blocks = 0", "large.blocks"),
        ("learning_rate = 3e-5", "lerning_rate = 3e-5", "did you mean 'learning_rate'"),
        ("direct = { adapt", "drect = { adapt", "systems.drect"),
        ("adaptation = {}", "adaptation = { rte = 1 }", "rte"),
        ("adaptation = {}", "label_sets = {}", "label_sets"),
    ],
)
def test_mistakes_are_named_while_the_encoder_is_small(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = write_recipe(tmp_path, SIZED.replace(old, new))
    with pytest.raises(SettingError, match=complaint):
        Recipe.read(path, encoder_of(2, tmp_path / "encoder"))


def test_what_is_not_there_has_no_size(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nobody/nothing: no such folder, and the hub did not give it"):
        Recipe.read(write_recipe(tmp_path, SIZED), "nobody/nothing")
    assert Recipe.read(write_recipe(tmp_path, RECIPE), "nobody/nothing"), "without a table `large` nobody asks"


def test_of_an_encoder_on_the_hub_only_the_config_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = encoder_of(5, tmp_path / "encoder"), []
    monkeypatch.setattr(
        "salin.models.loading.snapshot_download", lambda *_, allow_patterns: asked.append(allow_patterns) or folder
    )
    assert block_count("somebody/five-blocks") == block_count("somebody/five-blocks") == 5
    assert asked == [["config.json"]], "once"


def test_a_path_that_is_given_lies_from_here_and_not_from_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder_of(3, tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    recipe = Recipe.read(write_recipe(tmp_path / "recipes", SIZED), "./encoder")
    assert recipe.large is not None and recipe.settings_of(recipe.systems["direct"], 1).loop.learning_rate == 3e-5


@pytest.mark.parametrize("name", ["polyglot", "multi-source-meta", "silver"])
def test_no_step_size_of_a_small_encoder_is_left_for_a_large_one(tmp_path: Path, name: str) -> None:
    recipe = Recipe.read(RECIPES / f"{name}.toml", encoder_of(12, tmp_path / "encoder"))
    trained = [system for system in recipe.systems.values() if not system.untrained and system.rules is None]
    rates = [recipe.settings_of(system, 95).loop.learning_rate for system in trained if system.encoder is None]
    assert rates and max(rates) <= 5e-5


@pytest.mark.parametrize("number", [3, 4, 6])
def test_the_published_tables_take_the_published_step_sizes_where_the_encoder_is_large(
    tmp_path: Path, number: int
) -> None:
    """Wu et al. 2020 with mBERT: 3e-5, and 1e-5 for few labels; BertAdam with 3e-5 inside meta-training."""
    recipe = Recipe.read(RECIPES / f"meta-cross-table{number}.toml", encoder_of(12, tmp_path / "encoder"))
    trained = [system for system in recipe.systems.values() if not system.untrained and system.rules is None]
    settings = [recipe.settings_of(system, 95) for system in trained]
    assert {one.loop.learning_rate for one in settings} == {1e-5 if number == 6 else 3e-5}
    rates = {one.resolved_inner_rate for one in settings if hasattr(one, "resolved_inner_rate")}
    assert rates == (set() if number == 6 else {3e-5})
    adapted = [how for system in recipe.systems.values() for how in system.adapt.values()]
    assert {how.frozen_blocks for how in adapted} <= {None}, "a share of its blocks, and not one of twelve"


def test_tables_stand_over_tables() -> None:
    base = {"loop": {"steps": 3, "rate": 1}, "switching": {"lexicons": 1}, "batch": 4}
    over = {"loop": {"rate": 2}, "switching": {}, "batch": 8, "new": {"a": {}}}
    assert merged(base, over) == {"loop": {"steps": 3, "rate": 2}, "switching": None, "batch": 8, "new": {"a": {}}}
