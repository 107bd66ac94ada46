"""Label sets that are put together of others: several languages at once, or all but one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from salin.errors import SettingError
from salin.values import is_object


def with_unions(label_sets: Mapping[str, Any]) -> dict[str, Any]:
    """Writes out the label sets of a recipe that name others instead of files.

    `union = ["en", "es"]` has the sources and the dev files of both; `tests_of = ["nl"]` the tests of another, and by
    default it has those of its own parts. What such a label set says itself stands over that.

    Args:
        label_sets: As they stand in the recipe.

    Raises:
        SettingError: When one names another that does not exist or is a union itself, or whose sources have no
            language, or two whose tests or label maps contradict each other.
    """
    return {name: _written_out(name, own, label_sets) for name, own in label_sets.items()}


def _written_out(name: str, own: Any, label_sets: Mapping[str, Any]) -> Any:
    if not is_object(own) or "union" not in own:
        return own
    parts = _named(name, own["union"], label_sets)
    tested = _named(name, own["tests_of"], label_sets) if "tests_of" in own else parts
    source: dict[str, list[str]] = {}
    for other, part in parts.items():
        if not is_object(part.get("source")):
            raise SettingError(
                f"label set {name}: {other} does not say the language of its sources. Write source = {{ CODE = [...] }}"
            )
        for language, files in part["source"].items():
            source.setdefault(language, []).extend(files)
    dev = [file for part in parts.values() for file in _listed(part.get("dev", []))]
    tests = {} if "tests" in own else _merged(name, "tests", tested)
    unannotated: dict[str, list[str]] = {}
    for part in tested.values():
        for label, names in part.get("unannotated", {}).items():
            unannotated.setdefault(label, []).extend(names)
    mapped = {} if "map" in own else _merged(name, "map", {**parts, **tested})
    said = {key: value for key, value in own.items() if key not in {"union", "tests_of"}}
    return {"source": source, "dev": dev, "map": mapped, "tests": tests, "unannotated": unannotated, **said}


def _named(name: str, wanted: Any, label_sets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for other in _listed(wanted):
        part = label_sets.get(other)
        if not is_object(part) or "union" in part:
            raise SettingError(f"label set {name}: {other!r} is no label set with files of its own")
        found[other] = part
    return found


def _merged(name: str, table: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """A table of several label sets as one; what stands in two of them has to be the same."""
    found: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for other, part in parts.items():
        own = part.get(table)
        # What is no table the check of that label set complains of.
        for key, value in own.items() if is_object(own) else ():
            if found.setdefault(key, value) != value:
                raise SettingError(
                    f"label set {name}: {owner[key]} and {other} both have {key!r} in `{table}`, and not the same "
                    f"({found[key]}, {value}). Rename one, or write `{table}` out for {name}"
                )
            owner.setdefault(key, other)
    return found


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
