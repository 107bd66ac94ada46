"""The body of a request, in the part of OpenAI's API that a server knows: found out from what it refuses, once."""

from __future__ import annotations

import json
import logging
from typing import Any

from salin.translation.chat.conversation import Request, without_system

_LOG = logging.getLogger(__name__)
# What a server may not know, and words in its refusals that tell it. The first that it mentions is left out.
_OPTIONAL = {
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "temperature": ("temperature",),
    "system": ("system role", "role system", "role 'system'", "roles must alternate"),
    "schema": ("response_format", "json_schema", "schema", "grammar"),
}


class Dialect:
    """What to leave out for one server.

    Args:
        model: Its name for the model.
    """

    def __init__(self, model: str):
        self._model = model
        self.without: frozenset[str] = frozenset()
        self._takes_schemas = False

    def accepted(self, request: Request, without: frozenset[str]) -> None:
        """Learns from a request that was answered.

        Args:
            request: It.
            without: What was left out of it.
        """
        if "temperature" in without - self.without:
            _LOG.warning("%s is asked without temperature = 0, which it refuses: answers may vary", self._model)
        self._takes_schemas |= request.schema is not None and "schema" not in without
        self.without |= without

    def body(self, request: Request, without: frozenset[str]) -> bytes:
        """The JSON of a request.

        Args:
            request: It.
            without: What is left out.
        """
        messages = without_system(request.messages) if "system" in without else request.messages
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            # Servers of newer models know the one name alone, most others the other alone.
            "max_completion_tokens" if "max_tokens" in without else "max_tokens": request.max_tokens,
        }
        if "temperature" not in without:
            body["temperature"] = 0
        if request.schema is not None and "schema" not in without:
            form = {"name": "answer", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")

    def less(self, request: Request, without: frozenset[str], refusal: bytes) -> frozenset[str] | None:
        """What to leave out next.

        Args:
            request: What was refused.
            without: What was left out of it.
            refusal: The body of its answer.

        Returns:
            None where there is nothing that may be left out: the request itself is wrong.
        """
        said = refusal[:20_000].decode("utf-8", "replace").casefold()
        left = [part for part in _OPTIONAL if part not in without and (part != "schema" or request.schema is not None)]
        for part in left:
            if any(word in said for word in _OPTIONAL[part]):
                return without | {part}
        # Some servers refuse a schema without saying that it is the schema.
        return without | {"schema"} if "schema" in left and not self._takes_schemas else None
