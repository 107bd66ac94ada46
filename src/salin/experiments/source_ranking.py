"""How often a ranking of sources is right by the finished cells of a recipe: measured, kept, and known when stale."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from salin.analysis.source_choice import MEASURES, SENTENCES, TextProfile
from salin.analysis.source_defaults import ENCODER, VECTORS
from salin.analysis.source_hits import HitRate, TargetTruth, hit_rates
from salin.corpus import Corpus
from salin.experiments.inputs import code_checksum, encoder_checksum, file_checksum
from salin.experiments.result_file import ResultFile
from salin.experiments.standings import Standings
from salin.experiments.transfer import Transfer


class RankingResult(ResultFile):
    """What is left of it in a file.

    Attributes:
        fingerprint: Of the way of ranking, and of the cells and their F1 that it is held against.
        inputs: Checksums of the corpora and of the encoder, by name.
        code: Checksum of salin's own code, for people who wonder why a number moved.
        encoder: What compared representations.
        vectors: Which of its representations.
        targets: The F1 of each source in each target, and how the sources were ranked.
        choosers: How often each way to choose was right.
        seconds: What it took.
    """

    is_none: ClassVar[str] = "no ranking of sources"
    remedy: ClassVar[str] = "Delete it and run salin analyse sources again"

    fingerprint: str
    inputs: dict[str, str]
    code: str
    encoder: str
    vectors: str
    targets: tuple[TargetTruth, ...]
    choosers: tuple[HitRate, ...]
    seconds: float


@dataclass(frozen=True)
class SourceRanking:
    """A ranking that is held against the finished cells of a recipe, and where its result is.

    Attributes:
        standings: The recipe, as far as it is finished.
        encoder: What compares representations.
        vectors: Which of its representations.
    """

    standings: Standings
    encoder: str = ENCODER
    vectors: str = VECTORS

    @cached_property
    def transfer(self) -> Transfer:
        """What the cells say."""
        return Transfer.of(self.standings)

    @property
    def result_file(self) -> Path:
        """`sources@ENCODER@VECTORS.json` beside the cells."""
        experiment = self.standings.experiment
        name = f"sources@{self._encoder}@{self.vectors}.json".replace("/", "--")
        return experiment.results / experiment.name / name

    def finished(self) -> RankingResult | None:
        """The result, where there is one of the same ranking, cells and corpora."""
        if not self.result_file.exists():
            return None
        result = RankingResult.load(self.result_file)
        if result.fingerprint != self._fingerprint:
            return None
        # What is not on this machine cannot be compared, and tables are made where corpora are not.
        now = self._inputs()
        return result if all(now.get(name) in (seen, None) for name, seen in result.inputs.items()) else None

    def run(self, profile: Callable[[Corpus], TextProfile]) -> RankingResult:
        """Ranks the sources of each target, and writes the result.

        Args:
            profile: What is compared of a corpus, by this encoder.

        Raises:
            DataError: When fewer than two sources are finished for every target.
        """
        started = time.perf_counter()
        truths = tuple(self.transfer.truths(profile))
        result = RankingResult(
            fingerprint=self._fingerprint,
            inputs={name: checksum for name, checksum in self._inputs(fetch=True).items() if checksum},
            code=code_checksum(),
            encoder=self._encoder,
            vectors=self.vectors,
            targets=truths,
            choosers=tuple(hit_rates(truths)),
            seconds=round(time.perf_counter() - started, 1),
        )
        result.save(self.result_file)
        return result

    @property
    def _encoder(self) -> str:
        return self.standings.experiment.as_written(self.encoder)

    @property
    def _fingerprint(self) -> str:
        cells = [cell.cell for cell in self.standings.finished]
        parts = [self._encoder, self.vectors, MEASURES, SENTENCES, cells, self.transfer.f1]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def _inputs(self, *, fetch: bool = False) -> dict[str, str | None]:
        """Checksums by name; None for what is not on this machine."""
        transfer, written = self.transfer, self.standings.experiment.as_written
        files = [*(file for some in transfer.sources.values() for file in some), *transfer.targets.values()]
        found = {written(file): file_checksum(file) for file in files}
        return {**found, f"encoder {self._encoder}": encoder_checksum(self.encoder, fetch=fetch)}
