"""Tag schemes: what B, I, O, E, S, L and U mean, and the way between tags and spans of words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SCHEMES = ("IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BILOU")

_LETTERS = {
    "IOB1": "OBI",
    "IOB2": "OBI",
    "IOE1": "OIE",
    "IOE2": "OIE",
    "BIOES": "OBIES",
    "BILOU": "OBILU",
}
# BILOU is BIOES under other letters.
_CANONICAL = {"L": "E", "U": "S"}
_BILOU = {"E": "L", "S": "U"}


class Span(NamedTuple):
    """An entity in words: from the word `start` to before the word `end`."""

    start: int
    end: int
    label: str


def split_tag(tag: str) -> tuple[str, str]:
    """Splits `"B-PER"` into `("B", "PER")` and `"O"` into `("O", "")`; a label may itself hold hyphens.

    Raises:
        ValueError: When the tag does not begin with one of B, I, O, E, S, L, U, or when `O` has a label.
    """
    letter, _, label = tag.partition("-")
    if len(letter) != 1 or letter not in "BIOESLU" or (letter == "O" and label):
        raise ValueError(f"unknown tag {tag!r}")
    return letter, label


def spans_to_tags(spans: Iterable[Span], length: int, scheme: str = "IOB2") -> list[str]:
    """Writes spans as one tag a word.

    Args:
        spans: In any order, without overlap.
        length: How many words there are.
        scheme: One of [SCHEMES][salin.corpus.schemes.SCHEMES].

    Returns:
        `length` tags.

    Raises:
        ValueError: When the scheme is unknown, or a span is empty, out of range or overlaps another.
    """
    _check(scheme)
    tags = ["O"] * length
    ordered = sorted(spans)
    for number, span in enumerate(ordered):
        start, end, label = span
        if not 0 <= start < end <= length:
            raise ValueError(f"span {tuple(span)} does not fit {length} words")
        before = ordered[number - 1] if number else None
        after = ordered[number + 1] if number + 1 < len(ordered) else None
        if before is not None and before.end > start:
            raise ValueError(f"spans {tuple(before)} and {tuple(span)} overlap")
        letters = _letters(
            end - start,
            scheme,
            touches_before=before is not None and before.end == start and before.label == label,
            touches_after=after is not None and after.start == end and after.label == label,
        )
        tags[start:end] = [f"{letter}-{label}" for letter in letters]
    return tags


def _letters(length: int, scheme: str, *, touches_before: bool, touches_after: bool) -> list[str]:
    """The letters of one span; IOB1 and IOE1 mark a border only where the next span has the same label."""
    if scheme in ("BIOES", "BILOU"):
        letters = ["S"] if length == 1 else ["B", *["I"] * (length - 2), "E"]
        return [_BILOU.get(letter, letter) for letter in letters] if scheme == "BILOU" else letters
    letters = ["I"] * length
    if scheme == "IOB2" or (scheme == "IOB1" and touches_before):
        letters[0] = "B"
    elif scheme == "IOE2" or (scheme == "IOE1" and touches_after):
        letters[-1] = "E"
    return letters


def tags_to_spans(tags: Sequence[str], scheme: str = "IOB2") -> list[Span]:
    """Reads spans from tags; illegal sequences are read as conlleval reads them.

    conlleval's rules for where a chunk starts and ends hold for every scheme at once: `I-PER` after `O` or after
    another label opens a span, a span without its `E` ends where it must. Its extension to `E` and `S` is that of the
    Python conlleval, which seqeval's default mode shares; `L` and `U` are read as `E` and `S`.

    Args:
        tags: One tag a word.
        scheme: One of [SCHEMES][salin.corpus.schemes.SCHEMES]; every scheme is read by the same rules, so that a wrong
            name does no harm to legal sequences of another.

    Returns:
        The spans in order.

    Raises:
        ValueError: When the scheme or a tag is unknown.
    """
    _check(scheme)
    spans: list[Span] = []
    start, previous, previous_label = -1, "O", ""
    for position, tag in enumerate(tags):
        if tag == "O" and previous == "O":
            continue
        letter, label = split_tag(tag)
        letter = _CANONICAL.get(letter, letter)
        if start >= 0 and _ends(previous, letter, previous_label, label):
            spans.append(Span(start, position, previous_label))
            start = -1
        if _starts(previous, letter, previous_label, label):
            start = position
        previous, previous_label = letter, label
    if start >= 0:
        spans.append(Span(start, len(tags), previous_label))
    return spans


def _ends(previous: str, letter: str, previous_label: str, label: str) -> bool:
    return previous in "ES" or (previous in "BI" and letter in "BSO") or (previous != "O" and previous_label != label)


def _starts(previous: str, letter: str, previous_label: str, label: str) -> bool:
    return letter in "BS" or (previous in "OES" and letter in "EI") or (letter != "O" and previous_label != label)


def is_legal(previous: str, following: str, scheme: str = "IOB2") -> bool:
    """Whether one tag may follow another; before the first word and behind the last stands `"O"`.

    Raises:
        ValueError: When the scheme or a tag is unknown.
    """
    _check(scheme)
    (p, p_label), (f, f_label) = split_tag(previous), split_tag(following)
    if p not in _LETTERS[scheme] or f not in _LETTERS[scheme]:
        return False
    p, f = _CANONICAL.get(p, p), _CANONICAL.get(f, f)
    same = p_label == f_label
    if scheme == "IOB1":
        return f != "B" or (p in "BI" and same)
    if scheme == "IOB2":
        return f != "I" or (p in "BI" and same)
    if scheme == "IOE1":
        return p != "E" or (f in "IE" and same)
    if scheme == "IOE2":
        return p != "I" or (f in "IE" and same)
    return ((f in "IE") == (p in "BI")) and (f not in "IE" or same)


def illegal_transitions(tags: Sequence[str], scheme: str = "IOB2") -> list[int]:
    """Finds where tags break their scheme.

    Returns:
        Each position `i` at which `tags[i]` may not follow `tags[i - 1]`; 0 when the first tag may not come first, and
        `len(tags)` when the last may not come last.

    Raises:
        ValueError: When the scheme or a tag is unknown.
    """
    _check(scheme)
    padded = ["O", *tags, "O"]
    return [i for i in range(len(padded) - 1) if not is_legal(padded[i], padded[i + 1], scheme)]


def detect_scheme(sequences: Iterable[Sequence[str]]) -> str:
    """Names the scheme that tags are written in.

    `S` or `U`, and `B` beside `E` or `L`, tell BIOES and BILOU. Between IOB1 and IOB2 (and IOE1 and IOE2) the one
    that breaks fewer transitions is named, and the second where they tie: so a file with nothing against IOB2 is
    IOB2, and one stray `I-` in a large IOB2 file does not make it IOB1.

    Raises:
        ValueError: When a tag is unknown, or the letters belong to no single scheme.
    """
    pairs: dict[tuple[str, str], int] = {}
    for tags in sequences:
        previous = "O"
        for tag in (*tags, "O"):
            if tag != "O" or previous != "O":
                pairs[previous, tag] = pairs.get((previous, tag), 0) + 1
            previous = tag
    letters = {split_tag(tag)[0] for pair in pairs for tag in pair}
    if letters & set("LU"):
        if letters & set("ES"):
            raise ValueError(f"the tags mix the letters of BIOES and BILOU: {' '.join(sorted(letters))}")
        return "BILOU"
    if "S" in letters or letters >= set("BE"):
        return "BIOES"
    first, second = ("IOE1", "IOE2") if "E" in letters else ("IOB1", "IOB2")

    def broken(scheme: str) -> int:
        return sum(count for pair, count in pairs.items() if not is_legal(*pair, scheme))

    return first if broken(first) < broken(second) else second


def convert_tags(tags: Sequence[str], source: str, target: str) -> list[str]:
    """Writes tags of one scheme in another.

    Raises:
        ValueError: When a scheme or a tag is unknown.
    """
    return spans_to_tags(tags_to_spans(tags, source), len(tags), target)


def _check(scheme: str) -> None:
    if scheme not in _LETTERS:
        raise ValueError(f"unknown scheme {scheme!r}; known are {', '.join(SCHEMES)}")
