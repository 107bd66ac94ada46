"""From a tagger and a labelled corpus to a result."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from salin.corpus.corpus import Corpus
from salin.corpus.sentence import Sentence
from salin.corpus.tagging import SentenceTagger
from salin.errors import DataError
from salin.evaluation.calibration import ece, entity_confidences
from salin.evaluation.intervals import bootstrap_interval
from salin.evaluation.lenient import lenient_score
from salin.evaluation.records import (
    AdaptationRecord,
    CalibrationRecord,
    DataRecord,
    Environment,
    IntervalRecord,
    LenientRecord,
    Ratios,
)
from salin.evaluation.result import Result, SentenceCounts
from salin.evaluation.scoring import Score, score
from salin.evaluation.signature import Signature, installed_version

_CALIBRATION_BINS = 15


def evaluate(
    tagger: SentenceTagger,
    corpus: Corpus,
    *,
    system: str | None = None,
    labels: Collection[str] | None = None,
    source_entities: Collection[str] | None = None,
    seeds: Sequence[int] = (),
    windows: str = "",
    adaptation: AdaptationRecord | None = None,
    lenient: bool = False,
    notes: Sequence[str] = (),
) -> Result:
    """Tags a corpus without its gold entities, times it and scores it.

    Args:
        tagger: Anything that tags.
        corpus: Labelled sentences.
        system: What to call the tagger; by default its `name`, or else its class.
        labels: Count only these; the signature then says so.
        source_entities: Texts of the entities that the tagger was trained on, for the seen / unseen split
            (`entity_texts` collects them).
        seeds: That the tagger was trained with, for the signature.
        windows: How the tagger cuts long sentences, for the signature.
        adaptation: How the tagger adapts while it tags; None where it does not.
        lenient: Whether the lenient token score is made as well; see [lenient][salin.evaluation.lenient].
        notes: Remarks to keep with the result, behind those of the corpus.

    Raises:
        DataError: When the corpus holds no labelled sentences, or the tagger does not give its sentences back.
    """
    _check(corpus)
    blind = corpus.without_entities()
    started = time.perf_counter()
    predicted = list(tagger.tag_sentences(blind))
    seconds = time.perf_counter() - started
    return score_predictions(
        corpus,
        predicted,
        system=system or getattr(tagger, "name", type(tagger).__name__),
        labels=labels,
        source_entities=source_entities,
        seeds=seeds,
        windows=windows,
        adaptation=adaptation,
        lenient=lenient,
        notes=notes,
        seconds=seconds,
    )


def score_predictions(
    corpus: Corpus,
    predicted: Sequence[Sentence],
    *,
    system: str,
    labels: Collection[str] | None = None,
    source_entities: Collection[str] | None = None,
    seeds: Sequence[int] = (),
    windows: str = "",
    adaptation: AdaptationRecord | None = None,
    lenient: bool = False,
    notes: Sequence[str] = (),
    seconds: float | None = None,
) -> Result:
    """Scores predictions that exist already; see `evaluate` for the arguments.

    Raises:
        DataError: When the corpus holds no labelled sentences, or the predictions are not of its sentences.
    """
    _check(corpus)
    gold = corpus.sentences
    scored = score(gold, predicted, labels=labels, source_entities=source_entities)
    interval = bootstrap_interval(scored.table.overall)
    signature = str(_signature(corpus, scored, labels, seeds, windows))
    return Result(
        system=system,
        data=DataRecord.of(corpus),
        adaptation=adaptation,
        micro=Ratios.of(scored.micro),
        macro_f1=scored.macro_f1,
        by_type={label: Ratios.of(counts) for label, counts in scored.by_type.items()},
        spans=Ratios.of(scored.spans),
        seen=None if scored.seen is None else Ratios.of(scored.seen),
        unseen=None if scored.unseen is None else Ratios.of(scored.unseen),
        interval=IntervalRecord.of(interval),
        calibration=_calibration(gold, predicted, labels),
        lenient=_lenient(gold, predicted, labels, signature) if lenient else None,
        seeds=list(seeds),
        signature=signature,
        environment=Environment.here(),
        seconds=seconds,
        notes=[*corpus.notes, *notes],
        sentence_counts=SentenceCounts.of(scored.table),
    )


def _check(corpus: Corpus) -> None:
    if not corpus.labels:
        raise DataError(
            f"{corpus.name or 'the corpus'} holds no entities, so there is nothing to score against",
            remedy="Give labelled sentences.",
        )


def _signature(
    corpus: Corpus, scored: Score, labels: Collection[str] | None, seeds: Sequence[int], windows: str
) -> Signature:
    return Signature(
        labels=tuple(sorted(corpus.labels)),
        n=len(scored.table),
        data=corpus.checksum[:12],
        counted=() if labels is None else tuple(sorted(labels)),
        seeds=tuple(seeds),
        windows=windows,
        # Formats with offsets have no tags, so nothing to repair either.
        scheme=corpus.scheme or "",
        repair="conlleval" if corpus.scheme else "",
        salin=installed_version("salin"),
    )


def _lenient(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], labels: Collection[str] | None, signature: str
) -> LenientRecord:
    scored = lenient_score(gold, predicted, labels=labels)
    return LenientRecord(
        micro=scored.micro,
        macro=scored.macro,
        weighted=scored.weighted,
        sentences=scored.sentences,
        signature=f"{signature}|scorer:lenient-tokens",
    )


def _calibration(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], labels: Collection[str] | None
) -> CalibrationRecord | None:
    scores, correct = entity_confidences(gold, predicted, labels=labels)
    if not len(scores):
        return None
    error = ece(scores, correct, bins=_CALIBRATION_BINS)
    return CalibrationRecord(ece=error, bins=_CALIBRATION_BINS, binning="mass", entities=len(scores))
