"""Checksums of what a cell reads, so that its result is known to be stale when that has changed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from salin.errors import ModelError
from salin.models.byte_config import named_config
from salin.models.loading import BUNDLED, resolve

_DIGITS = 16
_WEIGHTS = ("*.safetensors", "config.json", "tokenizer.json")


def file_checksum(path: Path) -> str | None:
    """SHA-256 of a file, shortened; None where it is not on this machine."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _of_file(path, status.st_size, status.st_mtime_ns)


def encoder_checksum(name: str, *, fetch: bool = False) -> str | None:
    """SHA-256 of an encoder's weights, config and tokenizer, shortened; None where there are none on this machine.

    Args:
        name: A bundled model, a folder or a Hugging Face id.
        fetch: Whether a Hugging Face id may be asked for, which downloads what is not here yet.
    """
    if named_config(name) is not None:
        return None
    if not fetch and name not in BUNDLED and not Path(name).is_dir():
        return None
    try:
        folder = resolve(name)
    except ModelError:
        return None
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        digest.update(f"{path.name} {file_checksum(path)}\n".encode())
    return digest.hexdigest()[:_DIGITS]


@lru_cache(maxsize=1)
def code_checksum() -> str:
    """SHA-256 of salin's own Python files, shortened: which code made a result."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()} {file_checksum(path)}\n".encode())
    return digest.hexdigest()[:_DIGITS]


@lru_cache(maxsize=1024)
def _of_file(path: Path, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
