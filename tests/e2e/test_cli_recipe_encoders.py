"""One recipe with whatever encoder: `salin run RECIPE --encoder`, with the settings that fit the encoder's size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_files import SIZED, write_recipe
from salin.experiments.cell import CellResult
from tiny_models import ARCHITECTURES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_recipe_takes_any_encoder(
    architecture: str, model_folder: Callable[[str], Path], salin: Callable, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, SIZED.replace("ENCODER", "salin-tiny-encoder"))
    places = ("--results", tmp_path / "results", "--runs", tmp_path / "runs")
    cells = ("--cell", "direct-tiny-1", "--cell", "meta-tiny-1")
    ran = salin("run", recipe, "--encoder", model_folder(architecture), *cells, *places)
    assert ran.status == 0, ran.errors
    assert "Encoder: " in ran.output and str(model_folder(architecture).name) in ran.output.replace("\n", "")

    (folder,) = (tmp_path / "results").iterdir()
    direct, meta = (CellResult.load(folder / f"{name}-tiny-1.json") for name in ("direct", "meta"))
    # Three blocks are large here. The recipe has 1e-3, two meta-steps with `sgd` inside, a frozen block, steps of 0.05.
    assert direct.settings["loop"]["learning_rate"] == meta.settings["loop"]["learning_rate"] == 3e-5
    assert (meta.settings["rule"], meta.settings["loop"]["steps"]) == ("bertadam", 1)
    adapted = {row: result.adaptation for row, result in {**direct.results["es"], **meta.results["es"]}.items()}
    rates = {row: (how.rate, how.frozen_blocks) for row, how in adapted.items() if how is not None}
    assert rates == {
        "direct+bertadam": (1e-5, None),
        "meta+sgd": (0.1, None),
        "meta+bertadam": (1e-5, None),
        "meta+translated": (0.1, None),
    }
