"""What is asked of a chat model and what it answers, whether it runs behind an address or in this process."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from salin.translation.translator import Usage

#: `(role, text)`, where the role is `system`, `user` or `assistant`.
Message = tuple[str, str]

_SURROGATE = re.compile("[\ud800-\udfff]")
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Request:
    """One call: a conversation that ends with a question.

    Attributes:
        messages: What was said so far, the question last.
        max_tokens: How long the answer may become.
        schema: JSON schema of the answer, where it is to be JSON.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    schema: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: The answer, without what the model thought aloud; None where there is none.
        lost: Why there is none.
        cut: Whether it reached its greatest length, so that its end is missing.
        tokens: How many were sent and received for it; None where nobody knows.
    """

    text: str | None
    lost: str = ""
    cut: bool = False
    tokens: tuple[int, int] | None = None


class Chat(Protocol):
    """A chat model that answers greedily.

    Attributes:
        identity: What tells its answers from those of others: its kind, where it is, its name. No key.
        usage: What it has cost so far.
    """

    identity: str
    usage: Usage

    def ask(self, requests: Sequence[Request], answered: Callable[[int, Reply], None]) -> None:
        """Asks, in any order and at once as far as it can.

        Args:
            requests: Independent calls.
            answered: Called with the number of a request as soon as there is a reply, once for each.

        Raises:
            SalinError: When no call can succeed: no such server, a refused key.
        """
        ...


def without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same conversation for models that know no system message: it opens the user's first message."""
    if not messages or messages[0][0] != "system":
        return tuple(messages)
    (_, system), (role, first), *others = messages
    return ((role, f"{system}\n\n{first}"), *others)


def readable(text: str) -> str:
    """An answer without what the model thought aloud."""
    return well_formed(_THOUGHTS.sub("", text, count=1)).strip()


def well_formed(text: str) -> str:
    """The text without half characters, which can be neither sent nor written anywhere."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
