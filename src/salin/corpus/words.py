"""Words: where they begin and end in any script, so that every character but white space is in exactly one."""

from __future__ import annotations

from collections.abc import Iterable

import regex

# `str.isspace` and regex's \s differ in the four information separators; the first is what Python users mean.
_SPACE = r"[\s\x1c-\x1f]"
#: Scripts that write without spaces: one word a character or syllable cluster (a set for regular expressions).
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ーｰ\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
# Letters, marks and digits of all other scripts, with joiners (Persian, Indic) and soft hyphens inside.
_CORE = rf"(?:[[\p{{L}}\p{{M}}\p{{N}}]--{UNSPACED}][\u200c\u200d]*(?:[\u00ad\u2060]+(?=\p{{L}}))?)+"
_AFTER = r"(?![\p{L}\p{M}\p{N}])"
_APOSTROPHE = r"['’]"
# English clitics are words of their own, as in CoNLL-2003: Reuters + 's.
_CLITIC = rf"{_APOSTROPHE}(?:[sdm]|ll|re|ve|S|LL|RE|VE){_AFTER}"
# So are elided articles of French, Italian and Catalan: else "l'Allemagne" would be one word and so one entity.
_ELIDED = r"(?:[ldjmtsncLDJC]|[Qq]u|[Jj]usqu|[Ll]orsqu|[Pp]uisqu|quoiqu|[DdNn]ell|[DdAa]ll|[Ss]ull|[Qq]uest|[Uu]n)"
_JOIN = rf"(?:[-‐‑_&.·]|(?<=\p{{N}})[,:/](?=\p{{N}})|(?!{_CLITIC}){_APOSTROPHE})"

_WORD = regex.compile(
    rf"""(?V1)(?x:
      (?<![\p{{L}}\p{{M}}\p{{N}}]){_APOSTROPHE}s-(?=\p{{L}}){_CORE}                 # 's-Hertogenbosch
    | {_CLITIC}
    | (?<![\p{{L}}\p{{M}}\p{{N}}]){_ELIDED}{_APOSTROPHE}(?=\p{{L}})
    | \p{{L}}\p{{M}}*\.(?:[-‐]?\p{{L}}\p{{M}}*\.)+{_AFTER}(?:[-‐‑]{_CORE})*  # U.S., J.-P., U.S.-based
    | \p{{Lu}}\p{{M}}*\.(?=\s+\p{{Lu}})                                      # J. Smith
    | (?={UNSPACED})\X
    | {_CORE}(?:{_JOIN}{_CORE})*                                             # short-lived, 1,000.5
    | ([-.=_*~])\1+                                                          # an ellipsis, a rule
    | \p{{GCB=Prepend}}+(?={_SPACE})
    | (?!{_SPACE})\X
    )"""
)


def segment_words(text: str, boundaries: Iterable[int] = ()) -> tuple[tuple[int, int], ...]:
    """Finds the words of a text.

    Tokens come out as in CoNLL data for languages with spaces: `short-lived`, `U.S.`, `1,000.5` and `1996-08-30` are
    one word, `Reuters's` is `Reuters` and `'s`, French `l'Allemagne` is `l'` and `Allemagne`. Each Chinese character,
    each kana and each cluster of Thai, Lao, Khmer or Burmese is a word, and so is any other grapheme cluster (a
    punctuation mark, an emoji with all that belongs to it, a zero-width space); a run of one of `-.=_*~` is one word.

    Args:
        text: Any text.
        boundaries: Offsets where a word must not run across, such as the edges of annotated entities.

    Returns:
        `(start, end)` offsets in order. Every character for which `str.isspace` is false lies in exactly one of them,
        and no other character in any.
    """
    return cut_words((match.span() for match in _WORD.finditer(text)), boundaries)


def cut_words(words: Iterable[tuple[int, int]], boundaries: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Cuts words, which are in order, wherever a boundary lies inside one."""
    cuts = sorted(set(boundaries))
    if not cuts:
        return tuple(words)
    pieces: list[tuple[int, int]] = []
    next_cut = 0
    for start, end in words:
        while next_cut < len(cuts) and cuts[next_cut] <= start:
            next_cut += 1
        while next_cut < len(cuts) and cuts[next_cut] < end:
            pieces.append((start, cuts[next_cut]))
            start = cuts[next_cut]
            next_cut += 1
        pieces.append((start, end))
    return tuple(pieces)
