"""Text that goes into a prompt as data: between two lines that cannot occur in it, and without control tokens."""

from __future__ import annotations

import re
from hashlib import sha256

from salin.translation.chat.conversation import well_formed

# Marks by which chat templates separate turns: a server reads them in a message as it reads its own.
_CONTROL = re.compile(
    r"<(?=[|｜])|(?<=[|｜])>|<(?=/?[a-z_]{1,20}>)|\[(?=/?(?:INST|SYS|TOOL)[A-Z_]*\])|<(?=<SYS>>)", re.IGNORECASE
)


def harmless(text: str) -> str:
    """The text without tokens that would end a turn: a space parts them, which alignment looks over."""
    return well_formed(_CONTROL.sub(_parted, text))


def fenced(*texts: str) -> tuple[str, tuple[str, ...]]:
    """Puts each text between two lines.

    The lines depend on nothing but the texts, so that the same question is the same prompt and can be found in the
    cache; who writes a text cannot write its fence into it, since that would make it another text.

    Args:
        texts: Parts of one prompt.

    Returns:
        The word of the fence, and the fenced texts.
    """
    texts = tuple(map(harmless, texts))
    number = 0
    while True:
        seed = "\x00".join((str(number), *texts)).encode()
        word = f"TEXT-{sha256(seed).hexdigest()[:16]}"
        if not any(word.casefold() in text.casefold() for text in texts):
            return word, tuple(f"<{word}>\n{text}\n</{word}>" for text in texts)
        number += 1


def _parted(match: re.Match[str]) -> str:
    mark = match.group()
    return f" {mark}" if mark == ">" else f"{mark} "
