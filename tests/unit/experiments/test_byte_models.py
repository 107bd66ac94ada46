"""Recipes whose taggers are made from scratch, beside others that begin with an encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from experiment_files import RECIPE, write_recipe
from salin.experiments.experiment import Experiment
from salin.experiments.recipe import Recipe
from salin.experiments.run import run_recipe
from salin.models import Tagger


def test_a_system_may_read_bytes(tmp_path: Path, model_folder: Callable[[str], Path]) -> None:
    """Each kind of network has its own head; nothing is read from a folder of a network that has none."""
    start = RECIPE.index("[systems.gazetteer]")
    text = RECIPE[:start].replace("ENCODER", str(model_folder("bert"))) + (
        '[systems.direct]\nmethod = "direct"\n'
        '[systems.bytes]\nmethod = "direct"\nencoder = "byte-bilstm:byte_hidden=4,word_hidden=4"\n'
        '[systems.more]\nmethod = "direct"\ntrained_by = { system = "bytes" }\n'
        '[systems.free]\nmethod = "direct"\nencoder = "byte-bilstm"\ntagger = { head = "free-crf" }\n'
    )
    path = write_recipe(tmp_path, text)
    recipe = Recipe.read(path)
    heads = {name: recipe.shape_of(system).head for name, system in recipe.systems.items()}
    assert heads == {"direct": "softmax", "bytes": "crf", "more": "softmax", "free": "free-crf"}
    experiment = Experiment(path, tmp_path / "results", tmp_path / "runs")
    cells = {cell.system: cell for cell in experiment.cells if cell.seed == experiment.recipe.seeds[0]}
    names = [cells[system].name for system in ("bytes", "more")]
    found = run_recipe(path, only=names, results=tmp_path / "results", runs=tmp_path / "runs")
    assert [cell.cell for cell in found] == names
    assert found[0].encoder == "byte-bilstm:byte_hidden=4,word_hidden=4"
    assert not [name for name in found[0].inputs if name.startswith("encoder")]
    for system in ("bytes", "more"):
        tagger = Tagger.from_pretrained(experiment.run_folder(cells[system]) / "tagger")
        assert tagger.settings.head == "crf"
    assert all(experiment.finished(cells[system]) for system in ("bytes", "more"))
