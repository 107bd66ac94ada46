"""The rows that a trained tagger gives: itself, and itself with each of its system's adaptations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from salin.adaptation.adapter import Adapter
from salin.corpus import Corpus, SentenceTagger
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.errors import SettingError
from salin.evaluation.records import AdaptationRecord, DataRecord, FileRecord, TranslationRecord
from salin.experiments.system import Adaptation, System
from salin.experiments.translated import TranslatedTests
from salin.models import Tagger


@dataclass(frozen=True, slots=True)
class SystemRow:
    """A row of a system.

    Attributes:
        name: `SYSTEM` or `SYSTEM+ADAPTATION`.
        opened: Gives what gives the tagger for a test. What that keeps in memory (an index, gradients) goes with it.
        record: Says how it adapts for a test.
        translation: Says what translating a test took, after it was tagged; None for what does not translate.
        sure: Says from which score on entities of direct transfer are kept; None for what does not combine.
    """

    name: str
    opened: Callable[[], Callable[[str], SentenceTagger]]
    record: Callable[[str], AdaptationRecord | None]
    translation: Callable[[Corpus], TranslationRecord] | None = None
    sure: Callable[[], float | None] | None = None


def system_rows(
    name: str, tagger: SentenceTagger, system: System, source: Sequence[Corpus], evidence: Sequence[Corpus] = ()
) -> Iterator[SystemRow]:
    """The rows of a system.

    Args:
        name: Of the system.
        tagger: As it was trained.
        system: Says how it adapts.
        source: The corpora that it learns from.
        evidence: Labelled source sentences by which a combination with translation is decided.

    Raises:
        SettingError: When rules are to adapt.
    """
    if system.translate is not None:
        translated = TranslatedTests(tagger, system.translate, evidence)
        yield SystemRow(name, lambda: translated.tagger_of, lambda test: None, translated.record)
        if system.translate.combined:
            yield SystemRow(f"{name}+direct", lambda: translated.combined, lambda test: None, sure=translated.sure)
        return
    yield SystemRow(name, lambda: lambda test: tagger, lambda test: None)
    # A corpus may be named twice to be drawn twice as often; one copy is enough to learn from.
    distinct = tuple({corpus.checksum: corpus for corpus in source}.values())
    for key, how in system.adapt.items():
        if not isinstance(tagger, Tagger):
            raise SettingError(f"{name}: rules do not adapt")
        yield SystemRow(f"{name}+{key}", partial(_adapters, tagger, distinct, how), partial(_record, distinct, how))


def _adapters(tagger: Tagger, source: Sequence[Corpus], how: Adaptation) -> Callable[[str], SentenceTagger]:
    """Gives the adapter for a test; made once for each dictionary, since an index is not free."""
    make = cache(partial(_adapter, tagger, source, how))
    return lambda test: make(how.lexicons.get(test, ()))


def _adapter(tagger: Tagger, source: Sequence[Corpus], how: Adaptation, lexicons: tuple[Path, ...]) -> Adapter:
    if lexicons:
        lexicon = Lexicon.read(*lexicons)
        source = [switch_corpus(corpus, lexicon) for corpus in source]
    return Adapter(
        tagger,
        source,
        k=how.k,
        first_rank=how.first_rank,
        rule=how.resolved_rule,
        steps=how.steps,
        vectors=how.vectors,
        frozen_blocks=how.frozen_blocks,
        min_similarity=how.min_similarity,
    )


def _record(source: Sequence[Corpus], how: Adaptation, test: str) -> AdaptationRecord:
    rule = how.resolved_rule
    return AdaptationRecord(
        rule=how.rule,
        rate=rule.rate,
        steps=how.steps,
        k=how.k,
        first_rank=how.first_rank,
        vectors=how.vectors,
        frozen_blocks=how.frozen_blocks,
        min_similarity=how.min_similarity,
        source=[DataRecord.of(corpus) for corpus in source],
        lexicons=[FileRecord.of(path) for path in how.lexicons.get(test, ())],
    )
