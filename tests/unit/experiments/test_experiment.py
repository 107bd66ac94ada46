"""A result counts as long as everything that it was made of is the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from experiment_files import RECIPE, write_recipe
from salin.adaptation.rules import Sgd
from salin.errors import DataError
from salin.experiments import recipe_table, run_recipe
from salin.experiments.cell import Cell
from salin.experiments.experiment import Experiment
from salin.training.loop import LoopSettings
from salin.training.meta import MetaSettings

DIRECT = Cell("direct", "tiny", 1)
BEGINS_WITH_DIRECT = """
[systems.warm]
method = "meta"
trained_by = { system = "direct" }
settings = { loop = { steps = 1 } }
"""


def fingerprint(folder: Path, text: str = RECIPE, cell: Cell = DIRECT) -> str:
    return Experiment(write_recipe(folder, text)).fingerprint(cell)


def test_settings_count_and_the_folder_does_not(tmp_path: Path) -> None:
    here = fingerprint(tmp_path / "here")
    assert here == fingerprint(tmp_path / "josé"), "also where JSON would escape the folder's name"
    assert here != fingerprint(tmp_path / "there", RECIPE.replace("steps = 3", "steps = 4"))
    assert here != fingerprint(tmp_path / "there", RECIPE + '[tagger]\nhead = "crf"\n')
    assert here == fingerprint(tmp_path / "there", RECIPE.replace("steps = 2", "steps = 4")), "another system's"
    assert here == fingerprint(tmp_path / "there", RECIPE.replace('title = "Tiny"', 'title = "Small"'))


def test_results_that_are_there_stay_valid(tmp_path: Path) -> None:
    """Where this fails, every result is stale.

    Mark the setting that you have added with `AsBefore` (docs/decisions/0007). Where a default has changed, let results
    be made again.
    """
    found = {system: fingerprint(tmp_path, cell=Cell(system, "tiny", 1)) for system in ("gazetteer", "direct", "meta")}
    assert found == {"gazetteer": "313d1baa7f8355d7", "direct": "e9fa4029036cbcb4", "meta": "63eafd9a4bea7f59"}


def test_the_own_step_sizes_of_inner_rules_are_not_in_fingerprints() -> None:
    """A result knows that its recipe left the rate to the rule, and not what it was: these numbers are not changed."""
    loop = LoopSettings(steps=1, learning_rate=1)
    rates = {rule: MetaSettings(loop=loop, rule=rule).resolved_inner_rate for rule in ("sgd", "bertadam")}
    assert rates == {"sgd": 0.05, "bertadam": 3e-5}


def test_the_step_size_of_a_rule_counts_also_where_it_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = Cell("meta", "tiny", 1)
    before = fingerprint(tmp_path, cell=meta)
    monkeypatch.setattr(Sgd.__init__, "__defaults__", (0.07, 1.0))
    assert before != fingerprint(tmp_path, cell=meta)


def test_settings_of_what_a_cell_begins_with_count(tmp_path: Path) -> None:
    warm = Cell("warm", "tiny", 1)
    before = fingerprint(tmp_path, RECIPE + BEGINS_WITH_DIRECT, warm)
    assert before != fingerprint(tmp_path, RECIPE.replace("steps = 3", "steps = 4") + BEGINS_WITH_DIRECT, warm)
    write_recipe(tmp_path / "base")
    elsewhere = BEGINS_WITH_DIRECT.replace("{ system", '{ recipe = "../base/tiny.toml", system')
    first = fingerprint(tmp_path / "other", RECIPE + elsewhere, warm)
    write_recipe(tmp_path / "base", RECIPE.replace("steps = 3", "steps = 4"))
    assert first != fingerprint(tmp_path / "other", RECIPE + elsewhere, warm)


@pytest.mark.parametrize("setting", ["frozen_blocks = 0", "min_similarity = -1", "first_rank = 2"])
def test_a_setting_of_adaptation_counts_once_it_is_given(tmp_path: Path, setting: str) -> None:
    meta = Cell("meta", "tiny", 1)
    given = RECIPE.replace('sgd = { rule = "sgd" }', f'sgd = {{ rule = "sgd", {setting} }}')
    assert fingerprint(tmp_path, given, meta) != fingerprint(tmp_path, cell=meta)


def test_another_test_or_adaptation_trains_nothing_anew(tmp_path: Path) -> None:
    meta, changes = Cell("meta", "tiny", 1), "[systems.meta.adapt.far]\nk = 3\n"
    before, after = (
        Experiment(write_recipe(tmp_path / name, text))
        for name, text in {"before": RECIPE, "after": RECIPE + changes}.items()
    )
    assert before.fingerprint(meta) != after.fingerprint(meta)
    assert before.run_folder(meta) == after.run_folder(meta)
    steps = Experiment(write_recipe(tmp_path / "steps", RECIPE.replace("steps = 2", "steps = 4")))
    assert steps.run_folder(meta).name != before.run_folder(meta).name


@pytest.fixture
def run(tmp_path: Path, model_folder: Callable[[str], Path]) -> Callable[..., list[str]]:
    """Runs cells of a recipe whose encoder is a copy in the same folder, and says which were run."""
    shutil.copytree(model_folder("bert"), tmp_path / "encoder")
    write_recipe(tmp_path, RECIPE.replace("ENCODER", "./encoder"))

    def run_cells(*cells: str, recipe: str = "tiny.toml", **options: str) -> list[str]:
        told: list[str] = []
        run_recipe(tmp_path / recipe, only=cells, results=tmp_path / "results", runs=tmp_path / "runs",
                   tell=told.append, **options)  # fmt: skip
        return [line.split()[1].rstrip(":") for line in told if line.endswith("running")]

    return run_cells


@pytest.mark.parametrize("changed", ["train.txt", "test.txt", "en-es.tsv", "encoder/config.json"])
def test_changed_inputs_make_a_cell_unfinished_and_keep_it_out_of_the_table(
    tmp_path: Path, run: Callable[..., list[str]], changed: str
) -> None:
    assert run("direct-tiny-1") == ["direct-tiny-1"]
    assert run("direct-tiny-1") == []
    file = tmp_path / changed
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="but 1 of other settings or inputs"):
        recipe_table(tmp_path / "tiny.toml", tmp_path / "results")
    assert run("direct-tiny-1") == ["direct-tiny-1"]


def test_cells_of_other_settings_are_left_out_and_counted(tmp_path: Path, run: Callable[..., list[str]]) -> None:
    run("direct-tiny-1", "gazetteer")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("steps = 3", "steps = 4"), encoding="utf-8")
    table = recipe_table(recipe, tmp_path / "results")
    assert [row[0] for row in table.rows] == ["gazetteer"]
    assert "1 of 5 cells finished, 1 more of other settings or inputs left out" in table.footer[0]


def test_results_count_where_the_corpora_are_not(tmp_path: Path, run: Callable[..., list[str]]) -> None:
    run("direct-tiny-1")
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).unlink()
    assert [row[0] for row in recipe_table(tmp_path / "tiny.toml", tmp_path / "results").rows] == ["direct"]


def test_another_encoder_never_touches_the_results_of_the_recipe(
    tmp_path: Path, run: Callable[..., list[str]], model_folder: Callable[[str], Path]
) -> None:
    text = RECIPE.replace("ENCODER", "./encoder")
    again = text[: text.index("[systems.gazetteer]")].replace('baseline = "direct"', 'baseline = "again"')
    again += '[systems.again]\nmethod = "trained"\ntrained_by = { recipe = "tiny.toml", system = "direct" }\n'
    (tmp_path / "again.toml").write_text(again, encoding="utf-8")
    run("direct-tiny-1")
    before = (tmp_path / "results" / "tiny" / "direct-tiny-1.json").read_bytes()
    other = str(model_folder("albert"))
    run("again-tiny-1", recipe="again.toml", encoder=other)
    assert (tmp_path / "results" / "tiny" / "direct-tiny-1.json").read_bytes() == before
    assert recipe_table(tmp_path / "again.toml", tmp_path / "results", other).rows[0][0] == "again"
    assert run("direct-tiny-1") == []


def test_a_cell_may_begin_with_a_tagger_of_its_own_recipe(tmp_path: Path, run: Callable[..., list[str]]) -> None:
    write_recipe(tmp_path, RECIPE.replace("ENCODER", "./encoder") + BEGINS_WITH_DIRECT)
    assert run("warm-tiny-1") == ["warm-tiny-1"]
    assert len(list((tmp_path / "runs" / "tiny").glob("direct-tiny-1.*/tagger"))) == 1


def test_what_a_finished_tagger_begins_with_is_not_trained_again(tmp_path: Path, run: Callable[..., list[str]]) -> None:
    """Taggers of long runs are moved about without the ones that they began with."""
    write_recipe(tmp_path, RECIPE.replace("ENCODER", "./encoder") + BEGINS_WITH_DIRECT)
    run("warm-tiny-1")
    (base,) = (tmp_path / "runs" / "tiny").glob("direct-tiny-1.*/")
    shutil.rmtree(base)
    (tmp_path / "results" / "tiny" / "warm-tiny-1.json").unlink()
    assert run("warm-tiny-1") == ["warm-tiny-1"]
    assert not base.exists()


def test_other_weights_are_trained_anew(tmp_path: Path, run: Callable[..., list[str]]) -> None:
    run("direct-tiny-1")
    weights = tmp_path / "encoder" / "model.safetensors"
    save_file({name: tensor * 1.01 for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    assert run("direct-tiny-1") == ["direct-tiny-1"]
    first, second = (tmp_path / "runs" / "tiny").glob("direct-tiny-1.*/tagger/model.safetensors")
    assert first.read_bytes() != second.read_bytes()
