"""A recipe in which a tagger learns from Spanish text that was tagged by way of English."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from experiment_files import RECIPE, write_recipe
from salin.corpus import read
from salin.errors import DataError, SettingError
from salin.experiments import Recipe, run_recipe
from salin.experiments.cell import Cell, CellResult
from salin.experiments.experiment import Experiment
from salin.experiments.standings import Standings
from salin.models import Tagger
from salin.translation import Phrases, Translation, Usage

SILVER = """
[systems.silver]
method = "silver"
trained_by = { system = "direct" }
[systems.silver.silver]
[systems.silver.silver.text]
es = ["silver.conll"]
[systems.silver.silver.translators]
es = "mirror:es"
"""
# With labels, which nobody reads. The last two stand in the test; full stops, which a tagger of three steps takes for
# names, cannot be found again.
TEXT = (
    "Nada/B-LOC que/O decir/O",
    "No/O hay/O nada/O",
    "El/O Ajax/O perdió/O ./O",
    "Reuters/O lo/O dijo/O ./O",
)


class Mirror:
    """Gives every sentence back as its own translation, but one."""

    asks_for_all = False

    def __init__(self) -> None:
        self.usage = Usage()

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        return [None if "hay" in text else Translation(text) for text in sentences]

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        return [question.phrases for question in questions]


def silver_recipe(folder: Path, encoder: Path, silver: str = SILVER) -> Path:
    recipe = write_recipe(folder, RECIPE.replace("ENCODER", str(encoder)) + silver)
    conll = "\n\n".join(line.replace("/", "\t").replace(" ", "\n") for line in TEXT)
    (folder / "silver.conll").write_text(conll + "\n", encoding="utf-8")
    return recipe


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("silver")
    recipe = silver_recipe(folder, model_folder("bert"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salin.experiments.silver.open_translator", lambda name, **_: Mirror())
        run_recipe(recipe, only=["direct", "silver"], results=folder / "results", runs=folder / "runs")
    return folder


def run_of(folder: Path, seed: int = 1) -> Path:
    (found,) = (folder / "runs" / "tiny").glob(f"silver-tiny-{seed}.*[!k]")
    return found


def test_a_tagger_is_trained_on_the_source_and_on_what_was_tagged(finished: Path) -> None:
    made = Tagger.from_pretrained(run_of(finished) / "tagger").settings.provenance
    names = [entry.partition(" sha256")[0] for entry in made["source"]]
    assert names == ["train.txt", "silver es"]
    plain = Tagger.from_pretrained(next((finished / "runs" / "tiny").glob("direct-tiny-1.*/tagger")))
    assert Tagger.from_pretrained(run_of(finished) / "tagger").labels == plain.labels
    assert set(Standings.read(finished / "tiny.toml", finished / "results").runs["es"]) == {"direct", "silver"}


def test_it_begins_with_the_encoder_and_trains_as_long_as_the_others(finished: Path) -> None:
    cells = [CellResult.load(finished / "results" / "tiny" / f"{name}-tiny-1.json") for name in ("silver", "direct")]
    assert cells[0].settings == cells[1].settings
    log = [json.loads(line) for line in (run_of(finished) / "log.jsonl").read_text("utf-8").splitlines()]
    assert max(record["step"] for record in log) == 3


def test_no_sentence_of_the_test_is_trained_on_and_what_is_left_out_is_counted(finished: Path) -> None:
    kept = read(run_of(finished) / "silver-es.jsonl")
    assert [sentence.text for sentence in kept] == ["Nada que decir"]
    made = Tagger.from_pretrained(run_of(finished) / "tagger").settings.provenance
    assert made["silver"] == {
        "es": {"sentences": 1, "in the test": 2, "not translated, or an entity of it lost": 1},
    }  # fmt: skip


def test_an_interrupted_cell_translates_nothing_again(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salin.experiments.silver.open_translator", lambda name, **_: pytest.fail("translates"))
    result = finished / "results" / "tiny" / "silver-tiny-2.json"
    before = CellResult.load(result)
    result.unlink()
    tagger = run_of(finished, 2) / "tagger"
    tagger.rename(tagger.with_name("unfinished"))
    run_recipe(finished / "tiny.toml", only=["silver-tiny-2"], results=finished / "results", runs=finished / "runs")
    found, expected = (one.results["es"]["silver"] for one in (CellResult.load(result), before))
    assert found.sentence_counts == expected.sentence_counts


def test_text_of_which_nothing_is_kept_is_told_and_leaves_no_file(
    tmp_path: Path, model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = silver_recipe(tmp_path, model_folder("bert"))
    monkeypatch.setattr(Mirror, "translate", lambda self, sentences: [None] * len(sentences))
    monkeypatch.setattr("salin.experiments.silver.open_translator", lambda name, **_: Mirror())
    with pytest.raises(DataError, match="nothing of the text for es could be kept: 0 of 2 sentences kept; 2 left out"):
        run_recipe(recipe, only=["silver-tiny-1"], results=tmp_path / "results", runs=tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("silver-es.*"))


def test_other_text_or_another_test_is_another_run(finished: Path) -> None:
    cell = Cell("silver", "tiny", 1)
    folder = Experiment(finished / "tiny.toml").run_folder(cell)
    for name in ("silver.conll", "test.txt"):
        path = finished / name
        before = path.read_text("utf-8")
        path.write_text(before + "\n", encoding="utf-8")
        assert Experiment(finished / "tiny.toml").run_folder(cell) != folder
        path.write_text(before, encoding="utf-8")
    assert Experiment(finished / "tiny.toml").run_folder(cell) == folder


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('es = "mirror:es"', 'fr = "mirror:es"', "a translator for each of its tests and no other: see 'es'"),
        ('es = ["silver.conll"]', 'fr = ["silver.conll"]', "text for each of its tests and no other: see 'es'"),
        ('method = "silver"', 'method = "direct"', "method 'silver' goes with a table `silver`"),
        ('trained_by = { system = "direct" }', "", "needs a table `trained_by`"),
        ("[systems.silver.silver]", "[systems.silver.silver]\nleast = 2", "less than or equal to 1"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        Recipe.read(silver_recipe(tmp_path, Path("encoder"), SILVER.replace(old, new, 1)))
