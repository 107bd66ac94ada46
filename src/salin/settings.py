"""Settings as runs and results are compared by them, so that a new one makes nothing stale while nothing has changed.

Nothing here knows what a setting means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo


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


def _is_as_before(field: FieldInfo, value: Any) -> bool:
    return any(isinstance(mark, AsBefore) and mark.value == value for mark in field.metadata)
