"""The published way (Zhang et al. 2025; SPECS 4.1): three turns forward, three for each entity back.

Greedy, with the same prompts whoever asks, and without the defects of the published code (SPECS 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence

from salin.translation.chat import prompts
from salin.translation.chat.answers import CUT, RUNAWAY, is_runaway
from salin.translation.chat.asking import Asker
from salin.translation.chat.conversation import Message, Reply, Request
from salin.translation.chat.default import TOO_LONG
from salin.translation.translator import Phrases, Translation, Usage

_MAX_TOKENS = 512
# As published: there is nothing in one character. (In Chinese there may be.)
_SHORTEST = 2
TOO_SHORT = "shorter than two characters"

Dialogue = tuple[tuple[Message, ...], tuple[str, ...]]


class OfficialTranslator:
    """Translates with 3 + 3n calls a sentence of n entities.

    Args:
        asker: The chat model.
        labels: The entity types that it is told of.
        language: English name of the sentences' language, where it is known.
        max_characters: A longer sentence is not sent, and counted as lost.
        max_tokens: The longest answer of a turn; by default 512, as published.
    """

    def __init__(
        self,
        asker: Asker,
        labels: Sequence[str],
        language: str | None = None,
        *,
        max_characters: int = 2000,
        max_tokens: int | None = None,
    ):
        self._asker, self._labels, self._language = asker, tuple(labels), language
        self._max_characters, self._max_tokens = max_characters, max_tokens or _MAX_TOKENS

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        return self._asker.usage

    @property
    def asks_for_all(self) -> bool:
        """True: as published."""
        return True

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        """Translates sentences into English, with three calls each.

        Args:
            sentences: The originals.
        """
        results: list[Translation | None] = [None if sentence.strip() else Translation("") for sentence in sentences]
        asked: list[int] = []
        for number, sentence in enumerate(sentences):
            if results[number] is None:
                length = len(sentence)
                if _SHORTEST <= length <= self._max_characters:
                    asked.append(number)
                else:
                    self.usage.lost[TOO_SHORT if length < _SHORTEST else TOO_LONG] += 1
        dialogues = [prompts.official_forward(sentences[number], self._labels, self._language) for number in asked]
        for number, reply in zip(asked, self._talk(dialogues), strict=True):
            if (text := self._final(reply)) is None:
                continue
            if is_runaway(text, sentences[number]):
                self.usage.lost[RUNAWAY] += 1
            else:
                results[number] = Translation(text)
        return results

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        """For each phrase of each question words of the original, with three calls a phrase.

        Args:
            questions: Sentences with the English phrases that are looked for.
        """
        dialogues = [
            prompts.official_back(question.sentence, phrase, self._language)
            for question in questions
            for phrase in question.phrases
        ]
        replies = iter(self._talk(dialogues))
        return [tuple(self._final(next(replies)) for _ in question.phrases) for question in questions]

    def _talk(self, dialogues: Sequence[Dialogue]) -> list[Reply]:
        """The last reply of each dialogue, or the one that is missing; all dialogues go on turn by turn together."""
        messages = [opening for opening, _ in dialogues]
        last: list[Reply] = [Reply("")] * len(dialogues)
        turns = max((len(turns) for _, turns in dialogues), default=0)
        for turn in range(turns):
            alive = [number for number, reply in enumerate(last) if reply.text is not None]
            for number in alive:
                messages[number] = (*messages[number], ("user", dialogues[number][1][turn]))
            requests = [Request(messages[number], self._max_tokens) for number in alive]
            for number, reply in zip(alive, self._asker.ask(requests), strict=True):
                last[number] = reply
                messages[number] = (*messages[number], ("assistant", reply.text or ""))
        return last

    def _final(self, reply: Reply) -> str | None:
        """The text of a last reply; one that is cut off is lost, while an analysis may well be."""
        if reply.text and not reply.cut:
            return reply.text
        self.usage.lost[reply.lost or (CUT if reply.cut else "empty answer")] += 1
        return None
