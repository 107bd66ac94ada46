"""Several systems on one corpus: means over seeds, intervals, and tests against the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from salin.errors import SettingError
from salin.evaluation.counts import IntArray
from salin.evaluation.intervals import summarise_seeds
from salin.evaluation.result import IntervalRecord, Record, Result
from salin.evaluation.signature import Signature
from salin.evaluation.significance import holm, paired_randomisation


class Versus(Record):
    """A system beside the baseline.

    Attributes:
        difference: Mean F1 of the system minus that of the baseline.
        p: Of the paired randomisation test.
        p_holm: The same, adjusted for the number of systems compared.
        rounds: Of the test.
    """

    difference: float
    p: float
    p_holm: float
    rounds: int


class ComparisonRow(Record):
    """One system.

    Attributes:
        system: Its name.
        seeds: How many runs there are of it.
        f1: Mean micro-F1 over its runs.
        std: Standard deviation over its runs; 0 for one run.
        interval: Of the mean, over sentences and seeds.
        versus: Beside the baseline; None for the baseline itself.
    """

    system: str
    seeds: int
    f1: float
    std: float
    interval: IntervalRecord
    versus: Versus | None = None


class Comparison(Record):
    """Systems on one corpus, the baseline first.

    Attributes:
        data: Name of the corpus.
        rows: One a system.
    """

    data: str
    rows: list[ComparisonRow]


def compare(
    baseline: Sequence[Result], *others: Sequence[Result], rounds: int = 10_000, draws: int = 1000, seed: int = 0
) -> Comparison:
    """Compares systems with a baseline; nothing but their results is needed.

    Args:
        baseline: Runs of the baseline that differ in their seed alone.
        others: For each other system its runs: as many as the baseline has, or one side just one
            (see `paired_randomisation`).
        rounds: Of the randomisation test.
        draws: Of the bootstrap.
        seed: Of the random generators.

    Raises:
        SettingError: When the results are not of the same data with the same labels counted.
    """
    systems = [list(baseline), *map(list, others)]
    _check_comparable(systems)
    names = _distinct([runs[0].system for runs in systems])
    counts = [np.stack([run.counts() for run in runs]) for runs in systems]
    tests = {
        name: paired_randomisation(other, counts[0], rounds=rounds, seed=seed)
        for name, other in zip(names[1:], counts[1:], strict=True)
    }
    adjusted = holm({name: test.p for name, test in tests.items()})
    versus = {
        name: Versus(difference=test.difference, p=test.p, p_holm=adjusted[name], rounds=test.rounds)
        for name, test in tests.items()
    }
    rows = [_row(name, table, versus.get(name), draws, seed) for name, table in zip(names, counts, strict=True)]
    return Comparison(data=systems[0][0].data.name, rows=rows)


def _row(name: str, table: IntArray, versus: Versus | None, draws: int, seed: int) -> ComparisonRow:
    summary = summarise_seeds(table, draws=draws, seed=seed)
    interval = IntervalRecord(
        low=summary.interval.low, high=summary.interval.high, level=summary.interval.level, draws=draws
    )
    return ComparisonRow(
        system=name, seeds=len(table), f1=summary.mean, std=summary.std, interval=interval, versus=versus
    )


def _check_comparable(systems: list[list[Result]]) -> None:
    if not all(systems):
        raise SettingError("each system needs at least one result")
    first = systems[0][0]
    for run in (run for runs in systems for run in runs):
        if (run.data.checksum, run.data.sentences) != (first.data.checksum, first.data.sentences):
            raise SettingError(
                f"{run.system} was scored on {run.data.name} ({run.data.checksum[:12]}, {run.data.sentences}), "
                f"{first.system} on {first.data.name} ({first.data.checksum[:12]}, {first.data.sentences}): "
                "only results on the same data can be compared"
            )
        if _scoring(run) != _scoring(first):
            raise SettingError(f"scored in different ways, so not comparable: {run.signature} and {first.signature}")


def _scoring(run: Result) -> tuple[tuple[str, ...], str, str]:
    signature = Signature.parse(run.signature)
    return signature.counted, signature.scheme, signature.repair


def _distinct(names: list[str]) -> list[str]:
    """Numbers names that occur twice: two runs of one tagger with different settings may share a name."""
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]
