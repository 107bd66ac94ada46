"""The typed result of one evaluation, as it stands in a JSON file."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from salin.errors import DataError
from salin.evaluation.counts import Counts, CountTable, IntArray
from salin.evaluation.signature import installed_version
from salin.files import write_json


class Record(BaseModel):
    """What all parts of a result share: they never change, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Ratios(Record):
    """Counts and what follows from them, in 0..1 and to be read without salin.

    Attributes:
        precision: tp / (tp + fp).
        recall: tp / (tp + fn).
        f1: Their harmonic mean.
        tp: Right predictions.
        fp: Wrong predictions.
        fn: What was not found.
    """

    precision: float
    recall: float
    f1: float
    tp: int
    fp: int
    fn: int

    @classmethod
    def of(cls, counts: Counts) -> Ratios:
        """Writes counts out."""
        return cls(
            precision=counts.precision,
            recall=counts.recall,
            f1=counts.f1,
            tp=counts.tp,
            fp=counts.fp,
            fn=counts.fn,
        )

    @property
    def support(self) -> int:
        """How many gold entities there are."""
        return self.tp + self.fn


class IntervalRecord(Record):
    """A bootstrap interval of micro-F1 over sentences."""

    low: float
    high: float
    level: float
    draws: int


class CalibrationRecord(Record):
    """How far the scores of predicted entities are from being probabilities.

    Attributes:
        ece: Expected calibration error in 0..1.
        bins: How many bins.
        binning: Bins of equal mass or of equal width.
        entities: How many predictions had a score.
    """

    ece: float
    bins: int
    binning: Literal["mass", "width"]
    entities: int


class DataRecord(Record):
    """The gold data: name, sha256 (empty where there is none) and size."""

    name: str
    checksum: str
    sentences: int


class Environment(Record):
    """Where the result was made; `torch` is None where it is not installed."""

    python: str
    platform: str
    cpus: int
    salin: str
    numpy: str
    torch: str | None

    @classmethod
    def here(cls) -> Environment:
        """Describes this process, without importing torch."""
        # A container is often given fewer processors than the machine has.
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            cpus=cpus,
            salin=installed_version("salin"),
            numpy=installed_version("numpy"),
            torch=installed_version("torch") or None,
        )


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
        calibration: None where the tagger gives no scores.
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
    seeds: list[int] = []
    signature: str
    environment: Environment
    seconds: float | None = None
    notes: list[str] = []
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
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", path=path) from None
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
