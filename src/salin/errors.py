"""The errors that salin raises for bad input, each with what a user needs to mend it."""

from __future__ import annotations

from pathlib import Path


class SalinError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class DataError(SalinError):
    """A file that cannot be read as what it should be.

    Args:
        reason: What is wrong, in one clause.
        path: The file, where there is one.
        line: The line, counted from 1, where there is one.
        remedy: What to do about it.
    """

    def __init__(self, reason: str, *, path: str | Path | None = None, line: int | None = None, remedy: str = ""):
        self.reason, self.path, self.line, self.remedy = reason, path, line, remedy
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(f"{where}{reason}" + (f". {remedy}" if remedy else ""))


class ModelError(SalinError):
    """A model folder that is missing, damaged, unsafe, or does not fit what is asked of it."""


class SettingError(SalinError):
    """A setting that does not exist or does not fit the others."""
