"""The default way: one call for a translation and its entities, one for all phrases that are still looked for."""

from __future__ import annotations

from collections.abc import Sequence

from salin.translation.chat import prompts
from salin.translation.chat.answers import CUT, read_phrases, read_translation
from salin.translation.chat.asking import Asker
from salin.translation.chat.conversation import Request
from salin.translation.translator import Phrases, Translation, Usage

_MAX_TOKENS = 2048
TOO_LONG = "longer than max_characters"


class DefaultTranslator:
    """Translates with at most two calls a sentence.

    Args:
        asker: The chat model.
        labels: The entity types that it looks for; the set is closed.
        language: English name of the sentences' language, where it is known.
        max_characters: A longer sentence is not sent, and counted as lost.
        max_tokens: The longest answer; by default 2,048.
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
        """False: entities that were named need not be asked for."""
        return False

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        """Translates sentences into English and lists their entities, with one call each.

        Args:
            sentences: The originals.
        """
        lost = self.usage.lost
        # What is empty is its own translation.
        results: list[Translation | None] = [None if sentence.strip() else Translation("") for sentence in sentences]
        asked = [number for number, result in enumerate(results) if result is None]
        fitting = [number for number in asked if len(sentences[number]) <= self._max_characters]
        if len(fitting) < len(asked):
            lost[TOO_LONG] += len(asked) - len(fitting)
        schema = prompts.forward_schema(self._labels)
        requests = [
            Request(prompts.forward(sentences[number], self._labels, self._language), self._max_tokens, schema)
            for number in fitting
        ]
        for number, reply in zip(fitting, self._asker.ask(requests), strict=True):
            if reply.text is None or reply.cut:
                # The end of the sentence may be missing, and with it entities: half a translation is none.
                lost[reply.lost or CUT] += 1
            else:
                results[number] = read_translation(reply.text, sentences[number], self._labels, lost)
        return results

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        """For each phrase of each question words of the original, with one call a question.

        Args:
            questions: Sentences with the English phrases that are looked for.
        """
        lost = self.usage.lost
        results: list[tuple[str | None, ...]] = [(None,) * len(question.phrases) for question in questions]
        asked = [number for number, question in enumerate(questions) if question.phrases]
        schema = prompts.back_schema()
        requests = [Request(self._back(questions[number]), self._max_tokens, schema) for number in asked]
        for number, reply in zip(asked, self._asker.ask(requests), strict=True):
            count = len(questions[number].phrases)
            if reply.text is None or reply.cut:
                lost[reply.lost or CUT] += count
            else:
                results[number] = read_phrases(reply.text, count, lost)
        return results

    def _back(self, question: Phrases) -> tuple[tuple[str, str], ...]:
        return prompts.back(question.sentence, question.translation, question.phrases, self._language)
