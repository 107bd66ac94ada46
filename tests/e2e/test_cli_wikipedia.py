"""`salin wikipedia-pairs` from dumps to pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tiny_dumps import Page, write_articles, write_dumps

PAGES = [
    Page(1, "Lisboa", "'''Lisboa''' es la capital y la ciudad más grande de [[Portugal]]. Otra frase.", "Lisbon"),
    Page(2, "Ana Reyes", "'''Ana Reyes''' es una escritora de Filipinas.", "Ana Reyes"),
]


@pytest.fixture
def arguments(require: Callable[[str, bool], None], tmp_path: Path) -> list[object]:
    require("mwparserfromhell (pip install 'salin[wikipedia]')", find_spec("mwparserfromhell") is not None)
    names = tmp_path / "names.conll"
    names.write_text("Ana B-PER\nReyes I-PER\nlives O\nin O\nLisbon B-LOC\n. O\n", encoding="utf-8")
    dumps = write_dumps(tmp_path / "dumps", PAGES)
    return [names, "--language", "es", *(part for name, path in dumps.items() for part in (f"--{name}", path))]


def test_names_of_an_english_corpus_become_pairs(salin: Any, arguments: list[object], tmp_path: Path) -> None:
    out = tmp_path / "pairs.jsonl"
    done = salin("wikipedia-pairs", *arguments, "--out", out)
    assert (done.status, done.errors) == (0, f"2 names, 2 pairs in {out}\n")
    first, second = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert first == {
        "english": "Lisbon", "label": "LOC", "original": "Lisboa", "start": 0, "end": 6,
        "sentence": "Lisboa es la capital y la ciudad más grande de Portugal.", "title": "Lisboa", "page": 1,
    }  # fmt: skip
    assert (second["english"], second["label"]) == ("Ana Reyes", "PER")


def test_types_are_compared_with_what_the_tagger_finds_in_english(
    salin: Any, arguments: list[object], tmp_path: Path
) -> None:
    english = write_articles(
        tmp_path / "english.xml",
        [
            Page(7, "Lisbon", "'''Lisbon''' is the capital and largest city of [[Portugal]]."),
            Page(8, "Ana Reyes", "The rose '''ana reyes''' is a garden flower with red petals."),
        ],
    )
    out = tmp_path / "pairs.jsonl"
    done = salin("wikipedia-pairs", *arguments, "--english", english, "--out", out)
    assert (done.status, done.errors) == (
        0, f"2 names, 1 pairs in {out}\nleft out: 1 type not that of the article\n",
    )  # fmt: skip


def test_a_dump_that_is_none_is_named(salin: Any, arguments: list[object], tmp_path: Path) -> None:
    arguments[-1] = arguments[0]
    done = salin("wikipedia-pairs", *arguments, "--out", tmp_path / "pairs.jsonl")
    assert done.status == 2 and "names.conll" in done.errors and not (tmp_path / "pairs.jsonl").exists()
