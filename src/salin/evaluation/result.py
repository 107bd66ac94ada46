"""The typed result of one evaluation, as it stands in a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from salin.corpus.reading import open_file
from salin.errors import DataError
from salin.evaluation.counts import CountTable, IntArray
from salin.evaluation.records import (
    AdaptationRecord,
    CalibrationRecord,
    DataRecord,
    Environment,
    IntervalRecord,
    LenientRecord,
    Ratios,
    Record,
    TranslationRecord,
)
from salin.files import write_json


class SentenceCounts(Record):
    """Counts a sentence, so that results can be compared without their predictions.

    Each string lists the sentences in which anything is predicted or gold, as `number:tp/predicted/gold` from number 0,
    separated by spaces.

    Attributes:
        sentences: How many there are.
        by_type: One string a label.
        spans: The same with labels ignored.
    """

    sentences: int
    by_type: dict[str, str]
    spans: str

    @classmethod
    def of(cls, table: CountTable) -> SentenceCounts:
        """Writes a table of counts down."""
        by_type = {label: _written(table.of(label)) for label in table.labels}
        return cls(sentences=len(table), by_type=by_type, spans=_written(table.spans))

    def table(self) -> CountTable:
        """The table of counts again.

        Raises:
            DataError: When a string cannot be read.
        """
        labels = tuple(sorted(self.by_type))
        rows = [_read(self.by_type[label], self.sentences) for label in labels]
        by_type = np.stack(rows) if rows else np.zeros((0, self.sentences, 3), dtype=np.int64)
        return CountTable(labels, by_type, _read(self.spans, self.sentences))


class Result(Record):
    """One evaluation of one system on one corpus.

    Attributes:
        format: Name and version of this layout.
        system: Name of the tagger.
        data: What it was scored on.
        micro: Strict entity scores over all labels; `micro.f1` is *the* score.
        macro_f1: Unweighted mean of F1 over labels.
        by_type: Scores of each label.
        spans: Scores with labels ignored.
        seen: Scores over the entities whose text was labelled in the source data; None where that is not known.
        unseen: Scores over the others.
        interval: Of `micro.f1`, over sentences.
        calibration: Over the labels that count; None where the tagger gives no scores.
        adaptation: None for a tagger that does not adapt, and in files that are older than this field.
        lenient: The lenient score, where that was asked for.
        translation: What translation took and lost; None for a system that does not translate.
        seeds: Of the run; empty for a system without any.
        signature: How the score was made, in one line.
        environment: Where.
        seconds: How long tagging took; None where predictions were read from a file.
        notes: Remarks of whoever ran it.
        sentence_counts: What `compare` needs.
    """

    format: Literal["salin-result/1"] = "salin-result/1"
    system: str
    data: DataRecord
    micro: Ratios
    macro_f1: float
    by_type: dict[str, Ratios]
    spans: Ratios
    seen: Ratios | None = None
    unseen: Ratios | None = None
    interval: IntervalRecord
    calibration: CalibrationRecord | None = None
    adaptation: AdaptationRecord | None = None
    lenient: LenientRecord | None = None
    translation: TranslationRecord | None = None
    seeds: list[int] = Field(default_factory=list[int])
    signature: str
    environment: Environment
    seconds: float | None = None
    notes: list[str] = Field(default_factory=list[str])
    sentence_counts: SentenceCounts

    def counts(self) -> IntArray:
        """`[sentences, 3]`: tp, predicted, gold over all labels; what intervals and tests take."""
        return self.sentence_counts.table().overall

    def save(self, path: str | Path) -> None:
        """Writes the result as JSON; the file is whole or absent."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Reads a result.

        Raises:
            DataError: When there is no such file, or it is no result.
        """
        path = Path(path)
        with open_file(path) as (file, _):
            content = file.read()
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise DataError(
                f"not a result of salin: {place}: {first['msg']}",
                path=path,
                remedy="Give the JSON that `salin evaluate` or `salin run` wrote.",
            ) from None


def _written(rows: IntArray) -> str:
    return " ".join(f"{i}:{tp}/{predicted}/{gold}" for i, (tp, predicted, gold) in enumerate(rows) if predicted or gold)


def _read(text: str, sentences: int) -> IntArray:
    rows = np.zeros((sentences, 3), dtype=np.int64)
    for item in text.split():
        try:
            number, *triple = map(int, item.replace(":", "/").split("/"))
            if not 0 <= number < sentences or len(triple) != 3:
                raise ValueError
        except ValueError:
            raise DataError(f"the counts of a sentence cannot be read: {item!r}") from None
        rows[number] = triple
    return rows
