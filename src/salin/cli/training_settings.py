"""From options to the settings of a method, with errors that name the option."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.training.methods import MethodSettings

    Settings = TypeVar("Settings", bound=MethodSettings)


def make_settings(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """Checks settings.

    Args:
        kind: `MethodSettings` or `MetaSettings`.
        values: Its fields.

    Raises:
        SettingError: When a value is out of range.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][-1]).replace("_", "-")
        raise SettingError(f"{option} {first['input']}: {first['msg']}") from None


def switching(lexicons: Sequence[str], sentences: float, words: float) -> dict[str, Any] | None:
    """The settings of code-switching, or None without lexicons.

    Args:
        lexicons: `LANGUAGE=FILE` each; files of the same language are put together.
        sentences: The share of sentences that are switched.
        words: The share of their words.

    Raises:
        SettingError: When one of the lexicons is not `LANGUAGE=FILE`.
    """
    files: dict[str, list[Path]] = {}
    for text in lexicons:
        language, equals, path = text.partition("=")
        if not (language and equals and path):
            raise SettingError(f"--lexicon {text}: write LANGUAGE=FILE, such as es=en-es.tsv")
        files.setdefault(language, []).append(Path(path))
    return {"lexicons": files, "sentence_rate": sentences, "word_rate": words} if files else None
