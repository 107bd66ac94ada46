"""From options to the settings of a method, with errors that name the option."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from salin.corpus import Corpus
from salin.errors import SettingError
from salin.validation import explain
from salin.values import is_object

Settings = TypeVar("Settings", bound=BaseModel)


def make_settings(kind: type[Settings], values: Mapping[str, Any], more: Sequence[str] = ()) -> Settings:
    """Checks settings.

    Args:
        kind: The settings, such as `MethodSettings`.
        values: Those of its fields that have options.
        more: Others, `NAME=VALUE` each.

    Raises:
        SettingError: When one does not exist, or its value is out of range.
    """
    whole = {name: dict(value) if is_object(value) else value for name, value in values.items()}
    added = dict(_named(text) for text in more)
    for name, value in added.items():
        _add(whole, name, value)
    try:
        return kind.model_validate(whole)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "value_error":  # of settings that do not go together
            raise SettingError(first["msg"].removeprefix("Value error, ")) from None
        if first["type"] == "extra_forbidden":
            raise SettingError(f"--set {name}: {_unknown(error, name, kind)}") from None
        option = f"--set {name}" if name in added else "--" + str(first["loc"][-1]).replace("_", "-")
        raise SettingError(f"{option} {first['input']}: {first['msg']}") from None


def _named(text: str) -> tuple[str, Any]:
    """Name and value of `NAME=VALUE`. The value is TOML's, but a word needs no quotes."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SettingError(f"--set {text}: write NAME=VALUE, such as loss_aggregation=sentence-mean")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def _add(values: dict[str, Any], name: str, value: Any) -> None:
    """Puts a value in its place, such as `loop.schedule`."""
    *parts, last = name.split(".")
    inside = values
    for part in parts:
        inside = inside.setdefault(part, {})
        if not is_object(inside):
            raise SettingError(f"--set {name}: {part!r} has no settings of its own")
    if last in inside:
        raise SettingError(f"--set {name}: it has an option of its own; see --help")
    inside[last] = value


def _unknown(error: ValidationError, name: str, kind: type[BaseModel]) -> str:
    from salin.training.meta import MetaSettings

    return (
        "it is about meta-training: give --method meta" if name in MetaSettings.model_fields else explain(error, [kind])
    )


def switching(
    lexicons: Sequence[str], sentences: float, words: float, language: str | None, source: Sequence[Corpus]
) -> dict[str, Any] | None:
    """The settings of code-switching, or None without lexicons.

    Args:
        lexicons: `LANGUAGE=FILE` each; files of the same language are put together.
        sentences: The share of sentences that are switched.
        words: The share of their words.
        language: The one that the lexicons translate from; None is that of the sources, if they are all in one.
        source: What is to be switched.

    Raises:
        SettingError: When one of the lexicons is not `LANGUAGE=FILE`, or it is not clear what they translate from.
    """
    files: dict[str, list[Path]] = {}
    for text in lexicons:
        target, equals, path = text.partition("=")
        if not (target and equals and path):
            raise SettingError(f"--lexicon {text}: write LANGUAGE=FILE, such as es=en-es.tsv")
        files.setdefault(target, []).append(Path(path))
    if not files:
        if language is not None:
            raise SettingError(f"--switch-language {language} is about code-switching: give --lexicon")
        return None
    if language is None and len(known := sorted({corpus.language for corpus in source})) > 1:
        from salin.training.polyglot import check_languages

        check_languages(source, "--lexicon with sources in several languages")
        raise SettingError(
            f"--lexicon: the sources are in several languages ({', '.join(known)}). Say which one the lexicons "
            f"translate from, such as --switch-language {known[0]}"
        )
    return {"lexicons": files, "sentence_rate": sentences, "word_rate": words, "language": language}
