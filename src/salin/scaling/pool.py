"""Where work is done: the one thing that tagging in shards asks of Ray, or of whatever else spreads work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

#: Makes, in a worker, the function that all items of this worker go through.
MakeWork = Callable[[], Callable[[str], str]]


class Pool(Protocol):
    """Workers."""

    def map(self, make: MakeWork, items: Sequence[str]) -> Iterator[str]:
        """Sends each item through a function that each worker makes once.

        Args:
            make: Can be sent to other processes, and raises nothing; nor does what it makes.
            items: Strings, as all that goes between processes.

        Yields:
            The results, in any order. An item whose worker dies is tried again, without end.
        """
        ...


class InProcess:
    """No other worker than this process."""

    def map(self, make: MakeWork, items: Sequence[str]) -> Iterator[str]:
        """Sends each item through the function, in order."""
        yield from map(make(), items)
