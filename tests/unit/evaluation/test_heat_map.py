"""A matrix in a figure: a number in each cell, readable on what is behind it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import svg_files
from salin.evaluation.figures import new_figure
from salin.evaluation.heat_map import draw_heat_map


def test_numbers_stand_in_their_cells(tmp_path: Path) -> None:
    file = tmp_path / "matrix.svg"
    values = [[1.0, 100.0, None], [50.0, 0.0, 20.0]]
    with new_figure(file, 3, 2) as figure:
        draw_heat_map(
            figure.subplots(), values, ["a", "b"], ["x", "y", "z"], bounds=(0, 100), marked=[(0, 1)], name="m"
        )
    assert svg_files.texts(file) == ["x", "y", "z", "a", "b", "1", "100", "50", "0", "20"]
    groups = {group.get("id"): ElementTree.tostring(group, "unicode") for group in ElementTree.parse(file).iter()}
    assert "m-0-1" in groups and "m-0-2" not in groups
    assert "#ffffff" in groups["m-0-1"] and "#ffffff" not in groups["m-1-1"], "white on dark"
