"""Parquet: rows in, read as the objects of JSON lines are, and tagged sentences out, always in the same columns."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from salin.corpus import Sentence
from salin.corpus.formats.jsonl import as_record
from salin.corpus.parts import WHOLE, Part
from salin.errors import DataError, SettingError
from salin.files import atomic_write

try:
    import pyarrow
    from pyarrow import parquet
except ImportError as error:
    raise SettingError("Parquet needs pyarrow, which is not installed: pip install 'salin[ray]'") from error

# pyarrow tells nobody its types.
pa: Any = pyarrow
pq: Any = parquet
_ROWS_READ, _ROWS_WRITTEN = 1024, 8192
_ENTITIES = pa.list_(
    pa.struct(
        [
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("text", pa.string()),
            ("label", pa.string()),
            ("score", pa.float64()),
        ]
    )
)
#: The columns of every output; what a sentence says beside them stands in `extra` as JSON.
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("entities", _ENTITIES),
        ("words", pa.list_(pa.list_(pa.int64()))),
        (
            "neighbours",
            pa.list_(pa.struct([("text", pa.string()), ("similarity", pa.float64()), ("entities", _ENTITIES)])),
        ),
        ("origin", pa.string()),
        ("offset", pa.int64()),
        ("extra", pa.string()),
    ]
)


def split_rows(path: str | Path, size: int) -> list[Part]:
    """Cuts a Parquet file into parts of about so many bytes, unpacked; their `start` and `end` count rows.

    Raises:
        DataError: When it cannot be read.
    """
    cuts, filled, row = [0], 0.0, 0
    with _opened(path) as file:
        for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
            end = row + group.num_rows
            weight = max(1.0, group.total_byte_size / max(1, group.num_rows))
            while row < end:
                room = int((size - filled) / weight)
                if room < 1 and filled:
                    cuts.append(row)
                    filled = 0.0
                    continue
                taken = min(end - row, max(1, room))
                row, filled = row + taken, filled + taken * weight
    return [Part(here, there, here) for here, there in pairwise([*cuts, row])] or [WHOLE]


@contextmanager
def open_rows(path: str | Path, part: Part = WHOLE) -> Generator[Iterator[bytes]]:
    """Opens rows as JSON lines, each an object of the row's columns.

    Raises:
        DataError: When the file cannot be read, or has neither a column `text` nor a column `tokens`.
    """
    with _opened(path) as file:
        names = file.schema_arrow.names
        if not {"text", "tokens"} & set(names):
            raise DataError(
                f"there is no column text and no column tokens, but {', '.join(names)}",
                path=path,
                remedy="Rename the column of the text",
            )
        yield _lines(file, path, part.start, part.end)


def _lines(file: Any, path: str | Path, start: int, end: int | None) -> Iterator[bytes]:
    rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    end = sum(rows) if end is None else end
    groups: list[int] = []
    position = first = 0
    for group, count in enumerate(rows):
        if position + count > start and position < end:
            first = position if not groups else first
            groups.append(group)
        position += count
    position = first
    try:
        for batch in file.iter_batches(_ROWS_READ, groups) if groups else ():
            here, position = position, position + batch.num_rows
            kept = batch.slice(max(0, start - here), max(0, min(end, position) - max(start, here)))
            for row in kept.to_pylist():
                # What JSON has no type for (a date, bytes) is kept as text.
                yield json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n"
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", path=path) from error


def write_parquet(sentences: Iterable[Sentence], path: Path) -> int:
    """Writes sentences as rows, a few thousand at a time; the file appears when it is whole.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When the file cannot be written.
    """
    count = 0
    records = map(_row, sentences)
    with atomic_write(path, "wb") as file, pq.ParquetWriter(file, SCHEMA) as writer:
        while rows := list(islice(records, _ROWS_WRITTEN)):
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            count += len(rows)
    return count


def _row(sentence: Sentence) -> dict[str, Any]:
    record = as_record(sentence)
    # An object of the input may use the other names for something else.
    fits = {
        "text": True,
        "entities": True,
        "words": record.get("words") is sentence.words,
        "neighbours": bool(sentence.neighbours),
        "origin": isinstance(record.get("origin"), str),
        "offset": type(record.get("offset")) is int,
    }
    row = {name: record.pop(name) for name, here in fits.items() if here}
    return {**row, "extra": json.dumps(record, ensure_ascii=False) if record else None}


@contextmanager
def _opened(path: str | Path) -> Generator[Any]:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise DataError("there is no such file", path=path) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", path=path) from error
    with file:
        yield file
