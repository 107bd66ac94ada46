"""Asks a chat model what has not been asked before, and keeps each answer the moment it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256

from salin.translation.chat.cache import AnswerCache
from salin.translation.chat.conversation import Chat, Reply, Request
from salin.translation.translator import Usage

# Part of every key: another way of asking or of reading answers makes those of before useless.
_VERSION = 1


class Asker:
    """A chat model with a cache before it.

    Args:
        chat: The model.
        cache: Where answers are kept between runs; without one they are kept nowhere.
    """

    def __init__(self, chat: Chat, cache: AnswerCache | None = None):
        self._chat, self._cache = chat, cache
        self._accounted: set[str] = set()

    @property
    def usage(self) -> Usage:
        """What the model has cost so far."""
        return self._chat.usage

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Asks each question that is new, once, and gives the replies in order.

        Args:
            requests: Independent calls.
        """
        keys = [_key(self._chat.identity, request) for request in requests]
        replies = self._cache.find(keys) if self._cache is not None else {}
        self._account_for(replies)
        new = {key: request for key, request in zip(keys, requests, strict=True) if key not in replies}
        order = list(new)

        def answered(number: int, reply: Reply) -> None:
            replies[order[number]] = reply
            self._accounted.add(order[number])
            if self._cache is not None and reply.text is not None:
                self._cache.keep(order[number], reply)

        start = time.monotonic()
        try:
            if new:
                self._chat.ask(list(new.values()), answered)
        finally:
            self.usage.seconds += time.monotonic() - start
        had = sum(replies[key].text is not None for key in keys)
        self.usage.cached += had - sum(replies[key].text is not None for key in order)
        return [replies[key] for key in keys]

    def _account_for(self, found: Mapping[str, Reply]) -> None:
        """Counts what answers from the cache took when they were asked for, each once, and none of this run's own."""
        for key, reply in found.items():
            if key in self._accounted:
                continue
            self._accounted.add(key)
            if reply.tokens is None:
                self.usage.uncounted += 1
            else:
                self.usage.cached_prompt_tokens += reply.tokens[0]
                self.usage.cached_completion_tokens += reply.tokens[1]


def _key(identity: str, request: Request) -> str:
    """What a reply depends on, as a hash, so that no text stands in the cache but the model's."""
    parts = [_VERSION, identity, request.messages, request.max_tokens, request.schema]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
