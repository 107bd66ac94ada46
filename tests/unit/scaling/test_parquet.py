"""Parquet is read as JSON lines are, and what is written can be read by anyone."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from salin.baselines import load_rules
from salin.corpus import Entity, Neighbour, Sentence, segment_words
from salin.errors import DataError
from salin.scaling import tag_files

TEXTS = [f"Dumating si Ana {number}." for number in range(200)]


@pytest.fixture(autouse=True)
def _pyarrow(require: Callable[[str, bool], None]) -> None:
    require("pyarrow (pip install 'salin[ray]')", find_spec("pyarrow") is not None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """200 rows in row groups of 70, with columns of all kinds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    day = datetime.date(2024, 5, 23)
    table = pa.table(
        {
            "text": TEXTS,
            "id": list(range(200)),
            "day": [day] * 200,
            "origin": ["web"] * 200,
            "label": [[{"start": 0, "end": 99, "label": "no such span"}]] * 200,
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=70)
    return tmp_path / "rows.parquet"


def tag(path: Path, out: Path, **options: object):
    reading: dict = {"language": "tl"}
    return tag_files([path], out, lambda: load_rules("rules:tl").tag_sentences, settings={}, reading=reading, **options)


@pytest.mark.parametrize("shard_bytes", [100, 2000, 10**9])
def test_rows_come_out_in_order_whatever_the_shards(source: Path, tmp_path: Path, shard_bytes: int) -> None:
    outcome = tag(source, tmp_path / "out", shard_bytes=shard_bytes)
    assert outcome.failures == ()
    found = [json.loads(line) for path in sorted((tmp_path / "out").glob("part-*")) for line in path.open()]
    assert [record["text"] for record in found] == TEXTS
    assert [record["id"] for record in found] == list(range(200))
    assert {record["day"] for record in found} == {"2024-05-23"}
    assert found[150]["entities"] == [{"start": 12, "end": 15, "text": "Ana", "label": "PER"}]
    # What it says of its origin is kept, as in JSON lines.
    assert {record["origin"] for record in found} == {"web"}
    assert (outcome.shards == 1) == (shard_bytes == 10**9)


def test_parquet_out_holds_what_json_lines_hold(source: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    tag(source, tmp_path / "lines", shard_bytes=2000)
    tag(source, tmp_path / "rows", shard_bytes=2000, to="parquet")
    lines = [json.loads(line) for path in sorted((tmp_path / "lines").glob("part-*")) for line in path.open()]
    rows = pq.read_table(tmp_path / "rows").to_pylist()
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert {**json.loads(row["extra"]), "text": row["text"], "origin": row["origin"]} == {
            key: value for key, value in line.items() if key != "entities"
        }
        assert [{k: v for k, v in e.items() if v is not None} for e in row["entities"]] == line["entities"]


def test_everything_that_a_sentence_can_say_has_a_column(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from salin.scaling.parquet import write_parquet

    near = Neighbour(Sentence("Eva", segment_words("Eva"), (Entity(0, 3, "Eva", "PER"),)), 0.5)
    entity = Entity(3, 6, "Ana", "PER", 0.75)
    sentences = [
        Sentence("si Ana", ((0, 2), (3, 6)), (entity,), (near,), "a.txt:1", {"offset": 12}),
        Sentence("siAna", ((0, 2), (2, 5)), origin="a.txt:2"),
        # The keys of the input mean something else here.
        Sentence("", (), extra={"offset": "none", "neighbours": 3, "extra": [1]}),
    ]
    assert write_parquet(sentences, tmp_path / "out.parquet") == 3
    first, second, third = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert first["entities"] == [{"start": 3, "end": 6, "text": "Ana", "label": "PER", "score": 0.75}]
    assert first["neighbours"][0]["similarity"] == 0.5 and first["neighbours"][0]["entities"][0]["text"] == "Eva"
    assert (first["offset"], first["words"], first["extra"]) == (12, None, None)
    assert second["words"] == [[0, 2], [2, 5]] and second["origin"] == "a.txt:2"
    assert json.loads(third["extra"]) == {"offset": "none", "neighbours": 3, "extra": [1]}


@pytest.mark.parametrize("content", ["no text", "no parquet", "cut off"])
def test_what_cannot_be_read_is_named(source: Path, tmp_path: Path, content: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from salin.scaling.parquet import open_rows

    path = tmp_path / "bad.parquet"
    match content:
        case "no text":
            pq.write_table(pa.table({"content": ["si Ana"]}), path)
        case "no parquet":
            path.write_text("si Ana")
        case "cut off":
            path.write_bytes(source.read_bytes()[:-50])
    named = "there is no column text" if content == "no text" else "cannot be read as Parquet"
    with pytest.raises(DataError, match=rf"bad\.parquet: {named}"), open_rows(path) as rows:
        list(rows)
    outcome = tag(path, tmp_path / "out")
    assert named in outcome.failures[0].reason


def test_a_missing_text_is_the_error_of_its_row(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["si Ana", None]}), path)
    outcome = tag(path, tmp_path / "out")
    assert "rows.parquet:2: there is no text" in outcome.failures[0].reason
