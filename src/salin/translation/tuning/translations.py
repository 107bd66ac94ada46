"""Gives sentences translations by a translator that there is, for a model to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from salin.translation.translator import TOGETHER, Candidate, Translation, Translator
from salin.translation.tuning.pairs import AlignedName, AlignedSentence, stands_in


def with_translations(
    sentences: Sequence[AlignedSentence], translator: Translator
) -> tuple[list[AlignedSentence], Counter[str]]:
    """Translates the sentences that have no translation; one in which a name is lost is as good as none.

    Args:
        sentences: With their names.
        translator: Into English.

    Returns:
        The sentences, and for each reason how many are still without a translation.
    """
    found = list(sentences)
    without: Counter[str] = Counter()
    open_ = [number for number, sentence in enumerate(found) if sentence.translation is None]
    for start in range(0, len(open_), TOGETHER):
        numbers = open_[start : start + TOGETHER]
        translations = translator.translate([found[number].sentence for number in numbers])
        for number, translation in zip(numbers, translations, strict=True):
            if translation is None:
                without["not translated"] += 1
            elif not all(stands_in(name.english, translation.text) for name in found[number].names):
                without["name not in the translation"] += 1
            else:
                found[number] = _translated(found[number], translation)
    return found, without


def _translated(sentence: AlignedSentence, translation: Translation) -> AlignedSentence:
    others = tuple(_unchecked(sentence, translation))
    return replace(sentence, translation=translation.text, others=others)


def _unchecked(sentence: AlignedSentence, translation: Translation) -> Iterator[AlignedName]:
    """What the translator named beside the names that are known, where it stands in both sentences as it says."""
    known = {text for name in sentence.names for text in (name.english, name.original)}

    def new(candidate: Candidate) -> bool:
        parts = candidate.translated, candidate.original
        return not any(part in text or text in part for part in parts for text in known)

    for candidate in dict.fromkeys(translation.candidates):
        there = candidate.original in sentence.sentence and stands_in(candidate.translated, translation.text)
        if there and new(candidate):
            yield AlignedName(candidate.translated, candidate.original, candidate.label)
