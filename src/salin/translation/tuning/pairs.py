"""Names in two languages, each in a sentence, as `salin wikipedia-pairs` writes them; and which are held out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from salin.corpus import Sentence, segment_words
from salin.errors import DataError
from salin.translation.location import Locator
from salin.values import is_object

# At most this share of the names, and at most so many.
_SHARE, _MOST = 0.05, 500
_FEWEST_NAMES = 20
_REMEDY = "Each line is an object as `salin wikipedia-pairs` writes it"


@dataclass(frozen=True, slots=True)
class AlignedName:
    """A name in two languages.

    Attributes:
        english: The English name.
        original: The name as it stands in the sentence.
        label: Its type.
    """

    english: str
    original: str
    label: str


@dataclass(frozen=True, slots=True)
class AlignedSentence:
    """A sentence with names whose English is known.

    Attributes:
        sentence: The sentence.
        names: In the order in which they stand there.
        translation: The sentence in English, in which each English name stands; None where there is none.
        others: More names of the translation, which whoever translated named and nobody has checked.
    """

    sentence: str
    names: tuple[AlignedName, ...]
    translation: str | None = None
    others: tuple[AlignedName, ...] = ()


def read_pairs(path: Path) -> list[AlignedSentence]:
    """Reads pairs, a JSON object a line; those of the same sentence belong together.

    What counts is `english`, `original`, `label` and `sentence`, and `translation` where a line has one.

    Args:
        path: The file.

    Raises:
        DataError: Naming the line: no JSON, a part is missing, or a name does not stand where it should.
    """
    found: dict[tuple[str, str | None], dict[AlignedName, None]] = {}
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    name, sentence, translation = _pair(line, path, number)
                    found.setdefault((sentence, translation), {})[name] = None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    if not found:
        raise DataError("holds no pairs", path=path, remedy="`salin wikipedia-pairs` makes some")
    return [
        AlignedSentence(sentence, tuple(sorted(names, key=lambda name: sentence.index(name.original))), translation)
        for (sentence, translation), names in found.items()
    ]


def hold_out(sentences: Sequence[AlignedSentence]) -> tuple[list[AlignedSentence], list[AlignedSentence]]:
    """Divides sentences so that names which are held out do not occur among the others.

    Which names that are depends on nothing but their English: it stays the same when pairs are added or come in another
    order.

    Args:
        sentences: With twenty different names or more.

    Returns:
        Those to train on, and those with a name that is held out.

    Raises:
        DataError: When there are too few names, or all sentences share some.
    """
    names = {name.english for sentence in sentences for name in sentence.names}
    if len(names) < _FEWEST_NAMES:
        reason = f"{len(names)} different names are too few to learn from, and to keep some for choosing a checkpoint"
        raise DataError(reason, remedy=f"Give {_FEWEST_NAMES} at least, better thousands")
    count = min(_MOST, max(1, round(_SHARE * len(names))))
    chosen = set(sorted(names, key=lambda name: sha256(name.encode()).digest())[:count])
    held_out = [any(name.english in chosen for name in sentence.names) for sentence in sentences]
    training = [sentence for sentence, out in zip(sentences, held_out, strict=True) if not out]
    if not training:
        raise DataError("every sentence holds a name that is held out", remedy="Give pairs in more sentences")
    return training, [sentence for sentence, out in zip(sentences, held_out, strict=True) if out]


def stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text just so, and not as a part of another word."""
    return any(place.score == 1 for place in Locator(Sentence(text, segment_words(text))).places(name))


def _pair(line: bytes, path: Path, number: int) -> tuple[AlignedName, str, str | None]:
    try:
        value: Any = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"no JSON: {error}", path=path, line=number, remedy=_REMEDY) from error
    if not is_object(value):
        raise DataError("no object", path=path, line=number, remedy=_REMEDY)
    for field in ("english", "original", "label", "sentence"):
        if not isinstance(value.get(field), str) or not value[field].strip():
            raise DataError(f"no text under {field!r}", path=path, line=number, remedy=_REMEDY)
    name, sentence = AlignedName(value["english"], value["original"], value["label"]), value["sentence"]
    if name.original not in sentence:
        raise DataError(f"{name.original!r} does not stand in its sentence", path=path, line=number, remedy=_REMEDY)
    translation: Any = value.get("translation")
    if translation is None:
        return name, sentence, None
    if not isinstance(translation, str) or not stands_in(name.english, translation):
        reason = f"{name.english!r} does not stand in the translation"
        raise DataError(reason, path=path, line=number, remedy="Leave out `translation`, or this line")
    return name, sentence, translation
