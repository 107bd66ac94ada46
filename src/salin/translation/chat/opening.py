"""Opens chat translators by what stands behind `openai:` and `transformers:` in their names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from salin.translation.chat.asking import Asker
from salin.translation.chat.cache import AnswerCache
from salin.translation.chat.conversation import Chat
from salin.translation.chat.default import DefaultTranslator
from salin.translation.chat.endpoint import Endpoint
from salin.translation.chat.languages import language_name
from salin.translation.chat.official import OfficialTranslator
from salin.translation.chat.settings import ChatSettings, EndpointSettings, LocalSettings, parse_settings
from salin.translation.translator import Translator

#: The environment variable that holds the key of a server; there is no other way to give one.
KEY_VARIABLE = "SALIN_API_KEY"


def open_endpoint(rest: str, labels: Sequence[str], language: str | None) -> Translator:
    """Opens a server with OpenAI's chat API.

    Args:
        rest: `http://127.0.0.1:8000/v1?model=NAME`.
        labels: The entity types that it looks for.
        language: The language of the sentences, where it is known.

    Raises:
        SettingError: When the address or a setting is wrong.
        DataError: When the cache cannot be opened.
    """
    base, _, query = rest.partition("?")
    settings = parse_settings(query, EndpointSettings)
    return _translator(Endpoint(base, settings, os.environ.get(KEY_VARIABLE, "")), settings, labels, language)


def open_local(rest: str, labels: Sequence[str], language: str | None) -> Translator:
    """Opens a causal language model on this machine.

    Args:
        rest: A folder or a Hugging Face id, and settings behind a `?`.
        labels: The entity types that it looks for.
        language: The language of the sentences, where it is known.

    Raises:
        SettingError: When a setting is wrong.
        ModelError: When the model cannot be loaded.
        DataError: When the cache cannot be opened.
    """
    from salin.translation.chat.local import LocalChat

    name, _, query = rest.partition("?")
    settings = parse_settings(query, LocalSettings)
    return _translator(LocalChat.from_pretrained(name, batch=settings.batch), settings, labels, language)


def _translator(chat: Chat, settings: ChatSettings, labels: Sequence[str], language: str | None) -> Translator:
    cache = None if settings.cache == "off" else AnswerCache(settings.cache or _usual_cache())
    way = OfficialTranslator if settings.prompts == "official" else DefaultTranslator
    return way(
        Asker(chat, cache), labels, language_name(language),
        max_characters=settings.max_characters, max_tokens=settings.max_tokens,
    )  # fmt: skip


def _usual_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "salin" / "answers.sqlite"
