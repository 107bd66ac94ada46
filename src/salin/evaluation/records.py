"""What the parts of a result are, as they stand in a JSON file."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from salin.corpus.catalogue import sha256_of
from salin.corpus.corpus import Corpus
from salin.errors import DataError
from salin.evaluation.counts import Counts
from salin.evaluation.intervals import Interval
from salin.evaluation.signature import installed_version


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
    """A bootstrap interval of micro-F1, or of a difference."""

    low: float
    high: float
    level: float
    draws: int

    @classmethod
    def of(cls, interval: Interval) -> IntervalRecord:
        """Writes an interval down."""
        return cls(low=interval.low, high=interval.high, level=interval.level, draws=interval.draws)


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


class LenientRecord(Record):
    """Token F1 as entity-aligned translation was published with; see [lenient][salin.evaluation.lenient].

    Attributes:
        micro: Over the tokens of all labels.
        macro: Mean over labels.
        weighted: Mean over labels, by their gold tokens.
        sentences: How many sentences counted: those with a gold entity.
        signature: How it was made; it says that this is no strict score.
    """

    micro: float
    macro: float
    weighted: float
    sentences: int
    signature: str


class TranslationRecord(Record):
    """What tagging by way of English took, and what became of the entities of translations.

    Attributes:
        translator: Its name.
        calls: Requests, or runs of a program.
        cached: Answers that came from a cache.
        prompt_tokens: Sent in these calls, as a server counts them.
        completion_tokens: Received, as a server counts them.
        cached_prompt_tokens: Sent for the answers in the cache when they were asked for; None in older results.
        cached_completion_tokens: Received for them; None in older results.
        uncounted: Answers from the cache of which that is not known; None in older results.
        seconds: Spent waiting for it.
        untranslated: Sentences without a translation.
        entities: Found in translations.
        roads: How many of them were found again, by what brought them back.
        lost: How many were not, by why.
        unanswered: What got no usable answer, by why.
        gold: Gold entities that were brought to English and back; None where that was not tried, or cannot be.
        round_trips: For each road how many of these came back at all, and to where they stood.
    """

    translator: str
    calls: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    cached_prompt_tokens: int | None = None
    cached_completion_tokens: int | None = None
    uncounted: int | None = None
    seconds: float
    untranslated: int
    entities: int
    roads: dict[str, int]
    lost: dict[str, int]
    unanswered: dict[str, int]
    gold: int | None = None
    round_trips: dict[str, tuple[int, int]] = {}


class DataRecord(Record):
    """A corpus: name, sha256 of its content (empty where there is none) and size."""

    name: str
    checksum: str
    sentences: int

    @classmethod
    def of(cls, corpus: Corpus) -> DataRecord:
        """Describes a corpus."""
        return cls(name=corpus.name, checksum=corpus.checksum, sentences=len(corpus))


class FileRecord(Record):
    """A file of another kind: its name, without folders, and the sha256 of its bytes."""

    name: str
    checksum: str

    @classmethod
    def of(cls, path: str | Path) -> FileRecord:
        """Describes a file.

        Raises:
            DataError: When it cannot be read.
        """
        path = Path(path)
        try:
            return cls(name=path.name, checksum=sha256_of(path))
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", path=path) from None


class AdaptationRecord(Record):
    """How a tagger adapted to each sentence before it tagged it: runs that differ in this are of different systems.

    Attributes:
        rule: Name of the update rule.
        rate: Its step size.
        steps: Gradient steps a sentence.
        k: Source sentences that each learned from.
        first_rank: The rank of the first of them: more than 1 leaves out the nearest.
        vectors: What similarity was measured with, such as `mean-0-centred`.
        frozen_blocks: How many of the lowest blocks did not adapt; None is as many as the tagger's settings say.
        min_similarity: The cosine of the nearest source sentence below which a sentence was tagged plainly.
        source: What was learned from, as it was read.
        lexicons: What it was translated with before; empty where it was not.
        target: Plain text whose mean vector centred the queries; None where it was the source's, or an index knows.
    """

    rule: str
    rate: float
    steps: int
    k: int
    first_rank: int = 1
    vectors: str
    frozen_blocks: int | None = None
    min_similarity: float | None = None
    source: list[DataRecord]
    lexicons: list[FileRecord] = []
    target: FileRecord | None = None

    def __str__(self) -> str:
        """One line for people."""
        source = " and ".join(f"{data.name} ({data.checksum[:12]})" for data in self.source)
        words = " and ".join(f"{file.name} ({file.checksum[:12]})" for file in self.lexicons)
        target = f", centred on {self.target.name} ({self.target.checksum[:12]})" if self.target else ""
        supports = f"{self.k}" if self.first_rank == 1 else f"{self.k} from rank {self.first_rank} on"
        frozen = "" if self.frozen_blocks is None else f", the lowest {self.frozen_blocks} blocks left as they are"
        near = "" if self.min_similarity is None else f", where the nearest has a cosine of {self.min_similarity:g}"
        return (
            f"{self.rule} at rate {self.rate:g}, {self.steps} step{'s' * (self.steps != 1)} on {supports} of "
            f"{source}{f' translated with {words}' if words else ''}, found by {self.vectors}{target}{near}{frozen}"
        )


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
