"""Byte-level taggers by commands alone: trained from scratch until they fit, used, trained on, and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.errors import SettingError
from salin.training.methods import MethodSettings

SIZES = {
    "byte-bilstm": "byte_embedding=16,byte_hidden=16,word_hidden=16,dropout=0",
    "charner": "byte_embedding=16,byte_hidden=16,byte_layers=1,dropout=0,byte_dropout=0,output_dropout=0",
}


@pytest.fixture(scope="module", params=SIZES)
def folder(request: pytest.FixtureRequest, corpora, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of each kind, trained on two dozen sentences."""
    from salin.cli import main

    made = tmp_path_factory.mktemp("trained") / request.param
    encoder = f"{request.param}:{SIZES[request.param]}"
    files = ["--source", corpora.train, "--dev", corpora.dev, "--out", made]
    training = ["--steps", 100, "--learning-rate", 0.02, "--batch", 8, "--set", "loop.schedule=constant"]
    with pytest.raises(SystemExit) as ended:
        main(["train", "--encoder", encoder, *map(str, [*files, *training])])
    assert not ended.value.code
    return made


def test_the_folder_is_a_tagger_like_any_other(salin: Callable, folder: Path, corpora, tmp_path: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names - {"crf.safetensors"} == {"model.safetensors", "config.json", "salin.json", "README.md", "training"}
    assert ("crf.safetensors" in names) == (folder.name == "byte-bilstm")
    tagged = salin("tag", corpora.train, "--model", folder, "--to", "conll")
    assert tagged.status == 0
    columns = [line.split() for line in tagged.output.splitlines() if line.strip()]
    wanted = [line.split() for line in corpora.train.read_text("utf-8").splitlines() if line.strip()]
    assert [[columns[0], columns[-1]] for columns in columns] == wanted
    result = tmp_path / "result.json"
    assert salin("evaluate", corpora.test, "--model", folder, "--out", result).status == 0
    scored = json.loads(result.read_text("utf-8"))
    assert "windows:none" in scored["signature"]
    assert salin("compare", result, result).status == 0


def test_info_says_what_it_is_made_of(salin: Callable, folder: Path) -> None:
    described = json.loads(salin("info", folder, "--json").output)
    assert described["architecture"] == f"salin-{folder.name}"
    assert described["byte hidden"] == 16
    assert described["vocabulary"] == 258
    assert described["window"] == "the whole sentence"
    assert described["adapted modules"] == []


def test_the_head_can_be_chosen(salin: Callable, corpora, tmp_path: Path) -> None:
    files = ["--source", corpora.train, "--dev", corpora.dev, "--out", tmp_path / "free"]
    encoder = f"byte-bilstm:{SIZES['byte-bilstm']}"
    assert salin("train", "--encoder", encoder, "--head", "free-crf", *files, "--steps", 2).status == 0
    assert json.loads(salin("info", tmp_path / "free", "--json").output)["head"] == "free-crf"
    assert salin("tag", corpora.test, "--model", tmp_path / "free").status == 0


def test_training_goes_on_from_it(salin: Callable, folder: Path, corpora, tmp_path: Path) -> None:
    files = ["--target", corpora.test, "--dev", corpora.dev, "--out", tmp_path / "more"]
    assert salin("finetune", "--model", folder, *files, "--steps", 2).status == 0
    assert salin("tag", corpora.test, "--model", tmp_path / "more").status == 0


def test_what_it_cannot_do_is_said(salin: Callable, folder: Path, corpora, tmp_path: Path) -> None:
    adapted = salin("tag", corpora.test, "--model", folder, "--adapt", "--source", corpora.train)
    assert (adapted.status, "does not adapt" in adapted.errors) == (2, True)
    exported = salin("export", folder, "--onnx", tmp_path / "onnx", "--check", corpora.test)
    assert (exported.status, "cannot be exported to ONNX" in exported.errors) == (2, True)
    index = salin("index", "--model", folder, "--source", corpora.train, "--out", tmp_path / "index")
    assert (index.status, "byte-level" in index.errors) == (2, True)


def test_wrong_sizes_and_methods_are_said(salin: Callable, corpora, tmp_path: Path) -> None:
    files = ["--source", corpora.train, "--dev", corpora.dev, "--out", tmp_path / "made"]
    wrong = salin("train", "--encoder", "byte-bilstm:width=3", *files)
    assert (wrong.status, "no size 'width=3'" in wrong.errors) == (2, True)
    meta = salin("train", "--encoder", "byte-bilstm:word_hidden=8", "--method", "meta", *files)
    assert (meta.status, "train it by direct" in meta.errors) == (2, True)
    tagged = salin("tag", corpora.test, "--model", "byte-bilstm")
    assert (tagged.status, "train one first" in tagged.errors) == (2, True)


def test_what_knows_nothing_yet_trains_for_longer_unless_told_otherwise(
    salin: Callable, model_folder: Callable, corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the updates of an encoder its learning rate would be 0 before it has begun to find names."""
    seen: list[tuple[int, float]] = []

    def look(tagger: object, source: object, dev: object, settings: MethodSettings, **places: object) -> None:
        seen.append((settings.loop.steps, settings.loop.learning_rate))
        raise SettingError("that is all")

    monkeypatch.setattr("salin.train_direct", look)
    files = ["--source", corpora.train, "--dev", corpora.dev]
    chosen = ["--steps", 7, "--learning-rate", 0.5]
    byte, encoder = f"byte-bilstm:{SIZES['byte-bilstm']}", model_folder("bert")
    for number, options in enumerate(([byte], [f"charner:{SIZES['charner']}"], [byte, *chosen], [encoder])):
        ran = salin("train", "--encoder", *options, *files, "--out", tmp_path / str(number))
        assert "that is all" in ran.errors
    assert seen == [(5000, 1e-3), (5000, 1e-3), (7, 0.5), (800, 5e-4)]
