"""What `salin tag` reads: files, folders of files, standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from salin.errors import DataError, SettingError

#: Standard input as an input, standard output as an output.
STANDARD = Path("-")


@dataclass(frozen=True, slots=True)
class TaggingJob:
    """Inputs that end up in one place.

    Attributes:
        inputs: Files, or `-`.
        output: A file, or None for standard output.
    """

    inputs: tuple[Path, ...]
    output: Path | None


def plan_jobs(inputs: Sequence[Path], output: Path | None, suffix: str) -> list[TaggingJob]:
    """Says which input goes where.

    Everything goes into one output, in order, unless a folder is among the inputs and an output is named: then the
    output is a folder too, with a file `NAME.SUFFIX` for each file.

    Args:
        inputs: Files and folders; none is standard input. Folders are walked; hidden files are left out.
        output: A file or a folder; None is standard output.
        suffix: Of files in an output folder.

    Raises:
        DataError: When an input does not exist, or a folder holds no file.
        SettingError: When the output is a folder where a file is needed, or the other way round, or when it is the
            folder that is tagged: the next run would take what this one wrote for input.
    """
    _check_apart(inputs, output)
    found = [(path, list(_files(path, output))) for path in inputs or [STANDARD]]
    if output is None or not any(path.is_dir() for path, _ in found):
        if output is not None and output.is_dir():
            raise SettingError(f"{output} is a folder: name a file, or tag a folder into it")
        return [TaggingJob(tuple(file for _, files in found for file in files), output)]
    if output.is_file():
        raise SettingError(f"{output} is a file, but a folder is tagged: name a folder")
    jobs: list[TaggingJob] = []
    for path, files in found:
        for file in files:
            relative = file.relative_to(path) if path.is_dir() else Path(file.name if file != STANDARD else "stdin")
            jobs.append(TaggingJob((file,), output / f"{relative}.{suffix}"))
    if len({job.output for job in jobs}) < len(jobs):
        raise SettingError("two inputs have the same name, so their outputs would too: tag them apart")
    return jobs


def find_files(inputs: Sequence[Path], output: Path | None) -> list[Path]:
    """The files of files and folders, in order; what is in the output is none of them.

    Raises:
        DataError: When an input does not exist, or a folder holds no file.
        SettingError: When the output is the folder that is tagged.
    """
    _check_apart(inputs, output)
    return [file for path in inputs for file in _files(path, output)]


def _check_apart(inputs: Sequence[Path], output: Path | None) -> None:
    if output is not None and output.is_dir() and any(path.is_dir() and path.samefile(output) for path in inputs):
        raise SettingError(f"{output} is what is tagged: name another folder for what comes out")


def _files(path: Path, output: Path | None) -> Iterator[Path]:
    if path == STANDARD or path.is_file() or path.is_fifo() or path.is_char_device():
        yield path
        return
    if not path.exists():
        raise DataError("there is no such file or folder", path=path, remedy=f"Look into {path.parent.resolve()}")
    # What an earlier run put into a folder inside this one is no input.
    inner = output if output is not None and _holds(path, output) else None
    empty = True
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.is_file() and not hidden and not (inner is not None and _holds(inner, file)):
            empty = False
            yield file
    if empty:
        raise DataError("there is no file in this folder", path=path)


def _holds(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
