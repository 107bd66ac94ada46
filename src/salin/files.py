"""Files that are either whole or absent: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from salin.errors import DataError

# What the system says when it will not write; any other error inside a block that writes is not about the file.
_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}
# What file systems say that cannot sync a folder: nothing more can be done there.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM}
# Libraries written in Rust (safetensors, tokenizers) put the number into the message of an error of their own.
_RUST_NUMBER = re.compile(r"\(os error (\d+)\)")


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Generator[IO[Any]]:
    r"""Opens a file that replaces `path` only when the block ends without an error.

    A symbolic link stays one: the file that it leads to is replaced. A pipe or a device, which holds nothing that could
    be kept, is written to as it stands.

    Args:
        path: The file to write; its folder is made where it is missing.
        mode: `"w"` for UTF-8 text with `\n` line ends, `"wb"` for bytes. Half of a surrogate pair, which is no UTF-8,
            is written escaped (`\udcff`).

    Yields:
        The open temporary file.

    Raises:
        DataError: When the file cannot be written: the disk is full, or the folder may not be changed.
    """
    path = _behind_link(path)
    if _is_stream(path):
        with _made_in_parent(path):
            descriptor = os.open(path, os.O_WRONLY)
        with named_refusals(path), _opened(descriptor, mode) as file:
            yield file
        return
    with _made_in_parent(path):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with named_refusals(path), _opened(descriptor, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only the owner may read; a finished file gets the usual rights.
        os.chmod(temporary, 0o666 & ~_umask())
        with _made_in_parent(path):
            os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def atomic_directory(path: str | Path, *, marker: str) -> Generator[Path]:
    """Gives a temporary folder that takes the place of `path` only when the block ends without an error.

    A folder that stands at `path` already is replaced as a whole; a reader sees the old one or the new one. (Between
    the two renames a killed process leaves the old one beside it under the name `.NAME.old`, and
    [recover_directory][salin.files.recover_directory] puts it back.) A symbolic link stays one: the folder that it
    leads to is replaced.

    Args:
        path: The folder.
        marker: A file that tells a folder of this kind. One that holds other things and not this file is somebody's,
            and is never replaced.

    Yields:
        The temporary folder, beside `path`.

    Raises:
        DataError: When a file or somebody else's folder stands there, or it cannot be written: the disk is full, or the
            folder around it may not be changed.
    """
    path = _behind_link(path)
    if path.exists() and not path.is_dir():
        raise DataError("a file stands here", path=path, remedy="Name a folder")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).exists():
        raise DataError(f"a folder stands here that holds no {marker}", path=path, remedy="Name another, or empty it")
    with _made_in_parent(path):
        recover_directory(path)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        with named_refusals(path):
            yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                os.chmod(file, 0o666 & ~_umask())
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
            else:
                _sync_folder(file)
        os.chmod(temporary, 0o777 & ~_umask())
        old = _old(path)
        if path.exists():
            os.replace(path, old)
        _sync_folder(temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def recover_directory(path: str | Path) -> None:
    """Puts back the old folder that a process killed between two renames left under its other name."""
    path = _behind_link(path)
    old = _old(path)
    if old.exists():
        shutil.rmtree(old) if path.exists() else os.replace(old, path)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented UTF-8 JSON, atomically."""
    with atomic_write(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")


@contextmanager
def named_refusals(path: str | Path) -> Generator[None]:
    """Says which file the system refused to write, in whatever way it or a library said that.

    Raises:
        DataError: For a full disk, a quota, a read-only folder and the like; other errors pass.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if found := _RUST_NUMBER.search(str(error)):
            number = int(found[1])
        # An error that names another file is about that one: an input, as a rule.
        named = getattr(error, "filename", None)
        if number not in _REFUSALS or (named is not None and Path(path).name not in str(named)):
            raise
        raise _refused(path, number) from error


@contextmanager
def _made_in_parent(path: Path) -> Generator[None]:
    """Makes the folder around `path`; any error of the system in here is about `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise _refused(path, error.errno) from error


def _sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk.

    A rename changes the folder and not the file. Without this a power cut after `atomic_write` could bring the old file
    back, and one after `atomic_directory` leave neither the new folder nor the old one, which is removed next.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folder, and some may be written but not read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def _refused(path: str | Path, number: int | None) -> DataError:
    reason = os.strerror(number) if number is not None else "the system refused"
    return DataError(f"cannot be written: {reason}", path=path, remedy="What stood there before is as it was")


def _opened(descriptor: int, mode: str) -> IO[Any]:
    if "b" in mode:
        return open(descriptor, mode)
    return open(descriptor, mode, encoding="utf-8", errors="backslashreplace", newline="\n")


def _behind_link(path: str | Path) -> Path:
    """What a symbolic link leads to in the end; any other path as it was given, so that messages say what users do."""
    path = Path(path)
    # `/dev/stdout` leads to a pipe, as a rule, which has no path of its own.
    return Path(os.path.realpath(path)) if os.path.islink(path) and not _is_stream(path) else path


def _is_stream(path: Path) -> bool:
    """Whether something stands there that is neither a file nor a folder: a pipe, a device."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
