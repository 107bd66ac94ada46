"""Translators by name: `apertium:spa-eng`, `openai:http://127.0.0.1:8000/v1?model=NAME`, `transformers:FOLDER`.

A name is one string, so that commands, recipes and results can say which translator it was; it never holds a key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from salin.errors import SettingError
from salin.translation.translator import Translator

#: The types that translators are asked for where nothing else is said.
LABELS = ("LOC", "ORG", "PER")


def open_translator(name: str, *, labels: Sequence[str] = LABELS, language: str | None = None) -> Translator:
    """Opens a translator into English.

    Args:
        name: Its kind, a colon and what that kind needs: `apertium:spa-eng` (installed languages),
            `openai:URL?model=NAME` (any server with OpenAI's chat API; URL is what stands before
            `/chat/completions`), `transformers:FOLDER_OR_ID` (a causal language model with a chat template). What
            follows a `?` are settings, such as `&prompts=official`.
        labels: The entity types that it looks for while it translates, where it does.
        language: The language of the sentences, as a code (`es`) or in English (`Spanish`), where it is known;
            Apertium knows it from its name.

    Raises:
        SettingError: When there is no such kind, or a setting is missing or wrong.
        ModelError: When a model cannot be loaded, or a program is not there.
    """
    kind, colon, rest = name.partition(":")
    if kind not in _KINDS or not colon:
        near = get_close_matches(kind, _KINDS, 1)
        hint = f"; did you mean {near[0]}:?" if near else "."
        raise SettingError(f"{name!r} names no translator{hint} Write apertium:PAIR, openai:URL or transformers:FOLDER")
    return _KINDS[kind](rest, tuple(labels), language)


# Each kind is imported when it is opened: torch alone takes seconds.


def _apertium(rest: str, labels: tuple[str, ...], language: str | None) -> Translator:
    from salin.translation.apertium import Apertium

    return Apertium(rest)


def _openai(rest: str, labels: tuple[str, ...], language: str | None) -> Translator:
    from salin.translation.chat.opening import open_endpoint

    return open_endpoint(rest, labels, language)


def _transformers(rest: str, labels: tuple[str, ...], language: str | None) -> Translator:
    from salin.translation.chat.opening import open_local

    return open_local(rest, labels, language)


_KINDS: dict[str, Callable[[str, tuple[str, ...], str | None], Translator]] = {
    "apertium": _apertium,
    "openai": _openai,
    "transformers": _transformers,
}
