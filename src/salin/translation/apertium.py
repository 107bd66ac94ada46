"""Apertium as a translator: rules and dictionaries on this machine, without a network, a model or a cost.

It knows which word became which, so what is found in the translation needs no question to be brought back; a question
is answered by translating the phrase back, where the other direction is installed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from salin.errors import ModelError, SettingError
from salin.translation.apertium_pipeline import Pipeline, PipelineError, has_mode
from salin.translation.apertium_stream import SEPARATOR, Marked, escape, mark_words, read_translation
from salin.translation.translator import Phrases, Translation, Usage

# Starting the processes takes as long as a few dozen sentences.
_BATCH = 256
_SECONDS, _SECONDS_A_SENTENCE = 30.0, 0.5


class Apertium:
    """Translates with an installed pair of languages.

    Args:
        pair: Its name, such as `spa-eng` or `hbs-eng` (Croatian, Serbian, Bosnian): `apertium -l` lists them.

    Raises:
        SettingError: When it does not translate into English, or settings are given.
        ModelError: When Apertium or the pair is not installed.
    """

    def __init__(self, pair: str):
        if "?" in pair:
            raise SettingError(f"apertium:{pair}: Apertium has no settings: leave out what stands behind the ?")
        source, _, target = pair.partition("-")
        if target.partition("_")[0] not in ("eng", "en"):
            raise SettingError(f"apertium:{pair} does not translate into English: write apertium:spa-eng, say")
        self._forward = Pipeline(pair)
        back = next((f"{e}-{source}" for e in (target, target.partition("_")[0]) if has_mode(f"{e}-{source}")), None)
        self._back = None if back is None else Pipeline(back)
        self._usage = Usage()
        self._answered = False

    @property
    def usage(self) -> Usage:
        """Runs of a pipeline, seconds, and what was lost; there are no tokens and no cache."""
        return self._usage

    @property
    def asks_for_all(self) -> bool:
        """It knows which word became which, so it need not be asked."""
        return False

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        """Translates sentences into English, in order, and says which word came from which.

        Raises:
            ModelError: When Apertium fails at every sentence.
        """
        translated = self._translated(self._forward, sentences)
        for sentence, translation in zip(sentences, translated, strict=True):
            if translation is None and sentence.strip():
                self._usage.lost["no translation"] += 1
        return translated

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        """Translates phrases back, each by itself; None where the other direction is not installed."""
        phrases = [phrase for question in questions for phrase in question.phrases]
        if self._back is None:
            self._usage.lost["no way back"] += len(phrases)
            return [(None,) * len(question.phrases) for question in questions]
        # A phrase is asked for many times in a corpus, and means the same each time.
        distinct = list(dict.fromkeys(phrases))
        found = dict(zip(distinct, self._translated(self._back, distinct), strict=True))
        answers = [[found[phrase] for phrase in question.phrases] for question in questions]
        return [tuple(answer.text if answer and answer.text.strip() else None for answer in row) for row in answers]

    def _translated(self, pipeline: Pipeline, texts: Sequence[str]) -> list[Translation | None]:
        started = time.perf_counter()
        done: list[Translation | None] = []
        for first in range(0, len(texts), _BATCH):
            done += self._batch(pipeline, texts[first : first + _BATCH])
        self._usage.seconds += time.perf_counter() - started
        return done

    def _batch(self, pipeline: Pipeline, texts: Sequence[str]) -> list[Translation | None]:
        """Translates a batch; where it fails, its halves, so that one bad sentence costs itself alone."""
        if not any(text.strip() for text in texts):
            return [None] * len(texts)
        try:
            translated = self._once(pipeline, texts)
        except (PipelineError, ValueError) as error:
            if len(texts) > 1:
                half = len(texts) // 2
                return [*self._batch(pipeline, texts[:half]), *self._batch(pipeline, texts[half:])]
            if not self._answered:
                raise ModelError(f"Apertium does not work here: {error}") from error
            return [None]
        self._answered = True
        return translated

    def _once(self, pipeline: Pipeline, texts: Sequence[str]) -> list[Translation | None]:
        seconds = _SECONDS + _SECONDS_A_SENTENCE * len(texts)
        self._usage.calls += 1
        analysed = _split(pipeline.analyse("".join(escape(text) + SEPARATOR for text in texts), seconds), len(texts))
        marked: list[Marked] = []
        number = 0
        for stream, text in zip(analysed, texts, strict=True):
            marked.append(mark_words(stream, text, number))
            number += len(marked[-1].spans)
        streams = _split(pipeline.translate("".join(m.stream + SEPARATOR for m in marked), seconds), len(texts))
        found = [read_translation(stream, mark) for stream, mark in zip(streams, marked, strict=True)]
        return [translation if translation.text.strip() else None for translation in found]


def _split(stream: str, count: int) -> list[str]:
    """The sentences of a stream; what stages add behind the last separator is dropped.

    Raises:
        ValueError: When there are not as many as there should be.
    """
    pieces = stream.split(SEPARATOR)
    if len(pieces) <= count or any(piece.strip() for piece in pieces[count:]):
        raise ValueError(f"{count} sentences went in, and as many separators did not come out")
    return pieces[:count]
