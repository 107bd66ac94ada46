"""Strict entity F1, with the per-sentence counts that intervals and tests work on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from salin.corpus.sentence import Entity, Sentence
from salin.errors import DataError
from salin.evaluation.counts import Counts, CountTable

Key = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Score:
    """How well predictions agree with the gold entities of a corpus.

    An entity counts as found when start, end and label all agree (conlleval, seqeval). Every sentence counts, those
    without gold entities too: what is predicted in them is a false positive.

    Attributes:
        micro: Over all entities; `micro.f1` is *the* score.
        by_type: For each label that occurs in gold or prediction, in alphabetical order.
        spans: Like `micro`, but labels are ignored.
        seen: Like `micro`, over the entities whose text is among the source entities; None where none were given.
        unseen: Over the others; None where no source entities were given.
        table: Counts a sentence and a label.
        restricted: True when only some labels were counted, at the caller's wish.
    """

    micro: Counts
    by_type: dict[str, Counts]
    spans: Counts
    seen: Counts | None
    unseen: Counts | None
    table: CountTable
    restricted: bool = False

    @property
    def f1(self) -> float:
        """Micro-F1 in 0..1."""
        return self.micro.f1

    @property
    def macro_f1(self) -> float:
        """Unweighted mean of the F1 of the labels that occur in gold or prediction (as in seqeval); 0 without any."""
        return sum(c.f1 for c in self.by_type.values()) / len(self.by_type) if self.by_type else 0.0


def score(
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    *,
    labels: Collection[str] | None = None,
    source_entities: Collection[str] | None = None,
) -> Score:
    """Compares predicted entities with gold ones.

    Args:
        gold: Sentences with the right entities.
        predicted: The same sentences in the same order with the entities of a tagger.
        labels: Count only these, in gold and prediction alike. By default all count: a predicted label that the gold
            set does not have is a false positive.
        source_entities: Texts of the entities that the system was trained on, case kept; splits the score into seen
            and unseen. (The split is by text alone, so it applies to predictions too.)

    Raises:
        DataError: When the two do not hold the same sentences.
    """
    check_same_text(gold, predicted)
    kept = None if labels is None else frozenset(labels)
    gold_keys = [_keys(sentence, kept) for sentence in gold]
    predicted_keys = [_keys(sentence, kept) for sentence in predicted]
    table = _table(gold_keys, predicted_keys)
    seen, unseen = (None, None) if source_entities is None else _split(gold, gold_keys, predicted_keys, source_entities)
    return Score(
        micro=Counts.of(table.overall.sum(axis=0)),
        by_type={name: Counts.of(table.of(name).sum(axis=0)) for name in table.labels},
        spans=Counts.of(table.spans.sum(axis=0)),
        seen=seen,
        unseen=unseen,
        table=table,
        restricted=labels is not None,
    )


def entity_texts(sentences: Iterable[Sentence]) -> frozenset[str]:
    """The texts of all entities, case kept: what `score` takes as `source_entities`."""
    return frozenset(entity.text for sentence in sentences for entity in sentence.entities)


def check_same_text(gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> None:
    """Makes sure that two lists hold the same texts in the same order.

    Raises:
        DataError: Naming the first place where they part.
    """
    for number, (right, guess) in enumerate(zip(gold, predicted, strict=False), start=1):
        if right.text != guess.text:
            raise DataError(
                f"sentence {number}{f' ({right.origin})' if right.origin else ''} of the predictions has another text: "
                f"{_short(guess.text)} instead of {_short(right.text)}",
                remedy="Score predictions that were made from this very corpus, in its order.",
            )
    if len(gold) != len(predicted):
        raise DataError(
            f"{len(gold)} gold sentences but {len(predicted)} predicted ones",
            remedy="A tagger must give one sentence for each that it gets, those without entities too.",
        )


def _short(text: str, width: int = 60) -> str:
    return repr(text if len(text) <= width else text[: width - 1] + "…")


def key_of(entity: Entity) -> Key:
    """What must agree for an entity to be found: start, end, label."""
    return entity.start, entity.end, entity.label


def _keys(sentence: Sentence, kept: frozenset[str] | None) -> frozenset[Key]:
    return frozenset(key_of(entity) for entity in sentence.entities if kept is None or entity.label in kept)


def _table(gold: list[frozenset[Key]], predicted: list[frozenset[Key]]) -> CountTable:
    labels = tuple(sorted({key[2] for key in chain.from_iterable((*gold, *predicted))}))
    number = {label: i for i, label in enumerate(labels)}
    by_type = np.zeros((len(labels), len(gold), 3), dtype=np.int64)
    spans = np.zeros((len(gold), 3), dtype=np.int64)
    for i, (right, guess) in enumerate(zip(gold, predicted, strict=True)):
        for column, keys in enumerate((right & guess, guess, right)):
            for key in keys:
                by_type[number[key[2]], i, column] += 1
        right_spans, guess_spans = {key[:2] for key in right}, {key[:2] for key in guess}
        spans[i] = len(right_spans & guess_spans), len(guess_spans), len(right_spans)
    return CountTable(labels, by_type, spans)


def _split(
    sentences: Sequence[Sentence],
    gold: list[frozenset[Key]],
    predicted: list[frozenset[Key]],
    source_entities: Collection[str],
) -> tuple[Counts, Counts]:
    known = frozenset(source_entities)
    sums = {True: np.zeros(3, dtype=np.int64), False: np.zeros(3, dtype=np.int64)}
    for sentence, right, guess in zip(sentences, gold, predicted, strict=True):
        for column, keys in enumerate((right & guess, guess, right)):
            for start, end, _ in keys:
                sums[sentence.text[start:end] in known][column] += 1
    return Counts.of(sums[True]), Counts.of(sums[False])
