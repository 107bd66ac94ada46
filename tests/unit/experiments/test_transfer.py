"""What single sources are worth in each target, read from finished cells, and how often a ranking would be right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from experiment_files import write_recipe
from salin.analysis.source_choice import TextProfile, rank_sources
from salin.corpus import Corpus, read
from salin.errors import DataError
from salin.experiments import fill_documents, run_recipe
from salin.experiments.source_ranking import SourceRanking
from salin.experiments.standings import Standings
from salin.experiments.transfer import Transfer

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


def standings(folder: Path) -> Standings:
    return Standings.read(folder / "matrix.toml", folder / "results")


def test_sources_in_the_language_of_a_target_are_left_out(finished: Path) -> None:
    truths = Transfer.of(standings(finished)).truths(profile)
    assert {truth.name: set(truth.f1) for truth in truths} == {
        "es": {"en", "en-more"},
        "xx": {"en", "en-more", "es"},
    }, "in English only Spanish is left, so that there is nothing to choose"
    other = truths[1]
    assert {source.name for source in other.ranked} == set(other.f1)
    assert other.ranked[0].name == "es", "which has most words of it"
    assert other.entities["es"] == 3


def test_sources_that_are_alike_stand_as_a_hit_rate_takes_them(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest first, so that the first of the table is the one whose hits are counted."""
    monkeypatch.setattr("salin.experiments.transfer.rank_sources", lambda *given: rank_sources(*given)[::-1])
    alike = profile(read(finished / "other.txt"))
    for truth in Transfer.of(standings(finished)).truths(lambda corpus: alike):
        sizes = [truth.entities[source.name] for source in truth.ranked]
        assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(sizes)


def test_f1_is_that_of_the_cells_averaged_over_seeds(finished: Path) -> None:
    shown = standings(finished)
    assert Transfer.of(shown).f1["xx"]["es"] == pytest.approx(shown.compared["xx"]["es"].f1)


def test_a_recipe_of_other_systems_has_no_transfer(finished: Path) -> None:
    run_recipe(finished / "tiny.toml", results=finished / "results", runs=finished / "runs")
    with pytest.raises(DataError, match="no target with two sources"):
        Transfer.of(Standings.read(finished / "tiny.toml", finished / "results")).truths(profile)


@pytest.fixture
def measured(finished: Path, tmp_path: Path) -> Path:
    """A copy in which the ranking has been held against the cells."""
    folder = Path(shutil.copytree(finished, tmp_path / "copy", ignore=shutil.ignore_patterns("runs")))
    SourceRanking(standings(folder)).run(profile)
    return folder


def change_f1(cell: Path, test: str, row: str, f1: float) -> None:
    found = json.loads(cell.read_text("utf-8"))
    found["results"][test][row]["micro"]["f1"] = f1
    cell.write_text(json.dumps(found), encoding="utf-8")


def test_what_a_ranking_is_worth_is_kept_beside_the_cells(measured: Path) -> None:
    ranking = SourceRanking(standings(measured))
    assert ranking.result_file == measured / "results" / "matrix" / "sources@salin-tiny-encoder@mean-last.json"
    result = ranking.finished()
    assert result is not None
    assert {truth.name: dict(truth.f1) for truth in result.targets} == ranking.transfer.f1
    assert list(result.targets) == ranking.transfer.truths(profile)
    assert {"together", "words", "most entities", "at random"} <= {rate.chooser for rate in result.choosers}
    read = {"train.txt", "test.txt", "spanish.txt", "other.txt", "encoder salin-tiny-encoder"}
    assert set(result.inputs) == read, "dev.txt is a test of English alone, where there is nothing to choose"
    assert SourceRanking(standings(measured), vectors="mean-1").finished() is None, "another ranking, another file"


def test_it_is_stale_when_cells_or_the_encoder_have_changed(measured: Path) -> None:
    ranking = SourceRanking(standings(measured))
    written = json.loads(ranking.result_file.read_text("utf-8"))
    cell = measured / "results" / "matrix" / "es-all-2.json"
    before = cell.read_text("utf-8")
    change_f1(cell, "xx", "es", 0.123)
    assert SourceRanking(standings(measured)).finished() is None, "the same cell with another F1"
    cell.unlink()
    assert SourceRanking(standings(measured)).finished() is None, "one cell less"
    cell.write_text(before, encoding="utf-8")
    assert SourceRanking(standings(measured)).finished() is not None

    written["inputs"]["encoder salin-tiny-encoder"] = "of other weights"
    ranking.result_file.write_text(json.dumps(written), encoding="utf-8")
    assert SourceRanking(standings(measured)).finished() is None
    ranking.result_file.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="no ranking of sources"):
        SourceRanking(standings(measured)).finished()


def test_it_stays_good_where_the_corpora_are_not(measured: Path) -> None:
    """As tables are made on machines that have results alone."""
    for file in ("train.txt", "test.txt", "spanish.txt", "other.txt"):
        (measured / file).unlink()
    assert SourceRanking(standings(measured)).finished() is not None


def test_documents_show_it_or_say_what_is_missing(measured: Path) -> None:
    page = measured / "page.md"
    page.write_text("<!-- sources:matrix -->\n<!-- /sources -->\n", encoding="utf-8")

    def filled(results: Path = measured / "results") -> str:
        assert fill_documents([page], measured, results) == (1, 0)
        return page.read_text("utf-8")

    assert "No cell of it is finished yet: `salin run recipes/matrix.toml`" in filled(measured / "elsewhere")
    text = filled()
    assert "| together |" in text and "| most entities |" in text and "Targets: 2" in text
    assert "| xx | es |" in text, "the first that is named for it"
    assert "6 of 6 cells finished" in text
    change_f1(measured / "results" / "matrix" / "en-all-1.json", "xx", "en", 0.5)
    assert "of other cells, corpora or weights than there are now: `salin analyse sources recipes/matrix" in filled()
    SourceRanking(standings(measured)).result_file.unlink()
    assert "Not measured yet: `salin analyse sources recipes/matrix.toml`" in filled()
    for cell in (measured / "results" / "matrix").glob("en-*.json"):
        cell.unlink()
    assert "No target of it has two sources yet" in filled()
