"""Where the files and encoders that a recipe names are: paths in it are taken from its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast


def with_encoder(value: Any, encoder: str) -> Any:
    """Puts the encoder's name where vectors are to be made by it, also where another stands in for the recipe's."""
    if isinstance(value, dict):
        return {
            key: item.replace("{encoder}", encoder)
            if key == "vectors" and isinstance(item, str)
            else with_encoder(item, encoder)
            for key, item in value.items()
        }
    return value


def with_paths(value: Any, folder: Path, key: str = "") -> Any:
    """Makes the paths of a recipe absolute, wherever they stand."""
    if isinstance(value, dict):
        inside = key in {"source", "tests", "train", "lexicons", "switched_dev", "text"}
        table = cast("dict[str, Any]", value)
        return {k: with_paths(v, folder, "path" if inside else k) for k, v in table.items()}
    if isinstance(value, list):
        return [with_paths(item, folder, key) for item in cast("list[Any]", value)]
    if isinstance(value, str) and key in {"path", "source", "dev", "recipe"}:
        return str(folder / value)
    if isinstance(value, str) and key == "encoder" and value.startswith("."):
        return str((folder / value).resolve())
    if isinstance(value, str) and key == "vectors" and "@." in value:
        vectors, _, encoder = value.partition("@")
        return f"{vectors}@{(folder / encoder).resolve()}"
    return value
