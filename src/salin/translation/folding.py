"""Text without what translators change at will (case, width, spacing, marks of stress), and the way back to it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

_CLUSTER = regex.compile(r"\X")
# Between the parts of a name, and not always written: Jean-Luc, ジョン・スミス, U.S., l'Oréal.
_JOINING = regex.compile(r"[\s\p{Cf}\p{Pd}·・‧•.'’‘ʼ_]+")
# Stress and vowel marks that writers leave out. Marks of other scripts are letters: Hindi without them is unreadable.
_OPTIONAL_MARK = regex.compile(
    r"[\u0300-\u036f\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"
)
# Arabic letters that the same word is written with, now so, now so.
_SAME_LETTER = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ß": "ss"})


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as it is compared.

    Attributes:
        text: Without case, width, spacing, joining punctuation and optional marks.
        starts: For each character of `text`, the offset in the original of what it stands for.
        ends: For each, the offset behind that.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that a span of `text`, which is not empty, stands for."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """Folds a text cluster by cluster, so that every character keeps its place.

    Canonically equivalent texts (NFC, NFD) give the same, full-width and half-width forms too (NFKC).

    Args:
        text: Any text.
    """
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _CLUSTER.finditer(text):
        for character in fold_letters(match.group()):
            folded.append(character)
            starts.append(match.start())
            ends.append(match.end())
    return Folded("".join(folded), tuple(starts), tuple(ends))


def fold_letters(text: str, *, keep_case: bool = False) -> str:
    """What remains of a text, without the way back.

    Args:
        text: Any text.
        keep_case: Whether capitals stay.
    """
    plain = unicodedata.normalize("NFKC", _OPTIONAL_MARK.sub("", unicodedata.normalize("NFKD", text)))
    lowered = plain if keep_case else unicodedata.normalize("NFC", plain.casefold())
    return _JOINING.sub("", lowered.translate(_SAME_LETTER))


def folded_parts(text: str) -> list[str]:
    """A text folded part by part, as spaces and joining punctuation part it."""
    return [part for piece in _JOINING.split(text) if (part := fold_letters(piece))]
