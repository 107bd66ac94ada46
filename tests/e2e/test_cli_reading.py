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
