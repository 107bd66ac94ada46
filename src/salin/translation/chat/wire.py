"""One request over HTTP, of whose answer no more is read than is allowed, and the reply in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from salin.translation.chat.conversation import Reply, readable
from salin.translation.translator import Usage
from salin.values import is_list, is_object

NO_CHAT = "no chat answer"
NO_TEXT = "answer without text"


class Oversized(Exception):
    """More bytes than are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(client: httpx.AsyncClient, url: httpx.URL, body: bytes, max_bytes: int) -> Answer:
    """Sends a request.

    Args:
        client: With its headers and timeouts.
        url: Where to.
        body: JSON.
        max_bytes: How much of the answer is read.

    Raises:
        Oversized: When there is more.
        httpx.TransportError: When the connection fails.
    """
    async with client.stream("POST", url, content=body) as response:
        received = bytearray()
        # Raw: nothing is unpacked, so that a small answer cannot become a large one. The client asks for none that is.
        async for chunk in response.aiter_raw():
            received += chunk
            if len(received) > max_bytes:
                raise Oversized
        return Answer(response.status_code, response.headers, bytes(received))


def read_reply(body: bytes, usage: Usage) -> Reply:
    """The model's text in an answer with status 200.

    Args:
        body: It; it may be anything.
        usage: Counts the tokens that the server names.
    """
    answer = _json(body)
    choices: Any = answer.get("choices") if is_object(answer) else None
    if not is_object(answer) or not is_list(choices) or not choices or not is_object(choices[0]):
        return Reply(None, NO_CHAT)
    tokens = _tokens(answer.get("usage"))
    if tokens is not None:
        usage.prompt_tokens += tokens[0]
        usage.completion_tokens += tokens[1]
    message: Any = choices[0].get("message")
    text: Any = message.get("content") if is_object(message) else None
    if not isinstance(text, str) or not text.strip():
        return Reply(None, NO_TEXT)
    return Reply(readable(text), cut=choices[0].get("finish_reason") == "length", tokens=tokens)


def read_refusal(body: bytes) -> str:
    """What a server says about an error, in at most 200 characters that can be printed; nothing where it is no JSON."""
    answer = _json(body[:100_000])
    error: Any = answer.get("error", answer) if is_object(answer) else None
    said: Any = (error.get("message") or error.get("detail")) if is_object(error) else error
    text = said if isinstance(said, str) else ""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())[:200]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _tokens(said: Any) -> tuple[int, int] | None:
    """The numbers of tokens sent and received; None where a server names neither."""
    sent, received = (_count(said, name) for name in ("prompt_tokens", "completion_tokens"))
    return None if sent is None and received is None else (sent or 0, received or 0)


def _count(said: Any, name: str) -> int | None:
    value: Any = said.get(name) if is_object(said) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
