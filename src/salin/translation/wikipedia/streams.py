"""Dumps as they are downloaded: plain, .gz or .bz2, which may be cut off."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from salin.errors import DataError


@contextmanager
def open_dump(path: Path) -> Generator[IO[bytes]]:
    """Opens a dump for reading from the start.

    Raises:
        DataError: When there is none, or it is damaged or cut off where it is read.
    """
    opener = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    try:
        with cast("IO[bytes]", opener(path, "rb")) as file:
            yield file
    except FileNotFoundError:
        raise DataError("there is no such file", path=path) from None
    except (EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.filename not in (None, str(path)):
            raise
        raise DataError(f"cut off or damaged: {error}", path=path, remedy="Download it again") from error
