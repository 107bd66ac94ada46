"""What is wrong with a setting, in one line, with the nearest one where it does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from salin.errors import SettingError

# The table that recipes of one kind have and no others, and the command that runs them.
_COMMANDS = {"systems": "salin run", "networks": "salin analyse shared", "text": "salin pretrain"}


def explain(error: ValidationError, models: Iterable[type[BaseModel]] = ()) -> str:
    """The first problem that pydantic found, or the first setting that does not exist, since others follow from it.

    Args:
        error: What it raised.
        models: Whose settings, those of their parts included, may have been meant.
    """
    first = _first(error)
    place = ".".join(map(str, first["loc"]))
    if first["type"] != "extra_forbidden":
        return f"{place}: {first['msg']}" if place else first["msg"]
    known = sorted({name for model in models for name in setting_names(model)})
    near = get_close_matches(str(first["loc"][-1]), known, 1)
    return f"there is no setting {place!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def check_kind(recipe: Mapping[str, Any], path: Path, own: str) -> None:
    """Refuses a recipe that another command runs.

    Args:
        recipe: As it stands in its file.
        path: The file.
        own: The table that recipes of this command have.

    Raises:
        SettingError: With the other command.
    """
    if own not in recipe:
        for table, command in _COMMANDS.items():
            if table in recipe:
                raise SettingError(f"{path}: {_COMMANDS[own]} does not run this recipe: {command} {path} does")


def place_of(error: ValidationError, path: Path) -> str:
    """`FILE:LINE` of the first problem in a TOML file, or `FILE` where its setting does not stand there."""
    place = _first(error)["loc"]
    if not place:
        return str(path)
    name = re.escape(str(place[-1]))
    pattern = re.compile(rf"\s*(\[[^]]*\b)?\"?{name}\"?\s*[]=.]")
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if pattern.match(line):
            return f"{path}:{number}"
    return str(path)


def _first(error: ValidationError) -> ErrorDetails:
    problems = error.errors()
    return next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])


def setting_names(model: type[BaseModel]) -> Iterator[str]:
    """The names of a model's settings and of those of its parts."""
    for name, field in model.model_fields.items():
        yield name
        for part in _models(field.annotation):
            yield from setting_names(part)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
