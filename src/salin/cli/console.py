"""Where a command talks: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console, ConsoleDimensions
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from salin.cli.launcher import is_main, process_index

T = TypeVar("T")

# More than the widest row of a table, so that none is wrapped or cut off.
_UNLIMITED = 100_000
# Seconds between two updates of a counter.
_BETWEEN = 0.1


class _Console(Console):
    """Fits what it writes to the width of a terminal, and to nothing where a file or another program reads it."""

    @property
    def size(self) -> ConsoleDimensions:  # pyright: ignore[reportIncompatibleMethodOverride]
        size = super().size
        return size if self.is_terminal else ConsoleDimensions(_UNLIMITED, size.height)


output = _Console(highlight=False)
errors = _Console(stderr=True, highlight=False)


def note(message: str) -> None:
    """Tells a person something on standard error; of several processes the main one does."""
    if is_main():
        errors.print(Text(message, style="dim"), soft_wrap=True)


class NoteHandler(logging.Handler):
    """What libraries and salin's readers have to say (a repaired line) goes where notes go."""

    def emit(self, record: logging.LogRecord) -> None:
        """Notes one record."""
        note(self.format(record))


def fail(message: str) -> None:
    """Says on one line of standard error what is wrong, and in which process where that is not the main one."""
    who = "error: " if is_main() else f"error in process {process_index()}: "
    errors.print(Text.assemble((who, "bold red"), " ".join(message.split())), soft_wrap=True)


def print_json(value: Any) -> None:
    """Writes a value to standard output as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def counting(what: str, *, show: bool = True) -> Generator[Progress]:
    """Draws a counter on standard error, where that is a terminal and nothing else is written there.

    Args:
        what: What is counted.
        show: False draws none.
    """
    columns = SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} " + what)
    speed = TextColumn("{task.fields[speed]}")
    with Progress(
        *columns, speed, TimeElapsedColumn(), console=errors, transient=True, disable=not (show and errors.is_terminal)
    ) as bar:
        yield bar


def counted(items: Iterable[T], bar: Progress, title: str) -> Iterator[T]:
    """Passes items on and moves a line of the counter, now and then, since rich takes long to think about each."""
    task = bar.add_task(title, total=None, speed="")
    begun = shown = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - shown > _BETWEEN:
            shown = now
            bar.update(task, completed=count, speed=f"{count / (now - begun):,.0f}/s")


@contextmanager
def advancing(what: str, title: str) -> Generator[Callable[[int], None]]:
    """Draws a counter as [counting][salin.cli.console.counting] does, and gives what moves it on by a number.

    Args:
        what: What is counted.
        title: What stands before it.
    """
    with counting(what) as bar:
        task = bar.add_task(title, total=None, speed="")
        yield lambda number: bar.update(task, advance=number)
