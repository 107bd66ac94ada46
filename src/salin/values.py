"""Values that came from JSON or TOML: what they are, to readers and to the type checker alike, and how two differ."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether this is a list of anything."""
    return isinstance(value, list)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether this is an object, with strings for keys as in JSON."""
    return isinstance(value, dict)


def differences(before: Any, now: Any, place: str = "") -> list[str]:
    """Where two JSON values differ, as `settings.batch: 32 then, 16 now`."""
    if is_object(before) and is_object(now):
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        places = {key: f"{place}.{key}".strip(".") for key in keys}
        return [line for key in keys for line in differences(before.get(key), now.get(key), places[key])]
    if is_list(before) or is_list(now):
        return [place]
    return [f"{place}: {before} then, {now} now"]
