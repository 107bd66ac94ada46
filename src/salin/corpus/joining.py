"""From ready-made tokens back to text: with spaces, without them, or along the original text."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import regex

from salin.corpus.words import UNSPACED

_LETTER = regex.compile(r"\p{L}")
_UNSPACED = regex.compile(UNSPACED, regex.V1)


def writes_without_spaces(tokens: Iterable[str]) -> bool:
    """Whether most tokens with letters are in a script without spaces (Chinese, Japanese, Thai...)."""
    with_letters = [token for token in tokens if _LETTER.search(token)]
    return 2 * sum(_UNSPACED.search(token) is not None for token in with_letters) > len(with_letters)


def join_tokens(
    tokens: Sequence[str], *, spaced: bool = True, unspaced: Container[int] = (), text: str | None = None
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Makes a text of tokens.

    Args:
        tokens: The words.
        spaced: Whether the language writes spaces. Where it does not, one still stands between two words of another
            script (`San`, `Pedro` in a Chinese text), unless both are single characters (`W`, `T`, `O`).
        unspaced: The words, counted from 0, that are known to be followed by no space.
        text: The original text; kept if it is the tokens with white space between some of them.

    Returns:
        The text and the `(start, end)` of each token in it.
    """
    if text is not None and (words := _aligned(tokens, text)) is not None:
        return text, words
    parts: list[str] = []
    words_found: list[tuple[int, int]] = []
    position, before = 0, ""
    for number, token in enumerate(tokens):
        if before and number - 1 not in unspaced and (spaced or _apart(before, token)):
            parts.append(" ")
            position += 1
        parts.append(token)
        words_found.append((position, position + len(token)))
        position += len(token)
        before = token
    return "".join(parts), tuple(words_found)


def _apart(before: str, token: str) -> bool:
    foreign = before[-1].isalnum() and token[0].isalnum() and not _UNSPACED.search(before[-1] + token[0])
    return foreign and len(before) + len(token) > 2


def _aligned(tokens: Sequence[str], text: str) -> tuple[tuple[int, int], ...] | None:
    words: list[tuple[int, int]] = []
    position = 0
    for token in tokens:
        start = text.find(token, position)
        if start < 0 or text[position:start].strip():
            return None
        position = start + len(token)
        words.append((start, position))
    return None if text[position:].strip() else tuple(words)
