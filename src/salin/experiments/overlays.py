"""Tables of a recipe that stand over others, written out before it is checked: the recipe then says what is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from salin.models.loading import block_count
from salin.settings import StrictSettings
from salin.values import is_object


class Large(StrictSettings):
    """What a recipe does otherwise with a large encoder, whose step sizes and depths are not those of a small one.

    Its tables stand over those of the recipe, setting by setting; an empty one switches the recipe's own off. What is
    compared, on what corpora and with what seeds, stays as it is. The recipe's encoder decides, or what stands in for
    it, also for systems that name one of their own.

    Attributes:
        blocks: An encoder is large from so many blocks on, by its config.
        training: Over the recipe's own.
        adaptation: Over the recipe's own.
        systems: Over the recipe's own, by name.
    """

    blocks: int = Field(gt=0)
    training: dict[str, Any] = Field(default_factory=dict)
    adaptation: dict[str, Any] = Field(default_factory=dict)
    systems: dict[str, dict[str, Any]] = Field(default_factory=dict)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others over them, table by table.

    Args:
        base: A table.
        over: Stands over it; an empty table in it switches the one of the base off.
    """
    both = dict(base)
    for key, value in over.items():
        below = both.get(key)
        both[key] = None if value == {} else merged(below, value) if is_object(below) and is_object(value) else value
    return both


def for_large(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as it is for a large encoder.

    Args:
        recipe: As it stands in the file, with a table `large`.
    """
    return merged(recipe, {key: table for key, table in recipe["large"].items() if key != "blocks"})


def has_large_encoder(encoder: str, large: Large) -> bool:
    """Whether an encoder is one of those that a recipe calls large; of one on the hub only the config is fetched.

    Raises:
        ModelError: When there is no such encoder, or the hub cannot be reached.
    """
    folder = Path(encoder)
    return block_count(str(folder.resolve()) if folder.is_dir() else encoder) >= large.blocks


def with_adaptation(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a recipe's table `adaptation` into each of its adaptations, whose own settings stand over it."""
    common, systems = recipe.get("adaptation") or {}, recipe.get("systems")
    if not is_object(systems) or not is_object(common):
        return dict(recipe)  # which its check complains of
    written = {name: _written_out(common, system) for name, system in systems.items()}
    return {**recipe, "adaptation": common, "systems": written}


def _written_out(common: Mapping[str, Any], system: Any) -> Any:
    if not is_object(system) or not is_object(system.get("adapt")):
        return system
    ways = {name: {**common, **how} if is_object(how) else how for name, how in system["adapt"].items()}
    return {**system, "adapt": ways}
