"""A trained tagger of English on tests of other languages, by way of translation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from salin.corpus import Corpus, SentenceTagger
from salin.errors import SettingError
from salin.evaluation.records import TranslationRecord
from salin.experiments.translating import Translating
from salin.models import Tagger
from salin.translation import LinksWords, TranslationTagger, open_translator
from salin.translation.combination import CombinedTagger, sure_threshold
from salin.translation.round_trip import round_trips
from salin.translation.word_links import EncoderLinks


class TranslatedTests:
    """Gives a tagger for each test, and says afterwards what that took.

    Args:
        tagger: Of English.
        how: Says what translates.
        evidence: Labelled source sentences, which decide what the tagger is sure of without translation.
    """

    def __init__(self, tagger: SentenceTagger, how: Translating, evidence: Sequence[Corpus] = ()):
        self._english, self._how, self._evidence = tagger, how, evidence
        self._taggers: dict[str, TranslationTagger] = {}

    def tagger_of(self, test: str) -> TranslationTagger:
        """A tagger with a translator of its own, so that what it takes is that test's alone."""
        how = self._how
        translator = open_translator(
            how.translators[test], labels=self._english.labels, language=how.languages.get(test)
        )
        links = self._links if how.word_alignment else None
        self._taggers[test] = TranslationTagger(translator, self._english, word_links=links)
        return self._taggers[test]

    def combined(self, test: str) -> CombinedTagger:
        """What the tagger is sure of by itself, and translation elsewhere."""
        return CombinedTagger(self._english, self.tagger_of(test), self._threshold)

    def sure(self) -> float | None:
        """The least score from which on the tagger is sure by itself; None where it is of nothing."""
        return self._threshold if math.isfinite(self._threshold) else None

    def record(self, test: Corpus) -> TranslationRecord:
        """What tagging a test took; gold entities are brought to English and back where the recipe says so."""
        tagger = self._taggers[test.name]
        tally, usage = tagger.tally, tagger.translator.usage
        record = TranslationRecord(
            translator=self._how.translators[test.name],
            calls=usage.calls,
            cached=usage.cached,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_prompt_tokens=usage.cached_prompt_tokens,
            cached_completion_tokens=usage.cached_completion_tokens,
            uncounted=usage.uncounted,
            seconds=round(usage.seconds, 1),
            untranslated=tally.untranslated,
            entities=tally.entities,
            roads=dict(tally.roads),
            lost=dict(tally.lost),
            unanswered=dict(usage.lost),
        )
        trips = round_trips(tagger.translator, test, self._links) if self._how.round_trips else None
        if trips is None:
            return record
        return record.model_copy(update={"gold": trips.entities, "round_trips": trips.roads})

    @cached_property
    def _threshold(self) -> float:
        gold = [sentence for corpus in self._evidence for sentence in corpus]
        bare = [replace(sentence, entities=()) for sentence in gold]
        return sure_threshold(gold, list(self._english.tag_sentences(bare)))

    @cached_property
    def _links(self) -> LinksWords:
        if not isinstance(self._english, Tagger):
            raise SettingError("word alignment takes the vectors of a tagger's encoder, and rules have none")
        return EncoderLinks.of(self._english)
