"""`salin translate` from text to entities, with Apertium as it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from apertium_here import require_apertium
from salin.corpus import read

SPANISH = "Maria Sousa llegó a Lisboa con Ajax.\nEn Ginebra se quedó Ana Reyes.\n\nNada más.\n"


@pytest.fixture(autouse=True)
def _apertium(require: Callable[[str, bool], None]) -> None:
    require_apertium(require)


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "es.txt"
    path.write_text(SPANISH, encoding="utf-8")
    return path


def entities(output: str) -> list[tuple[str, dict]]:
    return [(one["text"], entity) for one in map(json.loads, output.splitlines()) for entity in one["entities"]]


def test_spanish_text_is_tagged_by_way_of_english(salin: Callable, text_file: Path) -> None:
    """With the bundled tagger, which knows what the English sentence calls Lisbon."""
    ran = salin("translate", text_file, "--with", "apertium:spa-eng", "--to", "jsonl")
    assert ran.status == 0
    found = entities(ran.output)
    assert ("Lisboa", "LOC") in [(entity["text"], entity["label"]) for _, entity in found]
    for text, entity in found:
        assert entity["text"] == text[entity["start"] : entity["end"]]
        assert 0 <= entity["score"] <= 1
    assert "3 sentences" in ran.errors and "linked" in ran.errors
    assert "apertium:spa-eng: 1 calls" in ran.errors


def test_labelled_files_keep_their_words_and_come_out_as_conll(salin: Callable, tmp_path: Path) -> None:
    given, out = tmp_path / "given.conll", tmp_path / "out.conll"
    given.write_text("Llegó\tO\na\tO\nLisboa\tB-PER\n.\tO\n", encoding="utf-8")
    ran = salin("translate", given, "--with", "apertium:spa-eng", "--out", out)
    assert ran.status == 0
    assert read(out)[0].tokens == ["Llegó", "a", "Lisboa", "."]
    assert [(e.text, e.label) for e in read(out)[0].entities] == [("Lisboa", "LOC")]


def test_a_text_on_the_command_line_comes_back_whole(salin: Callable) -> None:
    ran = salin("translate", "--text", SPANISH, "--with", "apertium:spa-eng", "--language", "es", "--to", "jsonl")
    assert json.loads(ran.output)["text"] == SPANISH


def test_word_alignment_takes_the_vectors_of_the_tagger(salin: Callable, text_file: Path, tagger_folder: Path) -> None:
    command = ("translate", text_file, "--with", "apertium:spa-eng", "--word-alignment")
    assert salin(*command, "--model", tagger_folder).status == 0
    refused = salin(*command, "--model", "rules:tl")
    assert refused.status == 2
    assert "rules have none" in refused.errors
    assert salin(*command[:-1], "--model", "rules:tl").status == 0, "rules do without where nobody asks for it"


def test_labels_are_renamed_and_low_scores_left_out(salin: Callable, text_file: Path) -> None:
    command = ("translate", text_file, "--with", "apertium:spa-eng", "--to", "jsonl")
    labels = {entity["label"] for _, entity in entities(salin(*command, "--map", "LOC=PLACE").output)}
    assert "PLACE" in labels and "LOC" not in labels
    assert entities(salin(*command, "--threshold", "1").output) == []


def test_a_tagger_is_trained_on_what_translation_has_tagged(
    salin: Callable, text_file: Path, corpora, model_folder: Callable, tmp_path: Path
) -> None:
    """The commands of docs/how-to/train-on-silver-data.md."""
    silver = tmp_path / "silver.jsonl"
    command = ("translate", text_file, "--with", "apertium:spa-eng", "--language", "es")
    ran = salin(*command, "--silver", "0.5", "--out", silver)
    assert ran.status == 0, ran.errors
    kept = read(silver)
    assert f"{len(kept)} of 3 sentences kept" in ran.errors
    found = [entity for _, entity in entities(silver.read_text("utf-8"))]
    assert found and all(entity["score"] >= 0.5 for entity in found)
    sources = ("--source", corpora.train, "--source", f"es={silver}", "--dev", corpora.dev)
    ran = salin(
        "train", *sources, "--encoder", model_folder("bert"), "--steps", 2, "--batch", 4, "--out", tmp_path / "tagger"
    )
    assert ran.status == 0, ran.errors
    assert salin("tag", text_file, "--model", tmp_path / "tagger").status == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--with", "apertium:glv-eng"), "apt-get install apertium-eng-glv"),
        (("--with", "apertium:eng-spa"), "does not translate into English"),
        (("--with", "apertium:spa-eng?cache=off"), "Apertium has no settings"),
        (("--with", "apertum:spa-eng"), "did you mean apertium:?"),
        (("--with", "apertium:spa-eng", "--text", "x"), "give --text or inputs, not both"),
        (("--with", "apertium:spa-eng", "--silver", "0.5", "--threshold", "0.5"), "does not go with --threshold"),
        ((), "--with"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    salin: Callable, text_file: Path, arguments: tuple[str, ...], error: str
) -> None:
    ran = salin("translate", text_file, *arguments)
    assert ran.status == 2
    assert error in ran.errors
    assert ran.output == ""
