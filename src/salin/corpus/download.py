"""Fetching data sets: each file is checked against the catalogue's SHA-256 and appears only when it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from salin.corpus.catalogue import DataFile, data_folder, find_dataset
from salin.errors import DataError, SettingError
from salin.files import atomic_write

Progress = Callable[[str, int, int], None]

_CHUNK = 1 << 20
_NO_BASE = (
    "{name} is not in {folder}, and no address to get it from is set. There is no public mirror of these files yet: "
    "set SALIN_DATA_URL (or --base) to a web server or a folder that holds {path}, or make the file from the original "
    "({home}) and put it there"
)


def get_dataset(
    name: str, *, base: str | None = None, folder: Path | None = None, progress: Progress | None = None
) -> dict[str, Path]:
    """Gives the files of a data set, and fetches those that are not in the data folder.

    Args:
        name: Such as `"conll2002/es"`.
        base: Address of a web server, or a folder, that holds `ner/...`; by default `SALIN_DATA_URL`. Without one only
            files that are in the data folder already can be had.
        folder: The data folder, if not the usual one.
        progress: Called with a file's path, the bytes so far and all its bytes.

    Returns:
        A path for each split.

    Raises:
        SettingError: When there is no such data set, or a file is missing and no address is set.
        DataError: When a file cannot be fetched, or is not the one that the catalogue names; nothing is kept then.
    """
    dataset = find_dataset(name, folder)
    base = base or os.environ.get("SALIN_DATA_URL") or None
    target = folder or data_folder()
    paths: dict[str, Path] = {}
    for split, file in dataset.files.items():
        path, state = target / file.path, file.state(target)
        if state == "missing":
            if dataset.own:
                raise DataError("your file is gone", path=path, remedy="Add it again with `salin data add`")
            if base is None:
                home = dataset.home
                raise SettingError(_NO_BASE.format(name=file.path, folder=target, path=file.path, home=home))
            _fetch(file, base, path, progress)
        elif state == "changed":
            what = "Add it again with `salin data add`" if dataset.own else "Delete it and get it again"
            raise DataError("has changed since the catalogue named its checksum", path=path, remedy=what)
        paths[split] = path
    return paths


def _fetch(file: DataFile, base: str, path: Path, progress: Progress | None) -> None:
    address = f"{base.rstrip('/')}/{file.path}"
    digest, size = hashlib.sha256(), 0
    with atomic_write(path, "wb") as target, _chunks(address) as chunks:
        for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                raise DataError(f"is larger than the {file.size:,} bytes of the catalogue", path=address)
            digest.update(chunk)
            target.write(chunk)
            if progress is not None:
                progress(file.path, size, file.size)
        if digest.hexdigest() != file.sha256:
            raise DataError(
                f"is not the file of the catalogue: {size:,} bytes with SHA-256 {digest.hexdigest()[:12]}, not "
                f"{file.size:,} with {file.sha256[:12]}",
                path=address,
                remedy="Is it another version? Nothing was kept",
            )


@contextmanager
def _chunks(address: str) -> Generator[Iterator[bytes]]:
    """The bytes behind an address, which is a URL or a path."""
    remedy = "Check SALIN_DATA_URL"
    if "://" not in address:
        try:
            with open(address, "rb") as stream:
                yield iter(lambda: stream.read(_CHUNK), b"")
        except FileNotFoundError:
            raise DataError("there is no such file", path=address, remedy=remedy) from None
        return
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=30) as response:
            if not response.is_success:
                reason = f"the server answers {response.status_code} {response.reason_phrase}"
                raise DataError(reason, path=address, remedy=remedy)
            yield response.iter_bytes(_CHUNK)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DataError(f"cannot be fetched: {error or type(error).__name__}", path=address, remedy=remedy) from error
