"""Whatever a reader can be told in Python, it can be told on the command line, and by the same options everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

RULES = ["--model", "rules:gazetteer"]


@pytest.fixture
def columns(tmp_path: Path) -> Path:
    """Word, inner entity, lemma, outer entity."""
    path = tmp_path / "nested.conll"
    lines = ["Ana\tB-PER\tana\tO", "sings\tO\tsing\tO", "", "Ajax\tB-ORG\tajax\tO", "won\tO\twin\tO"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def entities(ran) -> list[str]:
    assert ran.status == 0, ran.errors
    return [entity["text"] for line in ran.output.splitlines() for entity in json.loads(line)["entities"]]


def test_any_column_can_be_named(salin: Callable, columns: Path, model_folder: Callable, tmp_path: Path) -> None:
    lemmas = ["--token-column", 2, "--tag-column", 1]
    (found,) = json.loads(salin("data", "stats", columns, *lemmas, "--json").output)
    assert found["entities"] == {"ORG": 1, "PER": 1}
    ran = salin("evaluate", columns, *RULES, "--source", columns, *lemmas, "--json")
    assert json.loads(ran.output)["micro"]["f1"] == 1
    files = ["--source", columns, "--dev", columns, "--encoder", model_folder("bert"), "--steps", 1]
    ran = salin("train", *files, *lemmas, "--out", tmp_path / "tagger")
    assert ran.status == 0, ran.errors
    model = ["--model", tmp_path / "tagger"]
    ran = salin(
        "finetune", *model, "--target", columns, "--dev", columns, "--steps", 1, *lemmas, "--out", tmp_path / "t"
    )
    assert ran.status == 0, ran.errors
    assert salin("index", *model, "--source", columns, *lemmas, "--out", tmp_path / "index").status == 0
    near = salin("neighbours", "--text", "ana", *model, "--source", columns, *lemmas, "-k", 1, "--json")
    assert json.loads(near.output)[0]["neighbours"][0]["text"] in ("ana sing", "ajax win")
    ran = salin("tag", columns, *RULES, "--source", columns, "--token-column", -2, "--tag-column", 1)
    assert entities(ran) == ["ana", "ajax"]


def test_how_a_data_set_is_read_is_said_once(
    salin: Callable, columns: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was added with holds wherever its name is given, and an option of the command comes before it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALIN_DATA_DIR", str(tmp_path / "data"))
    odd = columns.with_suffix(".jsonl")
    odd.write_text(columns.read_text("utf-8") + "\nLisbon\n", encoding="utf-8")
    refused = salin("data", "add", odd, "--name", "mine", "--format", "conll", "--tag-column", 1)
    assert refused.status == 2 and f"{odd}:7" in refused.errors
    added = salin(
        "data", "add", odd, "--name", "mine", "--format", "conll", "--tag-column", 1, "--token-column", 2,
        "--on-error", "repair",
    )  # fmt: skip
    assert added.status == 0, added.errors
    assert "mine: 2 sentences, 2 entities (ORG PER)" in added.errors
    assert "mine: repaired 1: a missing tag read as O (first at line 7)" in added.errors, "Lisbon has no lemma"

    def stats(*options: object) -> dict:
        ran = salin("data", "stats", "mine", *options, "--json")
        assert ran.status == 0, ran.errors
        return json.loads(ran.output)[0]

    assert stats()["entities"] == {"ORG": 1, "PER": 1}
    assert stats("--tag-column", 3)["entities"] == {}
    ran = salin("evaluate", "mine", *RULES, "--source", "mine", "--json")
    assert json.loads(ran.output)["micro"]["f1"] == 1
    assert entities(salin("tag", "--text", "ana won", *RULES, "--source", "mine")) == ["ana"]


def test_a_column_that_does_not_exist(salin: Callable, columns: Path) -> None:
    ran = salin("data", "stats", columns, "--tag-column", 4)
    assert ran.status == 2
    assert f"there is no column 4: line 1 of {columns} has 4" in ran.errors


def test_offsets_in_bytes(salin: Callable, tmp_path: Path) -> None:
    path = tmp_path / "bytes.jsonl"
    record = {"text": "Sí, José Rizal", "entities": [[5, 16, "PER"]]}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert salin("data", "stats", path).status == 2
    ran = salin("data", "stats", path, "--offsets", "bytes", "--json")
    assert json.loads(ran.output)[0]["entities"] == {"PER": 1}
    source = ["--source", path, "--offsets", "bytes"]
    assert entities(salin("tag", "--text", "kay José Rizal", *RULES, *source)) == ["José Rizal"]


def test_a_format_can_be_named_for_labelled_data_too(salin: Callable, columns: Path) -> None:
    odd = columns.with_suffix(".jsonl")
    odd.write_bytes(columns.read_bytes())
    command = ["evaluate", odd, *RULES, "--source", columns, "--tag-column", 1]
    assert salin(*command).status == 2
    assert salin(*command, "--format", "conll").status == 0  # that of the source is told from its own name


def test_bad_lines_of_the_source_are_treated_as_those_of_the_input(salin: Callable, tmp_path: Path) -> None:
    bad = tmp_path / "bad.conll"
    bad.write_text("Ana\tB-PER\nsings\tO\n\nAjax\n", encoding="utf-8")
    command = ["tag", "--text", "Ana won", *RULES, "--source", bad]
    assert salin(*command).status == 2
    assert entities(salin(*command, "--on-error", "repair")) == ["Ana"]


def test_a_sentence_longer_than_a_window_can_be_refused(salin: Callable, tagger_folder: Path) -> None:
    command = ["tag", "--text", "Maria Sousa joined Ajax in Lisbon " * 12, "--model", tagger_folder]
    assert salin(*command).status == 0
    ran = salin(*command, "--on-overflow", "error")
    assert ran.status == 2
    assert "do not fit a window" in ran.errors
    assert salin(*command[:2], "Maria Sousa", *command[3:], "--on-overflow", "error").status == 0


@pytest.mark.parametrize("model", ["rules:capitalised", "salin-tiny"])
def test_a_name_far_into_a_line_without_a_sentence_end_is_found_whole(
    salin: Callable, tmp_path: Path, model: str
) -> None:
    """10,000 characters are given to the sentence splitter at once, and a name may stand across their end."""
    path = tmp_path / "transcript.txt"
    path.write_text(f"{'and so on ' * 999}said Maria Sousa {'and so on ' * 50}", encoding="utf-8")
    ran = salin("tag", path, "--model", model, "--to", "jsonl")
    (line,) = ran.output.splitlines()
    assert "Maria Sousa" in [entity["text"] for entity in json.loads(line)["entities"]]
    assert ran.errors == ""


def test_a_line_that_has_to_be_cut_is_named_or_refused(
    salin: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "transcript.txt"
    path.write_text("and so on " * 30_000, encoding="utf-8")
    ran = salin("tag", path, "--model", "rules:capitalised")
    assert (ran.status, len(ran.output.splitlines())) == (0, 3)
    (warning,) = caplog.messages
    assert warning.startswith(f"{path}: line 1: no sentence ends in so long a line")
    refused = salin("tag", path, "--model", "rules:capitalised", "--on-overflow", "error")
    assert refused.status == 2
    assert f"{path}:1: no sentence ends" in refused.errors
