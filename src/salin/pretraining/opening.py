"""Files as bytes and rows, whatever they are packed with: gzip, xz, bzip2, Zstandard, Parquet."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from salin.corpus.formats.source import Continuation
from salin.errors import DataError, SettingError

_ROWS = 256


def open_text(path: Path) -> IO[bytes]:
    """Opens a file, unpacked where its name says that it is packed.

    Raises:
        DataError: When it cannot be opened.
        SettingError: When what unpacks it is not installed.
    """
    try:
        return _OPENERS.get(path.suffix, _plain)(path)
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", path=path) from error


def bounded_lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    """The lines of a stream; of one that is longer, pieces of at most so many bytes, cut at spaces if there are any.

    Args:
        stream: Of any length, without a line end perhaps.
        longest: Bytes.
    """
    rest, inside = b"", False
    while True:
        read = stream.readline(longest - len(rest))
        piece, rest = rest + read, b""
        if not piece:
            return
        if len(piece) >= longest and not piece.endswith(b"\n"):
            cut = _cut(piece)
            piece, rest = piece[:cut], piece[cut:]
        yield Continuation(piece) if inside else piece
        inside = not piece.endswith((b"\n", b"\r"))


def _cut(piece: bytes) -> int:
    """Behind the last space, or else before the character that is not whole."""
    if (space := piece.rfind(b" ")) > 0:
        return space + 1
    cut = len(piece)
    while cut > len(piece) - 4 and piece[cut - 1] & 0xC0 == 0x80:
        cut -= 1
    return cut - 1 if piece[cut - 1] & 0xC0 == 0xC0 and cut > 1 else len(piece)


def parquet_rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, one after the other.

    Args:
        path: The file.
        columns: Those that are wanted; all but the first may be missing.

    Raises:
        DataError: When the first is missing, or the file is damaged.
        SettingError: When pyarrow is not installed.
    """
    pa = _pyarrow(path)
    from pyarrow import parquet

    pq: Any = parquet
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in columns if name in file.schema_arrow.names]
            if columns[0] not in names:
                there = ", ".join(file.schema_arrow.names)
                raise DataError(
                    f"there is no column {columns[0]}, but {there}", path=path, remedy="Rename that of the text"
                )
            for batch in file.iter_batches(_ROWS, columns=names):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", path=path, remedy="It may be damaged") from error


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _zstd(path: Path) -> IO[bytes]:
    """Read by pyarrow, since Python can from 3.14 on."""
    stream = _pyarrow(path).input_stream(str(path), compression="zstd")
    return cast(IO[bytes], io.BufferedReader(stream))


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        reason = f"{path}: this needs pyarrow, which is not installed: pip install 'salin[ray]'"
        raise SettingError(reason) from error
    return pyarrow


_OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open, ".zst": _zstd}
#: Endings that say how a file is packed, not what is in it.
PACKED = tuple(_OPENERS)
