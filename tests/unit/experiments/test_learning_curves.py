"""Learning curves of a recipe: a panel for each label set, the seeds of each system and their mean."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

import svg_files
from salin.errors import DataError
from salin.experiments import fill_documents
from salin.experiments.cell import CellResult
from salin.experiments.experiment import Experiment
from salin.experiments.learning_curves import curve_panels, plot_learning_curves
from salin.experiments.standings import Standings

RECIPE = """
title = "Small"
encoder = "./models/mine"
baseline = "mono"
seeds = [1, 2]

[systems.capitalised]
method = "rules"
rules = "rules:capitalised"
[systems.mono]
method = "direct"
[systems.patient]
method = "direct"
settings = { select = "loss" }

[label_sets.en]
source = ["train.txt"]
dev = "dev.txt"
[label_sets.es]
source = ["train.txt"]
dev = "dev.txt"
"""
FIGURE = "small.curves.svg"


def finish(folder: Path, cell: str, *curve: tuple[float, ...], kept: int = 0) -> None:
    """Leaves the file of a finished cell, with a curve of (step, F1) or (step, F1, loss)."""
    experiment = Experiment(folder / "small.toml")
    known = next(one for one in experiment.cells if one.name == cell)
    CellResult(
        cell=cell, fingerprint=experiment.fingerprint(known), encoder="models/mine", settings={},
        selection={"step": kept} if curve else {},
        curve=tuple(dict(zip(("step", "f1", "loss"), point, strict=False)) for point in curve),
        dev={}, results={}, seconds={}, peak_megabytes=1,
    ).save(folder / "results" / "small" / f"{cell}.json")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`mono` on es with two seeds, of which patience ended the second; `patient` on en and es with one."""
    (tmp_path / "small.toml").write_text(RECIPE, encoding="utf-8")
    finish(tmp_path, "capitalised-en")
    finish(tmp_path, "mono-es-1", (10, 0.2), (20, 0.5), (30, 0.6), kept=30)
    finish(tmp_path, "mono-es-2", (10, 0.4), (20, 0.3), kept=10)
    for cell in ("patient-en-1", "patient-es-1"):
        finish(tmp_path, cell, (10, 0.5, 2.0), (20, 0.7, 3.0), kept=10)
    return tmp_path


@pytest.fixture
def standings(folder: Path) -> Standings:
    return Standings.read(folder / "small.toml", folder / "results")


def test_what_is_chosen_by_f1_and_what_by_loss_have_panels_of_their_own(standings: Standings) -> None:
    panels = [(panel.label_set, panel.figure, list(panel.systems)) for panel in curve_panels(standings)]
    assert panels == [("en", "loss", ["patient"]), ("es", "f1", ["mono"]), ("es", "loss", ["patient"])]


def test_seeds_their_mean_as_far_as_all_go_and_what_was_kept(folder: Path, standings: Standings) -> None:
    plot_learning_curves(standings, folder / FIGURE)
    ((first,), (second,), (mean,)) = (
        svg_files.lines(folder / FIGURE, part) for part in ("seed-mono-es-1", "seed-mono-es-2", "mean-es-mono")
    )
    assert (len(first), len(second), len(mean)) == (3, 2, 2)
    # Pixels grow downwards: they fall as F1 rises.
    percent = (first[0][1] - first[1][1]) / 30
    assert second[0][1] == pytest.approx(first[0][1] - 20 * percent, abs=0.01)
    for place in (0, 1):
        assert mean[place] == pytest.approx([fmean(pair) for pair in zip(first[place], second[place], strict=True)])
    assert svg_files.dots(folder / FIGURE, "kept-es-mono") == [first[2], second[0]]


def test_losses_are_drawn_as_they_are(folder: Path, standings: Standings) -> None:
    plot_learning_curves(standings, folder / FIGURE)
    ((low, high),) = svg_files.lines(folder / FIGURE, "seed-patient-en-1")
    assert high[1] < low[1], "the loss rises"
    assert svg_files.dots(folder / FIGURE, "kept-en-patient") == [low]


def test_every_word_that_a_reader_needs_is_there(folder: Path, standings: Standings) -> None:
    plot_learning_curves(standings, folder / FIGURE)
    shown = svg_files.texts(folder / FIGURE)
    assert {"Small", "en", "es", "mono", "patient", "step", "F1 on dev, percent", "loss on dev"} <= set(shown)
    assert "capitalised" not in shown, "which learns nothing"
    assert "Thin lines: seeds" in " ".join(shown) and "5 of 10 cells finished" in " ".join(shown)


def test_a_document_shows_them_once_a_finished_cell_holds_one(folder: Path) -> None:
    page, figure = folder / "page.md", folder / "figures" / FIGURE
    page.write_text("<!-- curves:small -->\n<!-- /curves -->\n", encoding="utf-8")

    def filled() -> str:
        again = fill_documents([page], folder, folder / "results")
        assert fill_documents([page], folder, folder / "results") == again
        assert again == (0, int(figure.exists()))
        return page.read_text("utf-8")

    shown = f"<!-- curves:small -->\n\n![Learning curves](figures/{FIGURE})\n\n<!-- /curves -->\n"
    assert filled() == shown
    figure.unlink()
    for cell in ("mono-es-1", "mono-es-2", "patient-en-1", "patient-es-1"):
        finish(folder, cell)
    assert "None of its finished cells holds a learning curve." in filled()
    for file in (folder / "results" / "small").iterdir():
        file.unlink()
    assert "No cell of it is finished yet: `salin run recipes/small.toml` runs them." in filled()


def test_a_figure_without_curves_is_not_drawn(folder: Path) -> None:
    for cell in ("mono-es-1", "mono-es-2", "patient-en-1", "patient-es-1"):
        finish(folder, cell)
    with pytest.raises(DataError, match="no finished cell holds a learning curve"):
        plot_learning_curves(Standings.read(folder / "small.toml", folder / "results"), folder / FIGURE)
    assert not (folder / FIGURE).exists()


def test_more_systems_than_colours_are_told_apart(folder: Path) -> None:
    more = "".join(f'[systems.more-{number}]\nmethod = "direct"\n' for number in range(8))
    (folder / "small.toml").write_text(RECIPE + more, encoding="utf-8")
    for number in range(8):
        finish(folder, f"more-{number}-es-1", (10, number / 10), (20, 0.5), kept=10)
    plot_learning_curves(Standings.read(folder / "small.toml", folder / "results"), folder / FIGURE)
    text = (folder / FIGURE).read_text("utf-8")
    marks = [text[text.index(f'id="kept-es-more-{number}"') :].split("<use", 2)[1] for number in range(8)]
    looks = {(mark.split("xlink:href=")[1].split()[0], mark.split("style=")[1].split('"')[1]) for mark in marks}
    assert len(looks) == 8
