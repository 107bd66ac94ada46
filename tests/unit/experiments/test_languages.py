"""Recipes for several languages: one tagger for all, fine-tuned on each, and one for each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_files import LANGUAGES, write_languages
from salin.errors import SettingError
from salin.experiments import Recipe, fill_documents, run_recipe
from salin.experiments.cell import CellResult
from salin.experiments.experiment import Experiment
from salin.experiments.ordering import ordering_table
from salin.experiments.standings import Standings
from salin.experiments.tables import training_table
from salin.models import Tagger
from salin.training import loop


def test_a_union_has_the_files_of_its_parts(tmp_path: Path) -> None:
    labels = Recipe.read(write_languages(tmp_path)).label_sets
    whole, held_out = labels["all"], labels["without-es"]
    assert whole.source == {"en": (tmp_path / "train.txt",), "es": (tmp_path / "spanish.txt",)}
    assert whole.dev == (tmp_path / "dev.txt", tmp_path / "spanish-dev.txt")
    assert list(whole.tests) == ["en", "es"]
    assert whole.unannotated == {"MISC": ("es",)}
    assert (list(held_out.source), list(held_out.tests), held_out.unannotated) == (["en"], ["es"], {"MISC": ("es",)})


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('union = ["en", "es"]', 'union = ["en", "fr"]', "label set all: 'fr' is no label set with files"),
        ('tests_of = "es"', 'tests_of = "all"', "label set without-es: 'all' is no label set with files"),
        ('source = { es = ["spanish.txt"] }', 'source = ["spanish.txt"]', "all: es does not say the language"),
        ('label_set = "all"', 'label_set = "en"', "begins with 'poly' trained on 'en', which it is not"),
        ('label_sets = ["without-es"]', 'label_sets = ["without-en"]', "'without-en', which is none of the label sets"),
        ('["poly", "mono", "poly', '["poly", "mona", "poly', "the ordering names 'mona'"),
        ('MISC = ["es"]', 'MISC = ["en"]', "`unannotated` names 'en'"),
        (
            'tests = { es = "spanish-test.txt" }\nunannotated = { MISC = ["es"] }',
            'tests = { en = "spanish-test.txt" }',
            "label set all: en and es both have 'en' in `tests`, and not the same.*Rename one",
        ),
        ("tests = {", 'tests = "dev.txt" # {', r"tiny.toml:\d+: label_sets.en.tests"),
        ("evaluate_every = 2", "evaluate_every = 0", "patience counts evaluations"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        Recipe.read(write_languages(tmp_path, LANGUAGES.replace(old, new)))


def test_label_maps_of_a_union_may_not_contradict_each_other(tmp_path: Path) -> None:
    """Or the last of them would hold for the others too."""
    maps = LANGUAGES.replace('dev = "dev.txt"', 'dev = "dev.txt"\nmap = { MISC = "O" }')
    maps = maps.replace('dev = "spanish-dev.txt"', 'dev = "spanish-dev.txt"\nmap = { MISC = "ORG", EVENT = "O" }')
    with pytest.raises(SettingError, match="en and es both have 'MISC' in `map`, and not the same"):
        Recipe.read(write_languages(tmp_path, maps))
    alike = maps.replace('MISC = "ORG", ', 'MISC = "O", ')
    assert Recipe.read(write_languages(tmp_path, alike)).label_sets["all"].map == {"MISC": "O", "EVENT": "O"}
    own = maps.replace("union = [", 'map = { MISC = "LOC" }\nunion = [')
    assert Recipe.read(write_languages(tmp_path, own)).label_sets["all"].map == {"MISC": "LOC"}


def test_another_test_of_a_union_trains_nothing_anew(tmp_path: Path) -> None:
    def folder(text: str) -> str:
        experiment = Experiment(write_languages(tmp_path, text))
        return next(experiment.run_folder(cell).name for cell in experiment.cells if cell.system == "poly")

    before = folder(LANGUAGES)
    assert folder(LANGUAGES.replace('tests = { en = "dev.txt" }', 'tests = { en = "train.txt" }')) == before
    assert folder(LANGUAGES.replace('unannotated = { MISC = ["es"] }', "")) == before
    assert folder(LANGUAGES.replace('{ es = ["spanish.txt"] }', '{ es = ["spanish-dev.txt"] }')) != before


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("languages")
    path = write_languages(folder, LANGUAGES.replace("ENCODER", str(model_folder("bert"))))
    run_recipe(path, results=folder / "results", runs=folder / "runs")
    return folder


def result(folder: Path, cell: str) -> CellResult:
    return CellResult.load(folder / "results" / "tiny" / f"{cell}.json")


def test_a_polyglot_tagger_is_trained_once_a_seed_and_shared(finished: Path) -> None:
    runs = [path.name for path in (finished / "runs" / "tiny").iterdir() if path.is_dir()]
    assert len([name for name in runs if name.startswith("poly-all")]) == 2
    assert len(runs) == 12
    made = Tagger.from_pretrained(next((finished / "runs" / "tiny").glob("poly-all-1.*/tagger")))
    assert set(made.labels) == {"LOC", "MISC", "ORG", "PER"}, "of all languages, although Spanish has no MISC"
    assert [source.split()[0] for source in made.settings.provenance["source"]] == ["train.txt", "spanish.txt"]
    assert len(made.settings.provenance["dev"]) == 2


def test_each_language_has_every_system(finished: Path) -> None:
    standings = Standings.read(finished / "tiny.toml", finished / "results")
    assert [set(standings.runs[test]) for test in ("en", "es")] == [
        {"mono", "poly", "poly+ft"},
        {"mono", "poly", "poly+ft", "zero-shot"},
    ]
    assert all(len(runs) == 2 for by_row in standings.runs.values() for runs in by_row.values())
    against_mono = standings.compared["es"]["zero-shot"].versus
    assert against_mono is not None and not against_mono.paired


def test_a_label_that_a_test_does_not_annotate_is_not_counted_there(finished: Path) -> None:
    """Whether the tagger knows the label or not, so that all systems are scored alike."""
    poly, spanish = result(finished, "poly-all-1").results, result(finished, "mono-es-1").results
    for found in (poly["es"]["poly"], spanish["es"]["mono"]):
        assert "counted:LOC+ORG+PER" in found.signature
        assert set(found.by_type) <= {"LOC", "ORG", "PER"}
    assert "counted:all" in poly["en"]["poly"].signature


def test_the_lowest_loss_on_dev_chose(finished: Path) -> None:
    chosen = result(finished, "poly-all-1").selection
    assert set(chosen) == {"f1", "loss", "step", "temperature"}


def test_the_curve_on_dev_stands_in_the_result_of_each_cell(finished: Path) -> None:
    poly, tuned = result(finished, "poly-all-1"), result(finished, "poly+ft-es-1")
    assert [set(point) for point in poly.curve] == [{"step", "f1", "loss"}] * 2
    assert [point["step"] for point in poly.curve] == [2, 4]
    best = min(poly.curve, key=lambda point: point["loss"])
    assert best == {name: poly.selection[name] for name in ("step", "f1", "loss")}
    assert [point["step"] for point in tuned.curve] == [2], "fine-tuning begins to count anew"


def test_a_run_that_was_interrupted_leaves_the_curve_of_one_that_was_not(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (finished / "tiny.toml").read_text("utf-8").replace("steps = 4", "steps = 4\ncheckpoint_every = 3")
    places = {"results": tmp_path / "results", "runs": tmp_path / "runs"}
    save = loop.save_checkpoint

    def killed(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", killed)
    recipe = write_languages(tmp_path, text)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, only=["poly-all-1"], **places)
    (log,) = (tmp_path / "runs" / "tiny").glob("poly-all-1.*/log.jsonl")
    # What came after the checkpoint, and half a record.
    log.write_text(log.read_text("utf-8") + '{"step": 4, "eval_f1": 1, "eval_loss": 9}\n{"step": 4, "lo', "utf-8")
    monkeypatch.setattr(loop, "save_checkpoint", save)
    (again,) = run_recipe(recipe, only=["poly-all-1"], **places)
    assert again.curve == result(finished, "poly-all-1").curve


def test_time_and_memory_of_each_training_stand_in_its_result(finished: Path, tmp_path: Path) -> None:
    """Also where another cell has had it trained before: poly begins with nothing, and poly+ft had it made."""
    first = result(finished, "poly-all-1").training
    assert first["seconds"] > 0
    assert first["peak_megabytes"] > 50
    (again,) = run_recipe(finished / "tiny.toml", only=["poly-all-1"], results=tmp_path, runs=finished / "runs")
    assert again.training == first
    assert again.curve == result(finished, "poly-all-1").curve
    table = training_table(Standings.read(finished / "tiny.toml", finished / "results"))
    assert [row[:3] for row in table.rows][:4] == [
        ("mono", "en", "2"), ("mono", "es", "2"), ("poly", "all", "2"), ("poly+ft", "en", "2"),
    ]  # fmt: skip


def test_a_table_says_what_choosing_by_the_loss_has_cost(finished: Path, tmp_path: Path) -> None:
    """F1 on dev at the update that was kept, and at the best one, as means over seeds."""
    copied = Path(shutil.copytree(finished, tmp_path / "copy", ignore=shutil.ignore_patterns("runs")))
    for seed, (kept, highest) in {1: (0.5, 0.7), 2: (0.6, 0.6)}.items():
        file = copied / "results" / "tiny" / f"poly-all-{seed}.json"
        cell = json.loads(file.read_text("utf-8"))
        cell["selection"]["f1"], cell["curve"] = kept, [{"step": 2, "f1": kept}, {"step": 4, "f1": highest}]
        file.write_text(json.dumps(cell), encoding="utf-8")

    def shown() -> dict[str, str]:
        table = training_table(Standings.read(copied / "tiny.toml", copied / "results"))
        (row,) = (row for row in table.rows if row[0] == "poly")
        return dict(zip(table.columns, row, strict=True))

    assert (shown()["F1 on dev"], shown()["highest"]) == ("55.0", "65.0")
    cell["curve"] = []
    file.write_text(json.dumps(cell), encoding="utf-8")
    assert (shown()["F1 on dev"], shown()["highest"]) == ("55.0", ""), "an older result, of which nobody knows"


def test_a_table_says_whether_the_order_holds(finished: Path, tmp_path: Path) -> None:
    table = ordering_table(Standings.read(finished / "tiny.toml", finished / "results"))
    claims = [row[:2] for row in table.rows]
    assert claims == [(test, claim) for test in ("en", "es") for claim in ("poly < mono", "mono < poly+ft")]
    for _, _, left, right, difference, holds in table.rows:
        assert float(difference.split()[0]) == pytest.approx(float(right) - float(left), abs=0.11)
        low, high = (float(bound.strip("[],")) for bound in difference.split()[1:3])
        assert holds == ("yes" if low > 0 else "no" if high < 0 else "unclear")
    assert "poly < mono: yes in" in table.footer[0]

    document = tmp_path / "page.md"
    document.write_text(
        "<!-- ordering:tiny -->\n<!-- /ordering -->\n<!-- training:tiny -->\n<!-- /training -->\n", "utf-8"
    )
    assert fill_documents([document], recipes=finished, results=finished / "results") == (2, 0)
    assert "| es | mono < poly+ft |" in document.read_text("utf-8")
