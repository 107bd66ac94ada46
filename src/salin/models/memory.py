"""Memory that is free, given back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back_memory() -> None:
    """Gives back what is free between pieces that are in use, where the C library knows how (glibc does).

    Tensors of ever other sizes leave such holes, so that a process would grow slowly for as long as it tags.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], object] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None
