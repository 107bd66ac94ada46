"""Amounts of memory as people write them."""

from __future__ import annotations

from pydantic import ByteSize, TypeAdapter, ValidationError

from salin.errors import SettingError


def parse_size(text: str) -> int:
    """Bytes from `2GB`, `512MiB` or a number of bytes.

    Raises:
        SettingError: When it is nothing of the kind.
    """
    try:
        size = TypeAdapter(ByteSize).validate_python(text)
    except (ValidationError, ValueError, OverflowError) as error:
        raise SettingError(f"{text!r} is no amount of memory: write it as 2GB, 512MB or 0") from error
    if size < 0:
        raise SettingError(f"{text!r} is less than nothing: write an amount of memory as 2GB, 512MB or 0")
    return int(size)


def in_words(size: int) -> str:
    """Bytes as `212.3MB`."""
    return ByteSize(size).human_readable(decimal=True)
