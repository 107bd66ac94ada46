"""When the system will not write, the error names the file, whoever noticed it first."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from salin.errors import DataError
from salin.files import atomic_directory, atomic_write, named_refusals


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EFBIG, os.strerror(errno.EFBIG)),
        # As safetensors and tokenizers say it.
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_refusal_names_the_file(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "file.txt"
    path.write_text("as it was", encoding="utf-8")
    said = r"cannot be written: (No space left|File too large)"
    with pytest.raises(DataError, match=rf"file\.txt: {said}"), atomic_write(path):
        raise error
    assert path.read_text("utf-8") == "as it was"
    with pytest.raises(DataError, match=f"folder: {said}"), atomic_directory(tmp_path / "folder", marker="whole"):
        raise error
    assert [other.name for other in tmp_path.iterdir()] == ["file.txt"]


def test_an_error_about_another_file_is_not_blamed_on_this_one(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_write(tmp_path / "out.txt"):
        raise PermissionError(errno.EACCES, "no", "input.txt")


def test_errors_that_are_no_refusal_pass() -> None:
    with pytest.raises(BrokenPipeError), named_refusals("out.txt"):
        raise BrokenPipeError(errno.EPIPE, "gone")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"), atomic_write(tmp_path / "file" / "new.txt"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="Is a directory"), atomic_write(tmp_path / "folder"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
