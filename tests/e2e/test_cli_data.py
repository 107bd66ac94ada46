"""`salin data`: the catalogue, one's own files, counts, leaks and the linter."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.cli.corpora import read_by_language


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("SALIN_DATA_DIR", str(folder))
    monkeypatch.delenv("SALIN_DATA_URL", raising=False)
    return folder


def test_the_catalogue_is_listed_for_people_and_for_programs(salin: Callable) -> None:
    listed = json.loads(salin("data", "list", "--json").output)
    assert {"conll2002/es", "conll2002/nl"} <= {dataset["name"] for dataset in listed}
    assert all(dataset["licence"] for dataset in listed)
    assert "conll2002" in salin("data", "list").output


def test_ones_own_file_is_added_and_listed(salin: Callable, corpora, data_folder: Path) -> None:
    ran = salin("data", "add", corpora.train, "--name", "mine", "--language", "tl", "--licence", "my own")
    assert ran.status == 0
    assert "24 sentences" in ran.errors
    assert "mine" in [dataset["name"] for dataset in json.loads(salin("data", "list", "--json").output)]
    got = salin("data", "get", "mine")
    assert got.status == 0
    assert str(corpora.train) in got.output


def test_whether_weights_may_be_published_is_for_the_user_to_say(salin: Callable, corpora) -> None:
    def ships(*said: str) -> bool:
        assert salin("data", "add", corpora.train, "--name", "mine", "--licence", "CC0", *said).status == 0
        (mine,) = [found for found in json.loads(salin("data", "list", "--json").output) if found["name"] == "mine"]
        return mine["ship"]

    assert ships("--ship")
    assert not ships(), "no licence is read for it"


def test_a_name_that_is_given_anew_says_what_it_stood_for(salin: Callable, corpora) -> None:
    add = ["data", "add", "--name", "mine"]
    assert "place of" not in salin(*add, corpora.train).errors
    assert "place of" not in salin(*add, corpora.train).errors
    assert f"mine: this took the place of {corpora.train}" in salin(*add, corpora.dev).errors


def test_a_data_set_is_read_by_its_name(
    salin: Callable, corpora, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    salin("data", "add", corpora.test, "--name", "mine")
    evaluate = ["evaluate", "--model", "rules:tl", "--labels", "PER", "--json"]
    by_name = json.loads(salin(*evaluate, "mine").output)
    assert by_name["data"] == json.loads(salin(*evaluate, corpora.test).output)["data"]
    ran = salin(*evaluate, "conll2002/es/test")
    assert ran.status == 2
    assert "salin data get conll2002/es" in ran.errors
    file = data_folder / "ner/conll2002/es/test.conll"
    file.parent.mkdir(parents=True)
    file.write_bytes(corpora.test.read_bytes())
    assert salin(*evaluate, "conll2002/es/test").status == 0
    assert salin("data", "stats", "conll2002/es/test", "--train", "mine").status == 0
    Path("mine").write_text("Ana\tB-PER\n", encoding="utf-8")  # a file comes first
    assert json.loads(salin(*evaluate, "mine").output)["data"]["sentences"] == 1


def test_a_data_set_that_has_changed_is_noticed(
    salin: Callable, corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> str:
        (mine,) = [found for found in json.loads(salin("data", "list", "--json").output) if found["name"] == "mine"]
        (row,) = [line for line in salin("data", "list").output.splitlines() if line.split()[:1] == ["mine"]]
        assert mine["state"] in row
        return mine["state"]

    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.conll"
    path.write_bytes(corpora.test.read_bytes())
    add = ["data", "add", path, "--name", "mine"]
    assert salin(*add).status == 0
    assert (state(), "changed" in salin("data", "stats", "mine").errors) == ("here", False)
    path.write_bytes(corpora.test.read_bytes().replace(b"Lisbon", b"London"))  # as long as before
    used = salin("data", "stats", "mine")
    assert (used.status, state()) == (0, "changed")
    assert "mine: its file has changed since its checksum was taken (add it again" in used.errors
    assert salin(*add).status == 0
    assert (state(), "changed" in salin("data", "stats", "mine").errors) == ("here", False)
    path.unlink()
    assert state() == "missing"


def test_checksums_are_taken_anew_where_that_is_asked_for(salin: Callable, corpora, tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_bytes(corpora.test.read_bytes())
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert salin("data", "add", path, "--name", "mine").status == 0

    def state(*options: str) -> str:
        listed = json.loads(salin("data", "list", "--json", *options).output)
        return next(dataset["state"] for dataset in listed if dataset["name"] == "mine")

    assert state() == "here"
    path.write_bytes(corpora.test.read_bytes().replace(b"Lisbon", b"London"))
    os.utime(path, (1_600_000_000, 1_600_000_000))  # as a backup would put it back
    assert (state(), state("--check"), state()) == ("here", "changed", "changed")
    assert "its file has changed" in salin("data", "stats", "mine").errors, "who reads it all can tell"


@pytest.fixture
def data_here(corpora, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets of the catalogue are on this machine; in their stead, small files."""
    monkeypatch.chdir(tmp_path)
    splits = {"train": corpora.train, "dev": corpora.dev, "test": corpora.test}
    for name in ("conll2002/es/train", "conll2002/es/dev", "conll2002/es/test", "uner/tl_trg/test"):
        file = data_folder / "ner" / f"{name}.conll"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(splits[file.stem].read_bytes())


@pytest.mark.usefixtures("data_here")
def test_the_split_may_be_left_out_where_there_is_one(salin: Callable) -> None:
    evaluate = ["evaluate", "--model", "rules:tl", "--labels", "PER", "--json"]
    alone, named = (json.loads(salin(*evaluate, name).output) for name in ("uner/tl_trg", "uner/tl_trg/test"))
    assert alone["data"] == named["data"]
    assert [corpus.language for corpus in read_by_language(["uner/tl_trg", "conll2002/es/dev"])] == ["tl", "es"]
    names = "conll2002/es/train, conll2002/es/dev, conll2002/es/test"
    for name in ("conll2002/es", "conll2002/es/tset"):
        ran = salin(*evaluate, name)
        assert ran.status == 2
        assert f"error: {name} is" in ran.errors and f"There are: {names}" in ran.errors


@pytest.mark.usefixtures("data_here")
def test_statistics_of_a_data_set_are_those_of_its_files(salin: Callable) -> None:
    found = json.loads(salin("data", "stats", "conll2002/es", "uner/tl_trg", "--json").output)
    splits = ["conll2002/es/train", "conll2002/es/dev", "conll2002/es/test", "uner/tl_trg/test"]
    assert [entry["file"] for entry in found] == splits
    assert [entry["sentences"] for entry in found] == [24, 8, 8, 8]
    ran = salin("data", "stats", "conll2002/nl")
    assert ran.status == 2 and "salin data get conll2002/nl" in ran.errors


def test_a_data_set_that_does_not_exist_or_cannot_be_had(salin: Callable) -> None:
    ran = salin("data", "get", "conll2002/se")
    assert ran.status == 2
    assert "conll2002/es" in ran.errors
    ran = salin("data", "get", "conll2002/es")
    assert ran.status == 2
    assert "SALIN_DATA_URL" in ran.errors


def test_a_data_set_is_got_from_a_folder_and_checked(salin: Callable, shared_data: Path, data_folder: Path) -> None:
    ran = salin("data", "get", "conll2002/es", "--base", shared_data)
    assert ran.status == 0, ran.errors
    assert "citation: Tjong Kim Sang" in ran.errors
    splits = {line.split("\t")[1]: Path(line.split("\t")[2]) for line in ran.output.splitlines()}
    assert all(path.is_relative_to(data_folder) and path.exists() for path in splits.values())
    splits["test"].write_text("changed", encoding="utf-8")
    assert salin("data", "get", "conll2002/es").status == 2


def test_a_damaged_list_of_ones_own_files_is_an_error(salin: Callable, data_folder: Path) -> None:
    data_folder.mkdir()
    (data_folder / "own.json").write_text('{"x": {"title": 1}}', encoding="utf-8")
    for command in (["list"], ["get", "x"]):
        ran = salin("data", *command)
        assert ran.status == 2
        assert f"{data_folder / 'own.json'}: is damaged" in ran.errors


def test_statistics_and_leaks(salin: Callable, corpora) -> None:
    (found,) = json.loads(salin("data", "stats", corpora.test, "--train", corpora.train, "--json").output)
    assert found["sentences"] == 8
    assert found["leak"]["seen_entities"] == found["leak"]["entities"]
    ran = salin("data", "stats", corpora.test, "--train", corpora.train)
    assert "seen before" in ran.output


def test_short_sentences_are_no_leak_and_it_is_said(salin: Callable, tmp_path: Path) -> None:
    path = tmp_path / "short.conll"
    path.write_text("Ana\tB-PER\nwon\tO\n", encoding="utf-8")
    assert "0 of 0 that have 5 words or more" in salin("data", "stats", path, "--train", path).output


def test_the_linter_says_what_is_wrong_by_its_status(salin: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "corpus" / "en"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("[Ana](PER) sings in [Lisbon](LOC).\nA [broken mark(PER.\n", encoding="utf-8")
    ran = salin("data", "lint", tmp_path / "corpus")
    assert ran.status == 1
    assert f"{folder / 'train.txt'}:2" in ran.output
    (folder / "train.txt").write_text("[Ana](PER) sings in [Lisbon](LOC).\n", encoding="utf-8")
    assert salin("data", "lint", tmp_path / "corpus").status == 0


def test_the_open_corpus_is_what_is_linted_by_default(salin: Callable) -> None:
    report = json.loads(salin("data", "lint", "--json").output)
    assert any("en" in path for path in report["counts"])
