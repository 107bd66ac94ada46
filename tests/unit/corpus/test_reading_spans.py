"""Span JSONL as many tools write it, inline marks, and telling formats apart."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salin.corpus import Corpus, read
from salin.errors import DataError, SettingError

File = Callable[..., Path]
TEXT = "José visitó Ávila."


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(content: str | bytes, name: str = "a.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def entities(corpus: Corpus) -> list[tuple[int, int, str, str]]:
    return [(e.start, e.end, e.text, e.label) for sentence in corpus for e in sentence.entities]


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "entities": [{"start": 0, "end": 4, "label": "PER"}, {"start": 12, "end": 17, "label": "LOC"}]},
        {"text": TEXT, "spans": [{"start": 12, "end": 17, "type": "LOC"}, {"start": 0, "end": 4, "type": "PER"}]},
        {"text": TEXT, "label": [[0, 4, "PER"], [12, 17, "LOC"]]},
        {"text": TEXT, "labels": [[0, 4, "PER"], [12, 17, "LOC"]]},
        {
            "text": TEXT,
            "label": [{"start": 0, "end": 4, "labels": ["PER"]}, {"start": 12, "end": 17, "labels": ["LOC"]}],
        },
        {"text": TEXT, "entities": [{"start_offset": 0, "end_offset": 4, "label": "PER"}, [12, 17, "LOC"]]},
        {
            "text": TEXT,
            "spans": [
                {"start_byte": 0, "limit_byte": 5, "label": "PER"},
                {"start_byte": 14, "limit_byte": 20, "label": "LOC"},
            ],
        },
        {  # byte offsets, told by the text beside them
            "text": TEXT,
            "entities": [
                {"start": 0, "end": 5, "text": "José", "label": "PER"},
                {"start": 14, "end": 20, "text": "Ávila", "label": "LOC"},
            ],
        },
        {"text": TEXT, "tokens": ["José", "visitó", "Ávila", "."], "ner_tags": ["B-PER", "O", "B-LOC", "O"]},
        {"text": TEXT, "tokens": ["José", "visitó", "Ávila", "."], "tags": ["U-PER", "O", "U-LOC", "O"]},
    ],
)
def test_every_shape_gives_the_same_sentence(file: File, record: dict[str, Any]) -> None:
    corpus = read(file(json.dumps(record)))
    assert corpus[0].text == TEXT
    assert corpus[0].tokens == ["José", "visitó", "Ávila", "."]
    assert entities(corpus) == [(0, 4, "José", "PER"), (12, 17, "Ávila", "LOC")]


def test_byte_offsets_on_request(file: File) -> None:
    path = file(json.dumps({"text": TEXT, "entities": [[14, 20, "LOC"]]}))
    assert entities(read(path, offsets="bytes")) == [(12, 17, "Ávila", "LOC")]


def test_words_are_cut_at_entities(file: File) -> None:
    corpus = read(file('{"text": "anti-Berlin", "entities": [[5, 11, "LOC"]]}'))
    assert corpus[0].tokens == ["anti-", "Berlin"]


BROKEN = [
    ('{"text": "a"', "a.jsonl:1: not JSON: .*. JSONL has one whole object a line"),
    ("[1]", "a.jsonl:1: not a JSON object"),
    ('{"sentence": "a"}', "a.jsonl:1: there is no text and no list of tokens. A line is"),
    ('\n{"text": "ab", "entities": [[0, 3, "PER"]]}', "a.jsonl:2: the span 0..3 PER does not fit a text of 2 char"),
    ('{"text": "ab", "entities": [[1, 1, "PER"]]}', "the span 1..1 PER does not fit"),
    ('{"text": "a b c", "entities": [[0, 3, "PER"], [2, 5, "LOC"]]}', r"the spans 0..3 and 2..5 overlap"),
    ('{"text": "a b", "entities": [[0, 2, "PER"]]}', "the span 0..2 PER begins or ends with white space"),
    ('{"text": "a b", "entities": [{"start": 0, "end": 1, "text": "b", "label": "X"}]}', "'a', but is said to be 'b'"),
    ('{"text": "a b", "entities": [{"start": "0", "end": 1, "label": "X"}]}', "not a span:"),
    ('{"tokens": ["a", "b"], "tags": ["O"]}', "2 tokens but 1 tags. Give one tag a token"),
    ('{"tokens": ["a"], "ner_tags": [3]}', "the tags are numbers. Write their names"),
    ('{"tokens": ["a"], "tags": ["X"]}', "unknown tag 'X'"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_errors_say_where_and_why(file: File, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(file(content))


@pytest.mark.parametrize("content", [content for content, _ in BROKEN])
@pytest.mark.parametrize("on_error", ["repair", "skip"])
def test_one_bad_line_never_stops_repair_or_skip(file: File, content: str, on_error: Any) -> None:
    corpus = read(file(f'{content}\n{{"text": "good"}}\n'), on_error=on_error)
    assert corpus[-1].text == "good"
    assert corpus.notes
    if on_error == "skip":
        assert len(corpus) == 1


def test_repair_keeps_the_longest_of_nested_spans(file: File) -> None:
    path = file('{"text": "Bank of Spain ", "entities": [[8, 13, "LOC"], [0, 14, "ORG"], [0, 13, "ORG"]]}')
    corpus = read(path, on_error="repair")
    assert entities(corpus) == [(0, 13, "Bank of Spain", "ORG")]


def test_inline_marks(file: File) -> None:
    path = file(
        "# a comment\n\n[Ginebra](LOC), 23 de mayo ([EFE\\[C\\]](ORG)) \\\\ \\[x\\].\n\\# [Ana](PER)\n", "a.txt"
    )
    corpus = read(path)
    assert corpus.format == "inline"
    assert corpus[0].text == r"Ginebra, 23 de mayo (EFE[C]) \ [x]."
    assert [e[2:] for e in entities(corpus)] == [("Ginebra", "LOC"), ("EFE[C]", "ORG"), ("Ana", "PER")]
    assert corpus[1].text == "# Ana"
    assert corpus[1].origin.endswith("a.txt:4")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[Ana", r"a.txt:2: '\[' in column 1 belongs to no mark. A mark is \[name\]\(TYPE\)"),
        ("Ana](PER)", r"'\]' in column 4 belongs to no mark"),
        ("[Ana] (PER)", r"'\[' in column 1"),
        ("[[Ana](PER) Sousa](PER)", r"'\[' in column 1"),
        ("[Ana ](PER)", "white space at the edge of a mark"),
        ("[](PER)", "an empty mark"),
        ("a \\b", r"'\\\\' in column 3"),
    ],
)
def test_bad_marks(file: File, line: str, message: str) -> None:
    path = file(f"[ok](PER)\n{line}\n", "a.txt")
    with pytest.raises(DataError, match=message):
        read(path)
    assert len(read(path, on_error="skip")) == 1
    assert len(read(path, on_error="repair")) == 2


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files_are_opened(file: File, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b'{"text": "Ana", "entities": [[0, 3, "PER"]]}\n' * 3)
    assert len(read(file(packed, f"a.jsonl{suffix}"))) == 3
    with pytest.raises(DataError, match=r"cannot be read: .*damaged or cut off"):
        read(file(packed[:-12], f"b.jsonl{suffix}"))


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("Ana B-PER\nva O\n", "eng.train", "conll"),
        ("Ana NNP B-NP B-PER\nva V O O\n", "data.txt", "conll"),
        ('{"text": "a"}\n', "data", "jsonl"),
        ("[Ana](PER) va.\n", "data.txt", "inline"),
        ("Ana va.\nO no.\n", "data.txt", "text"),
        ("See [the page](https://example.com).\n", "readme.md", "text"),
        ("Vitamin O\nis not one\n", "data.txt", "text"),
        ("[1] A note.\n[2] {Another}.\n", "notes", "text"),
    ],
)
def test_the_format_is_told_from_content(file: File, content: str, name: str, expected: str) -> None:
    assert read(file(content, name)).format == expected


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "a"}]',
        '[\n  {\n    "text": "a"\n  }\n]\n',
        '{\n  "text": "a"\n}\n',
        '\n{"text": "a",\n"id": 1}\n',
        "[{}]",
    ],
)
def test_json_that_is_not_jsonl_is_not_read_as_text(file: File, content: str) -> None:
    line = 1 + content.startswith("\n")
    message = rf"a.json:{line}: this is JSON, but not one object a line. Make it JSONL .* \(--format text, or format="
    with pytest.raises(DataError, match=message):
        read(file(content, "a.json"))
    assert read(file(content, "a.json"), format="text").format == "text"


@pytest.mark.parametrize(
    "row", ["{},{}", '"{}","{}"', '"{}"\t"{}"', "{};NNP;{}", "Sentence: 1,{},NNP,{}"], ids=lambda row: row
)
def test_a_table_between_commas_or_quotes_is_not_read_as_text(file: File, row: str) -> None:
    content = "word,tag\n" + "".join(
        row.format(*word) + "\r\n" for word in (("Ana", "B-PER"), ("won", "O"), (".", "O"))
    )
    with pytest.raises(DataError, match=r"a.csv:1: this is CSV, or its tags stand between quotes.*--format text"):
        read(file(content, "a.csv"))
    assert read(file(content, "a.csv"), format="text").format == "text"
    assert read(file("Ana, B-PER and O, he said.\nShe won.\nShe left.\n", "a.csv")).format == "text"


def test_missing_files_suggest_the_nearest(file: File) -> None:
    path = file("Ana B-PER\n", "train.conll")
    with pytest.raises(DataError, match=r"trian.conll: there is no such file. Did you mean train.conll\?"):
        read(path.with_name("trian.conll"))
    with pytest.raises(DataError, match="is a folder"):
        read(path.parent)


def test_labels_are_mapped_while_reading(file: File) -> None:
    path = file("Ana B-PERSON\nva O\nMITO B-MISC\n", "a.conll")
    corpus = read(path, labels={"PERSON": "PER", "MISC": "O"})
    assert corpus.labels == ("PER",)
    assert [e[2:] for e in entities(corpus)] == [("Ana", "PER")]
    with pytest.raises(SettingError, match="no label 'PERS'; did you mean 'PERSON'"):
        read(path, labels={"PERS": "PER"})
