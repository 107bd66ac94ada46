"""When the next request may begin: so many in a minute, and none while the server asks to wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_PAUSE = 60.0


class Pace:
    """Spreads requests evenly.

    Args:
        per_minute: How many may begin in a minute; None is as many as can.
    """

    def __init__(self, per_minute: float | None):
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._next, self._held = 0.0, 0.0

    async def turn(self) -> None:
        """Waits for one's turn."""
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + self._interval
        await asyncio.sleep(start - now)
        # Who waited may find that the server has asked to wait again.
        while (rest := self._held - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    def hold(self, seconds: float) -> None:
        """Lets nobody begin for so long, since the server asked for it."""
        self._held = max(self._held, time.monotonic() + seconds)


def pause(attempt: int, backoff: float) -> float:
    """Seconds before another attempt: drawn below a bound that doubles, so that clients do not come back together.

    Args:
        attempt: How many attempts there were.
        backoff: The bound after the first.
    """
    return random.uniform(0.5, 1) * min(backoff * 2.0 ** min(attempt - 1, 30), _LONGEST_PAUSE)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks to wait, which it says as a number or as a date; 0 where it says nothing."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0
