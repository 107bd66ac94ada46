"""Where the output of a command goes: pipes and links stay what they are, and no output is taken for input."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

RULES = ["--model", "rules:tl"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two texts."""
    path = tmp_path / "texts"
    path.mkdir()
    for name, text in (("a.txt", "Pumunta si Juan."), ("b.txt", "Dumating si Ana.")):
        (path / name).write_text(text, encoding="utf-8")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_hyphen_is_standard_output(
    salin: Callable, folder: Path, corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for inputs in (folder / "a.txt", folder):
        ran = salin("tag", inputs, *RULES, "--out", "-", "--to", "conll")
        assert "Juan\tB-PER" in ran.output
    evaluate = ["evaluate", corpora.test, *RULES, "--labels", "PER"]
    written, shown = (json.loads(salin(*evaluate, *to).output) for to in (("--out", "-"), ("--json",)))
    assert written["signature"] == shown["signature"]
    assert os.listdir(tmp_path) == ["texts"]


def test_a_pipe_is_written_to_and_stays(salin: Callable, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert salin("tag", "--text", "si Ana", *RULES, "--out", pipe).status == 0
    assert json.loads(os.read(reader, 10_000))["text"] == "si Ana"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_link_is_written_through_and_stays(salin: Callable, tmp_path: Path) -> None:
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.write_text("old", encoding="utf-8")
    link.symlink_to(real)
    assert salin("tag", "--text", "si Ana", *RULES, "--out", link).status == 0
    assert link.is_symlink()
    assert json.loads(real.read_text("utf-8"))["text"] == "si Ana"


@pytest.mark.parametrize("name", ["pred.iob", "pred.csv", "pred.2024", "pred.bioes.gz"])
def test_an_ending_of_no_output_format_is_refused(salin: Callable, tmp_path: Path, name: str) -> None:
    ran = salin("tag", "--text", "si Ana", *RULES, "--out", tmp_path / name)
    assert ran.status == 2
    assert "--to" in ran.errors
    assert names(tmp_path) == []
    assert salin("tag", "--text", "si Ana", *RULES, "--out", tmp_path / name, "--to", "jsonl").status == 0


def test_bio_is_conll_and_no_ending_is_json_lines(salin: Callable, tmp_path: Path) -> None:
    for name, beginning in (
        ("pred.bio", "si\tO"),
        ("pred.conllu", "# sent_id = 1\n# text = si Ana"),
        ("pred", '{"text"'),
    ):
        assert salin("tag", "--text", "si Ana", *RULES, "--out", tmp_path / name).status == 0
        assert (tmp_path / name).read_text("utf-8").startswith(beginning)


def test_the_folder_that_is_tagged_is_not_the_output(
    salin: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run would tag what this one wrote."""
    monkeypatch.chdir(folder)
    for out in (folder, Path(), Path("../texts")):
        ran = salin("tag", folder, *RULES, "--out", out)
        assert ran.status == 2
        assert "name another folder" in ran.errors
    assert names(folder) == ["a.txt", "b.txt"]


def test_an_output_inside_the_folder_is_no_input_the_next_time(
    salin: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for inputs, out in ((".", folder / "out"), (folder, "out"), (".", "out")):
        assert salin("tag", inputs, *RULES, "--out", out).status == 0
        assert names(folder) == ["a.txt", "b.txt", "out/a.txt.jsonl", "out/b.txt.jsonl"]


def test_a_folder_may_be_tagged_into_the_one_around_it(salin: Callable, folder: Path) -> None:
    assert salin("tag", folder, *RULES, "--out", folder.parent).status == 0
    assert names(folder.parent) == ["a.txt.jsonl", "b.txt.jsonl", "texts/a.txt", "texts/b.txt"]


def test_a_folder_whose_name_looks_like_a_file_s_is_a_folder(salin: Callable, folder: Path, tmp_path: Path) -> None:
    assert salin("tag", folder, *RULES, "--out", tmp_path / "tagged.2024").status == 0
    assert names(tmp_path / "tagged.2024") == ["a.txt.jsonl", "b.txt.jsonl"]


def test_what_is_done_is_said_when_a_file_of_a_folder_is_bad(salin: Callable, folder: Path, tmp_path: Path) -> None:
    (folder / "c.txt").write_bytes(b"\x00\xff\xfe")
    (folder / "d.txt").write_text("si Ana", encoding="utf-8")
    out = tmp_path / "out"
    ran = salin("tag", folder, *RULES, "--out", out)
    assert ran.status == 2
    done, error = ran.errors.strip().splitlines()[-2:]
    assert done == f"2 of 4 files are done, the last of them {out / 'b.txt.jsonl'}"
    assert f"{folder / 'c.txt'}:1" in error
    assert names(out) == ["a.txt.jsonl", "b.txt.jsonl"]


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(
    ("to", "written"), [("text", "si [Ana](PER) ?"), ("jsonl", r"si Ana \udcff"), ("html", "</mark> \ufffd")]
)
def test_a_byte_of_an_argument_that_is_not_utf_8_is_written_somehow(
    salin: Callable, tmp_path: Path, to: str, written: str, packed: str
) -> None:
    command = ["tag", "--text", "si Ana \udcff", *RULES, "--to", to]
    ran = salin(*command)
    assert ran.status == 0
    assert written in ran.output
    assert salin(*command, "--out", tmp_path / f"out{packed}").status == 0
