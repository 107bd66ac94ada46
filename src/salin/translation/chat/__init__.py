"""Translators that are chat models: any server with OpenAI's chat API, or a causal language model on this machine.

Prompts, fences around text, answers that are read without trust, limits, and a cache of answers. What is here does not
know where a phrase stands in a sentence (alignment does), nor what becomes of it.
"""

from __future__ import annotations

from salin.translation.chat.cache import AnswerCache
from salin.translation.chat.conversation import Chat, Reply, Request
from salin.translation.chat.default import DefaultTranslator
from salin.translation.chat.endpoint import Endpoint
from salin.translation.chat.official import OfficialTranslator
from salin.translation.chat.settings import EndpointSettings, LocalSettings

__all__ = [
    "AnswerCache",
    "Chat",
    "DefaultTranslator",
    "Endpoint",
    "EndpointSettings",
    "LocalSettings",
    "OfficialTranslator",
    "Reply",
    "Request",
]
