"""Systems whose encoder a pretraining recipe makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from experiment_files import RECIPE, write_pretraining, write_recipe
from salin.errors import SettingError
from salin.experiments import run_recipe
from salin.experiments.cell import Cell
from salin.experiments.experiment import Experiment
from salin.experiments.pretrained import PretrainedEncoder
from salin.experiments.recipe import Recipe
from salin.experiments.system import PretrainedBy

SYSTEMS = """
[systems.whole]
method = "direct"
pretrained_by = { recipe = "small.toml" }
[systems.half]
method = "direct"
pretrained_by = { recipe = "small.toml", step = 2 }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_pretraining(tmp_path)
    return write_recipe(tmp_path, RECIPE + SYSTEMS)


def test_encoders_are_pretrained_once_with_the_seed_of_the_cell(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recipe.parent)
    cells = run_recipe(recipe, only=["whole-tiny-1", "half-tiny-1"])
    runs = sorted(path.name for path in Path("runs/pretrained").iterdir() if path.is_dir())
    assert len(runs) == 1, "both models are of one run"
    assert runs[0].startswith("small-1.")
    whole, half = (cell.encoder for cell in cells)
    assert (whole, half) == (runs[0], f"{runs[0]}@2")
    assert all(f"encoder {cell.encoder}" in cell.inputs for cell in cells)
    weights = [cell.inputs[f"encoder {cell.encoder}"] for cell in cells]
    assert weights[0] != weights[1], "four steps are not two"
    for name in ("cost.json", "log.jsonl"):  # for documents
        assert Path("results/small-1", name).read_bytes() == Path("runs/pretrained", runs[0], name).read_bytes()
    [other] = run_recipe(recipe, only=["whole-tiny-2"])
    assert other.encoder.startswith("small-2.")


def test_the_model_before_the_first_step_is_made_without_training(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    untrained = '[systems.untrained]\nmethod = "direct"\npretrained_by = { recipe = "small.toml", step = 0 }\n'
    recipe.write_text(RECIPE + SYSTEMS + untrained, encoding="utf-8")
    [before] = run_recipe(recipe, only=["untrained-tiny-1"])
    run = Path("runs/pretrained") / before.encoder.removesuffix("@0")
    assert not (run / "log.jsonl").exists()
    [after] = run_recipe(recipe, only=["whole-tiny-1"])
    assert (run / "log.jsonl").exists(), "a run that has its beginning alone is not taken for a finished one"
    first, last = (load_file(folder / "model.safetensors") for folder in (run / "steps" / "0000000", run / "encoder"))
    assert first.keys() == last.keys()
    moved = [name for name in first if not torch.equal(first[name], last[name])]
    assert any("embeddings" in name for name in moved)
    assert before.inputs[f"encoder {before.encoder}"] != after.inputs[f"encoder {after.encoder}"]


def test_settings_of_pretraining_count(recipe: Path) -> None:
    def fingerprint() -> str:
        return Experiment(recipe).fingerprint(Cell("whole", "tiny", 1))

    before = fingerprint()
    assert Experiment(recipe).fingerprint(Cell("half", "tiny", 1)) != before
    small = recipe.parent / "small.toml"
    small.write_text(small.read_text("utf-8").replace("hidden = 16", "hidden = 32"), encoding="utf-8")
    assert fingerprint() != before


def test_a_system_may_differ_from_the_recipe_in_some_settings(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recipe.parent)
    differing = (
        'name = "wide", settings = { model = { hidden = 32 }, mixture = { weights = { masked = 1 }, rows = 2 } }'
    )
    small = recipe.parent / "small.toml"
    small.write_text(small.read_text("utf-8").replace("[tokenizer]", '[tokenizer]\nfolder = "gone"'), encoding="utf-8")
    differing = differing.replace("rows = 2 }", "rows = 2 }, tokenizer = {}")
    odd = f'[systems.odd]\nmethod = "direct"\npretrained_by = {{ recipe = "small.toml", {differing} }}\n'
    recipe.write_text(RECIPE + SYSTEMS + odd, encoding="utf-8")
    [result] = run_recipe(recipe, only=["odd-tiny-1"])
    assert result.encoder.startswith("small-wide-1.")
    made = json.loads(Path("runs/pretrained", result.encoder, "encoder", "config.json").read_text(encoding="utf-8"))
    assert (made["hidden_size"], made["num_hidden_layers"]) == (32, 2), "the rest is the recipe's"
    assert made["vocab_size"] == 300, "with a tokenizer of its own, not the recipe's"
    assert Path("results/small-wide-1/cost.json").exists()


def test_the_same_recipe_with_the_same_text_elsewhere_is_the_same(recipe: Path, tmp_path: Path) -> None:
    def name(folder: Path) -> str:
        return PretrainedEncoder(PretrainedBy(recipe=folder / "small.toml"), 1, Path("runs")).name

    other = tmp_path / "elsewhere"
    shutil.copytree(recipe.parent, other, ignore=shutil.ignore_patterns("elsewhere"))
    before = name(recipe.parent)
    assert name(other) == before
    small = other / "small.toml"
    small.write_text(small.read_text("utf-8").replace('plain = "text"', 'plain = ["text", "more"]'), encoding="utf-8")
    assert name(other) != before, "it reads other text"


def test_a_result_is_kept_where_its_encoder_is_no_more(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recipe.parent)
    run_recipe(recipe, only=["half-tiny-1"])
    Path("runs").rename("elsewhere")
    assert Experiment(recipe).finished(Cell("half", "tiny", 1)) is not None


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ('recipe = "small.toml", step = 3', "keeps no model of step 3"),
        ('recipe = "small.toml", step = 6', "keeps no model of step 6"),
        ('recipe = "other.toml"', "no such recipe"),
        ('recipe = "small.toml", name = "x", settings = { loop = { step = 3 } }', "no setting 'loop.step'"),
        ('recipe = "small.toml", settings = { loop = { steps = 3 } }', "go with a `name`"),
        ('recipe = "small.toml", name = "x"', "go with a `name`"),
    ],
)
def test_what_no_run_makes_is_refused_before_anything_is_trained(recipe: Path, how: str, complaint: str) -> None:
    recipe.write_text(f'{RECIPE}\n[systems.odd]\nmethod = "direct"\npretrained_by = {{ {how} }}\n', encoding="utf-8")
    with pytest.raises(SettingError, match=complaint):
        run_recipe(recipe, only=["odd-tiny-1"])


def test_one_base_is_enough(tmp_path: Path) -> None:
    both = '[systems.odd]\nmethod = "direct"\nencoder = "x"\npretrained_by = { recipe = "small.toml" }\n'
    with pytest.raises(SettingError, match="no other base or encoder"):
        Recipe.read(write_recipe(tmp_path, RECIPE + both))
