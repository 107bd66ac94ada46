"""A recipe is run cell by cell, goes on where it stopped, and its table is made of the files alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_files import RECIPE, write_recipe
from salin import corpus
from salin.corpus import Corpus
from salin.errors import DataError, SettingError
from salin.experiments import fill_documents, recipe_table, run_recipe
from salin.experiments.cell import CellResult, load_results
from salin.experiments.standings import Standings
from salin.experiments.tables import significance_table
from salin.models import Tagger


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    recipe = write_recipe(folder, RECIPE.replace("ENCODER", str(model_folder("bert"))))
    run_recipe(recipe, results=folder / "results", runs=folder / "runs")
    return folder


def test_each_cell_leaves_a_file(finished: Path) -> None:
    files = sorted(path.stem for path in (finished / "results" / "tiny").iterdir())
    assert files == ["direct-tiny-1", "direct-tiny-2", "gazetteer-tiny", "meta-tiny-1", "meta-tiny-2"]
    cell = json.loads((finished / "results" / "tiny" / "meta-tiny-1.json").read_text(encoding="utf-8"))
    assert set(cell["results"]["es"]) == {"meta", "meta+sgd", "meta+bertadam", "meta+translated"}
    assert set(cell["dev"]["meta+sgd"]) == {"plain", "switched-es"}
    dev = cell["dev"]
    assert dev["meta+translated"]["plain"] == dev["meta+sgd"]["plain"], "nothing to translate into"
    assert cell["results"]["es"]["meta"]["seeds"] == [1]
    assert str(finished) not in json.dumps(cell["settings"]), "results are the same on every machine"


def test_a_cell_that_trains_holds_its_learning_curve_and_no_other(finished: Path) -> None:
    cells = {path.stem: CellResult.load(path) for path in (finished / "results" / "tiny").iterdir()}
    assert cells["gazetteer-tiny"].curve == ()
    direct = cells["direct-tiny-1"]
    assert direct.curve == ({"step": 3, "f1": direct.selection["f1"]},), "there is an evaluation at the end alone"


def test_the_rows_of_a_cell_can_be_compared_as_results(finished: Path) -> None:
    file = finished / "results" / "tiny" / "meta-tiny-1.json"
    rows = load_results(file, "es")
    assert [row.system for row in rows] == ["meta", "meta+sgd", "meta+bertadam", "meta+translated"]
    assert load_results(file) == rows, "it has one test alone"
    with pytest.raises(DataError, match=r"'nl' is not among those of this cell.*Choose one with --test: es"):
        load_results(file, "nl")


def test_finished_cells_are_not_run_again(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / "results").rglob("*.json")}
    told: list[str] = []
    run_recipe(finished / "tiny.toml", results=finished / "results", runs=finished / "runs", tell=told.append)
    assert all("finished" in line for line in told)
    assert before == {path: path.stat().st_mtime_ns for path in (finished / "results").rglob("*.json")}


def test_a_trained_tagger_is_left_for_others(finished: Path) -> None:
    (folder,) = (finished / "runs" / "tiny").glob("meta-tiny-1.*/tagger")
    assert Tagger.from_pretrained(folder).labels == ("LOC", "ORG", "PER")


def test_a_lost_result_trains_nothing_anew(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object, **__: object) -> None:
        pytest.fail("it is trained already")

    for name in ("train_direct", "train_meta"):
        monkeypatch.setattr(f"salin.experiments.taggers.{name}", train)
    (again,) = run_recipe(
        finished / "tiny.toml", only=["meta-tiny-1"], results=tmp_path / "results", runs=finished / "runs"
    )
    first = CellResult.load(finished / "results" / "tiny" / "meta-tiny-1.json")
    assert again.selection == first.selection
    assert again.dev == first.dev
    assert {row: result.micro for row, result in again.results["es"].items()} == {
        row: result.micro for row, result in first.results["es"].items()
    }


def test_a_cell_reads_each_corpus_once(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: Path) -> Corpus:
        read.append(path.name)
        return corpus.read(path)

    monkeypatch.setattr("salin.experiments.corpora.read", counted)
    places = {"results": tmp_path / "results", "runs": tmp_path / "runs"}
    for cell in ("gazetteer", "direct-tiny-1", "meta-tiny-1"):
        read.clear()
        run_recipe(finished / "tiny.toml", only=[cell], **places)
        assert sorted(read) == ["dev.txt", "test.txt", "train.txt"]
    read.clear()
    assert run_recipe(finished / "tiny.toml", **places, only=["gazetteer"])
    assert read == [], "it is finished"


def test_only_some_cells(finished: Path, tmp_path: Path) -> None:
    chosen = run_recipe(finished / "tiny.toml", only=["gazetteer"], results=tmp_path / "r", runs=tmp_path / "w")
    assert [cell.cell for cell in chosen] == ["gazetteer-tiny"]
    with pytest.raises(SettingError, match="no cell is called gazeteer"):
        run_recipe(finished / "tiny.toml", only=["gazeteer"])


def test_the_table_holds_every_row_with_its_interval(finished: Path) -> None:
    table = recipe_table(finished / "tiny.toml", finished / "results")
    assert table.columns == ("system", "seeds", "es", "cost")
    assert [row[0] for row in table.rows] == [
        "gazetteer",
        "direct",
        "meta",
        "meta+sgd",
        "meta+bertadam",
        "meta+translated",
    ]
    by_name = {row[0]: row for row in table.rows}
    assert by_name["direct"][1] == "2" and all("[" in row[2] for row in table.rows)
    assert float(by_name["meta+sgd"][3]) > 0 and by_name["meta"][3] == ""
    assert "5 of 5 cells finished" in table.footer[0]


def test_each_row_is_tested_against_its_baseline_and_an_adapted_one_also_against_itself_unadapted(
    finished: Path,
) -> None:
    table = significance_table(Standings.read(finished / "tiny.toml", finished / "results"))
    against = [row[:2] for row in table.rows]
    assert ("direct", "direct") not in against and ("gazetteer", "direct") in against
    assert [pair for pair in against if pair[0] == "meta+sgd"] == [("meta+sgd", "direct"), ("meta+sgd", "meta")]
    assert all(" p " in row[2] for row in table.rows)


def test_runs_of_the_same_taggers_are_tested_in_pairs(finished: Path) -> None:
    standings = Standings.read(finished / "tiny.toml", finished / "results")
    gain, other = standings.gains["es"]["meta+sgd"].versus, standings.compared["es"]["meta+sgd"].versus
    assert gain is not None and other is not None
    assert gain.paired, "meta+sgd and meta are the same taggers"
    assert not other.paired, "meta+sgd and direct are not"


def test_tables_are_written_between_marks_and_nowhere_else(finished: Path, tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text(
        "before\n<!-- results:tiny -->\nold\n<!-- /results -->\n<!-- tests:tiny -->\n<!-- /tests -->\nafter\n",
        encoding="utf-8",
    )
    assert fill_documents([document], recipes=finished, results=finished / "results") == (2, 0)
    text = document.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- results:tiny -->\n") and text.endswith("<!-- /tests -->\nafter\n")
    assert "old" not in text and "| meta+sgd | 2 |" in text and "| meta+sgd | meta |" in text
    fill_documents([document], recipes=finished, results=finished / "results")
    assert document.read_text(encoding="utf-8") == text

    document.write_text("<!-- results:other -->\n<!-- /results -->\n", encoding="utf-8")
    with pytest.raises(DataError, match="'other'"):
        fill_documents([document], recipes=finished, results=finished / "results")


def test_figures_are_drawn_where_documents_show_them(finished: Path, tmp_path: Path) -> None:
    document = tmp_path / "docs" / "index.md"
    document.parent.mkdir()
    document.write_text("![Tiny](../figures/tiny.svg) and ![a photograph](photo.svg)\n", encoding="utf-8")
    assert fill_documents([document], recipes=finished, results=finished / "results") == (0, 1)
    assert "meta+sgd" in (tmp_path / "figures" / "tiny.svg").read_text(encoding="utf-8")
    document.write_text("![Tiny](figures/tiny.svg), ![F1 against cost](figures/tiny.cost.svg)\n", encoding="utf-8")
    assert fill_documents([document], recipes=finished, results=finished / "results") == (0, 2)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in (document.parent / "figures").iterdir()}
    assert set(drawn) == {"tiny.svg", "tiny.cost.svg"}
    assert "multiple of plain tagging" in drawn["tiny.cost.svg"] and "multiple" not in drawn["tiny.svg"]


def test_a_damaged_result_is_named(finished: Path, tmp_path: Path) -> None:
    results = tmp_path / "results" / "tiny"
    results.mkdir(parents=True)
    (results / "direct-tiny-1.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"direct-tiny-1\.json"):
        recipe_table(finished / "tiny.toml", tmp_path / "results")


def test_fine_tuning_takes_the_taggers_of_another_recipe(finished: Path) -> None:
    text = RECIPE.replace("ENCODER", "unused").replace('title = "Tiny"', 'title = "Few shots"')
    systems = text.index("[systems.gazetteer]")
    few = text[:systems] + (
        '[systems.direct]\nmethod = "finetune"\ntrained_by = { recipe = "tiny.toml", system = "direct" }\n'
        "[systems.direct.finetune]\nfractions = [0.5, 1.0]\n"
        'train = { es = "train.txt" }\n'
    )
    (finished / "few.toml").write_text(few, encoding="utf-8")
    cells = run_recipe(finished / "few.toml", results=finished / "results", runs=finished / "runs")
    assert [set(cell.results["es"]) for cell in cells] == [{"direct 50%", "direct 100%"}] * 2
    assert [cell.curve for cell in cells] == [(), ()], "dev chooses nothing there"
    assert recipe_table(finished / "few.toml", finished / "results").rows[0][0] == "direct 50%"


def test_another_recipe_may_test_the_same_taggers(finished: Path) -> None:
    text = RECIPE.replace("ENCODER", "unused").replace('baseline = "direct"', 'baseline = "again"')
    again = text[: text.index("[systems.gazetteer]")] + (
        '[systems.again]\nmethod = "trained"\ntrained_by = { recipe = "tiny.toml", system = "meta" }\n'
        'adapt = { ngrams = { vectors = "ngrams" } }\n'
    )
    (finished / "again.toml").write_text(again, encoding="utf-8")
    cells = run_recipe(finished / "again.toml", results=finished / "results", runs=finished / "runs")
    first = CellResult.load(finished / "results" / "tiny" / "meta-tiny-1.json")
    assert cells[0].results["es"]["again"].micro == first.results["es"]["meta"].micro
    assert "again+ngrams" in cells[0].results["es"]
    assert cells[0].curve == () != first.curve, "which the cell that trained the tagger holds"
    (finished / "again.toml").write_text(again.replace('"meta"', '"mate"'), encoding="utf-8")
    with pytest.raises(SettingError, match="no system 'mate'"):
        run_recipe(finished / "again.toml", results=finished / "results", runs=finished / "runs")
