"""What all settings have in common, and how runs and results are compared by them.

A new setting makes nothing stale while nothing has changed. Nothing here knows what a setting means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class StrictSettings(BaseModel):
    """Settings among which none is unknown, and that stay what they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class AsBefore:
    """Marks a setting that is newer than results that are still good: `Annotated[bool, AsBefore(False)] = False`.

    Attributes:
        value: What was done before there was such a setting. It stays what it is when the default becomes another one:
            results that were made with the old default are then stale, as they should be.
    """

    value: Any


def compared(value: Any) -> Any:
    """Settings as plain values, without those that are newer and have the value of before.

    Args:
        value: A pydantic model, or a structure that holds such models.

    Returns:
        What `model_dump` gives, less what was left out.
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {name: compared(item) for name, item in value if not _is_as_before(fields[name], item)}
    if isinstance(value, dict):
        return {key: compared(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [compared(item) for item in cast("list[Any]", value)]
    return value


def as_before(settings: BaseModel) -> dict[str, Any]:
    """What `compared` leaves out, in the form in which `model_dump(exclude=...)` takes it.

    Args:
        settings: Which may hold others.
    """
    found: dict[str, Any] = {}
    for name, value in settings:
        if _is_as_before(type(settings).model_fields[name], value):
            found[name] = True
        elif isinstance(value, BaseModel) and (inside := as_before(value)):
            found[name] = inside
    return found


def _is_as_before(field: FieldInfo, value: Any) -> bool:
    return any(isinstance(mark, AsBefore) and mark.value == value for mark in field.metadata)
