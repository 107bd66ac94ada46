"""A recipe of what is shared finds the taggers of another one, and leaves a file for each part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_files import LANGUAGES, SHARED, write_languages, write_shared
from salin.errors import DataError, SettingError
from salin.experiments import fill_documents, run_recipe
from salin.experiments.cell import CellResult
from salin.experiments.shared_experiment import SharedExperiment, SharedResult
from salin.experiments.shared_recipe import SharedRecipe, shared_cells
from salin.experiments.shared_run import START, run_shared

RECIPES = Path(__file__).resolve().parents[3] / "recipes"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    """A recipe whose taggers of one seed are trained."""
    folder = tmp_path_factory.mktemp("shared")
    path = write_languages(folder, LANGUAGES.replace("ENCODER", str(model_folder("bert"))))
    cells = ["mono-en-1", "mono-es-1", "poly-all-1", "poly+ft-en-1", "poly+ft-es-1"]
    run_recipe(path, only=cells, results=folder / "results", runs=folder / "runs")
    return folder


@pytest.fixture(scope="module")
def finished(trained: Path) -> SharedExperiment:
    """All parts of that seed."""
    experiment = SharedExperiment(write_shared(trained), trained / "results", trained / "runs")
    run_shared(experiment, only=[cell.name for cell in experiment.chosen() if cell.seed == 1])
    return experiment


def result(experiment: SharedExperiment, name: str) -> SharedResult:
    return SharedResult.load(experiment.results / "shared" / f"{name}.json")


def test_our_own_recipe_is_one_of_the_taggers_of_polyglot() -> None:
    experiment = SharedExperiment(RECIPES / "what-is-shared.toml")
    cells = {cell.name: cell for cell in experiment.chosen()}
    assert len(cells) == 3 * 2 * (2 + 3 + 1 + 3)
    poly, *tuned = (one.name for _, one in experiment.taggers(cells["byte-fisher-95"]))
    assert (poly, tuned) == ("byte-poly-conll-95", [f"byte-poly+ft-{code}-95" for code in ("en", "es", "nl")])
    known = {cell.name for cell in experiment.trained.cells}
    assert {one.name for cell in cells.values() for _, one in experiment.taggers(cell)} <= known
    assert (RECIPES / "what-is-shared.toml").read_text("utf-8").startswith("#"), "the header says the command"


def test_cells_come_seed_by_seed() -> None:
    recipe = SharedRecipe.read(RECIPES / "what-is-shared.toml")
    names = [cell.name for cell in shared_cells(recipe)]
    assert names[:4] == [
        "encoder-fisher-95",
        "encoder-masks-95",
        "encoder-pruned-mono-en-95",
        "encoder-pruned-mono-es-95",
    ]
    assert names[-1] == "byte-pruned-finetuned-nl-539"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('poly = "poly"', 'poly = "pole"', "tiny.toml has nothing called 'pole'"),
        ('union = "all"', 'union = "every"', "tiny.toml has nothing called 'every'"),
        ("top = 0.2", "tip = 0.2", "shared.toml:5: there is no setting 'tip'; did you mean 'top'"),
        ("retrained = [0.5]", "retrained = [0.6]", "`retrained` holds 0.6"),
        ("[0.5, 0.9]", "[0.5, 1.0]", "`sparsities` holds 1.0"),
        ("steps = 2", "step = 2", "no setting"),
        ("title =", "title", "no recipe"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    write_languages(tmp_path)
    experiment = SharedExperiment(write_shared(tmp_path, SHARED.replace(old, new)))
    with pytest.raises(SettingError, match=complaint):
        _ = experiment.trained


def test_a_missing_tagger_is_named_with_the_command_that_trains_it(finished: SharedExperiment) -> None:
    with pytest.raises(DataError, match=r"no tagger poly-all-2 here.*salin run .*tiny.toml --cell poly-all-2"):
        run_shared(finished, only=["net-fisher-2"])
    with pytest.raises(SettingError, match=r"no cell is called net-fission\. There are: net-fisher-1"):
        run_shared(finished, only=["net-fission"])


def test_languages_are_compared_on_their_dev_sentences(finished: SharedExperiment) -> None:
    found = result(finished, "net-fisher-1").fisher
    assert found is not None
    assert (found.languages, found.sentences, found.top) == (("en", "es"), 2, 0.2)
    assert {one.language for one in found.movements} == {"en", "es"}
    assert all(one.distance > 0 for one in found.movements if one.layer == "head")


def test_the_tagger_as_it_is_scores_what_its_cell_says(finished: SharedExperiment) -> None:
    """On the tests, with the labels that count there."""
    cell = CellResult.load(finished.results / "tiny" / "poly-all-1.json")
    scores = result(finished, "net-pruned-poly-all-1").scores
    whole = {one.test: one.f1 for one in scores if not one.sparsity}
    assert whole == {test: by_row["poly"].micro.f1 for test, by_row in cell.results.items()}
    ways = {(one.scope, one.retrained, one.sparsity) for one in scores if one.sparsity}
    assert ways == {(scope, again, share) for scope in ("global", "layer") for again, share in
                    ((False, 0.5), (True, 0.5), (False, 0.9))}  # fmt: skip
    assert {one.test for one in result(finished, "net-pruned-finetuned-es-1").scores} == {"es"}


def test_masks_are_compared_with_those_of_the_beginning(finished: SharedExperiment) -> None:
    masks = result(finished, "net-masks-1").masks
    names = [START, "mono en", "mono es", "poly all", "finetuned en", "finetuned es"]
    assert list(dict.fromkeys(name for one in masks for name in (one.first, one.second))) == names
    block = {(one.first, one.second): one.measured.iou for one in masks
             if (one.layer, one.scope, one.sparsity) == ("block 1", "layer", 0.9)}  # fmt: skip
    assert block[START, "mono en"] > 0.9, "four small steps change little"
    assert len(block) == 15


def test_what_is_finished_is_not_run_again(finished: SharedExperiment) -> None:
    files = sorted((finished.results / "shared").glob("*.json"))
    before = {file: file.stat().st_mtime_ns for file in files}
    told: list[str] = []
    run_shared(finished, only=["net-fisher-1", "net-masks-1"], tell=told.append)
    assert before == {file: file.stat().st_mtime_ns for file in files}
    assert told == ["[1/2] net-fisher-1: finished", "[2/2] net-masks-1: finished"]


def test_a_part_of_other_settings_taggers_or_sentences_is_stale(finished: SharedExperiment, tmp_path: Path) -> None:
    def states(shared: str = SHARED, recipe: tuple[str, str] = ("", "")) -> dict[str, str]:
        folder = finished.path.parent
        for file in folder.glob("*.t*"):
            (tmp_path / file.name).write_text(file.read_text("utf-8").replace(*recipe), encoding="utf-8")
        experiment = SharedExperiment(write_shared(tmp_path, shared), finished.results, finished.runs)
        return {cell.name: experiment.state(cell) for cell in experiment.chosen() if cell.seed == 1}

    assert set(states().values()) == {"finished"}
    top = states(SHARED.replace("top = 0.2", "top = 0.3"))
    assert [name for name, state in top.items() if state == "stale"] == ["net-fisher-1"]
    share = states(SHARED.replace("0.9", "0.8"))
    assert [name for name, state in share.items() if state == "finished"] == ["net-fisher-1"]
    tuned = states(recipe=("steps = 2", "steps = 3"))
    assert [name for name, state in tuned.items() if state == "finished"] == [
        "net-pruned-mono-en-1", "net-pruned-mono-es-1", "net-pruned-poly-all-1",
    ]  # fmt: skip
    assert set(states(recipe=("Jan", "Jon")).values()) == {"stale"}, "another word in a file"


def test_documents_have_the_figures_and_tables_of_what_is_finished(finished: SharedExperiment, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- shared:shared -->\nold\n<!-- /shared -->\nafter\n", encoding="utf-8")
    places = {"recipes": finished.path.parent, "results": tmp_path / "elsewhere"}
    assert fill_documents([page], **places) == (0, 0)
    assert "No cell of it is finished yet" in page.read_text("utf-8") and "old" not in page.read_text("utf-8")
    for _ in range(2):  # the second time the figures are there already
        assert fill_documents([page], **{**places, "results": finished.results}) == (4, 2)
        text = page.read_text("utf-8")
        assert text.startswith("before\n<!-- shared:shared -->\n") and text.endswith("<!-- /shared -->\nafter\n")
        tables = ("what languages share", "what fine-tuning moved", "F1 of pruned taggers", "weights that two taggers")
        for part in (*tables, "](figures/shared.net.fisher.svg)", "7 of 14 cells"):
            assert text.count(part) == 1, part
    assert {file.name for file in (tmp_path / "figures").iterdir()} == {
        "shared.net.fisher.svg", "shared.net.pruning.svg",
    }  # fmt: skip
    page.write_text("<!-- shared:other -->\n<!-- /shared -->\n", encoding="utf-8")
    with pytest.raises(DataError, match="'other', for which there is no recipe"):
        fill_documents([page], **places)
