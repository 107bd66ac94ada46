"""Reads answers of chat models, of which nothing is believed: neither that they are JSON nor what they hold.

It also writes them, as a model should that is trained to answer. When they are read, JSON is looked for in whatever
stands around it (prose, a code fence) and may have line breaks in strings and a comma too many; what is broken in other
ways is lost and counted, never guessed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from salin.translation.chat.conversation import well_formed
from salin.translation.chat.prompts import GLOSSES
from salin.translation.translator import Candidate, Translation
from salin.values import is_list, is_object

# Reasons in `Usage.lost`.
NO_JSON = "no JSON of the form asked for"
RUNAWAY = "far longer than a translation"
CUT = "cut off at max_tokens"
OTHER_LABEL = "entity of another type"
NO_ENTITY = "entity without text"
NO_PHRASE = "phrase not answered"

_TRAILING_COMMA = re.compile(r",(?=\s*[]}])")
_TRIES = 20
_DECODER = json.JSONDecoder(strict=False)


def find_object(text: str, field: str) -> dict[str, Any] | None:
    """The first JSON object in a text that has a field of this name.

    Args:
        text: An answer.
        field: The field.
    """
    for candidate in (text, _TRAILING_COMMA.sub("", text)):
        start = -1
        # The cost of a try is the length of the text, so a text of nothing but braces must not get one for each.
        for _ in range(_TRIES):
            start = candidate.find("{", start + 1)
            if start < 0:
                break
            try:
                value, _ = _DECODER.raw_decode(candidate, start)
            except (ValueError, RecursionError):
                continue
            if is_object(value) and field in value:
                return value
    return None


def read_translation(text: str, sentence: str, labels: Sequence[str], lost: Counter[str]) -> Translation | None:
    """A translation with its entities, from the answer to `prompts.forward`.

    Args:
        text: The answer.
        sentence: The original.
        labels: The types that were asked for; entities of others are dropped.
        lost: Counts what is dropped.

    Returns:
        None where the answer holds no translation.
    """
    answer = find_object(text, "translation")
    translation = _field(answer, "translation")
    if answer is None or not translation:
        lost[NO_JSON] += 1
        return None
    if is_runaway(translation, sentence):
        lost[RUNAWAY] += 1
        return None
    known = {name.casefold(): label for label in labels for name in (GLOSSES.get(label, label), label)}
    entities: Any = answer.get("entities")
    candidates: list[Candidate] = []
    for entity in entities if is_list(entities) else []:
        original, translated, label = (_field(entity, name) for name in ("original", "translated", "label"))
        if not original or not translated:
            lost[NO_ENTITY] += 1
        elif label.casefold() not in known:
            lost[OTHER_LABEL] += 1
        else:
            candidates.append(Candidate(original, translated, known[label.casefold()]))
    return Translation(translation, tuple(candidates))


def read_phrases(text: str, count: int, lost: Counter[str]) -> tuple[str | None, ...]:
    """Phrases of the original, from the answer to `prompts.back`.

    Args:
        text: The answer.
        count: How many were asked for.
        lost: Counts those that the answer does not speak of; one that it says has no counterpart is not lost.

    Returns:
        One for each that was asked for.
    """
    answer = find_object(text, "phrases")
    if answer is None:
        lost[NO_JSON] += count
        return (None,) * count
    found: dict[int, str | None] = {}
    phrases: Any = answer["phrases"]
    for phrase in phrases if is_list(phrases) else []:
        number = phrase.get("number") if is_object(phrase) else None
        # The first word on a phrase holds; true is an int to Python, not to us.
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= count:
            found.setdefault(number, _field(phrase, "original") or None)
    if len(found) < count:
        lost[NO_PHRASE] += count - len(found)
    return tuple(found.get(number) for number in range(1, count + 1))


def write_translation(translation: Translation) -> str:
    """The answer to `prompts.forward` that `read_translation` reads as this.

    Args:
        translation: Without links, of which an answer says nothing.
    """
    entities = [
        {"original": entity.original, "translated": entity.translated, "label": entity.label}
        for entity in translation.candidates
    ]
    return json.dumps({"translation": translation.text, "entities": entities}, ensure_ascii=False)


def write_phrases(originals: Sequence[str | None]) -> str:
    """The answer to `prompts.back` that `read_phrases` reads as these.

    Args:
        originals: One for each phrase that was asked for.
    """
    phrases = [{"number": number, "original": original} for number, original in enumerate(originals, 1)]
    return json.dumps({"phrases": phrases}, ensure_ascii=False)


def is_runaway(translation: str, sentence: str) -> bool:
    """Whether a model went on without end; a Chinese character makes about four English ones."""
    return len(translation) > 10 * len(sentence) + 200


def _field(value: Any, name: str) -> str:
    """A field that is text, or an empty text."""
    field: Any = value.get(name) if is_object(value) else None
    return well_formed(field).strip() if isinstance(field, str) else ""
