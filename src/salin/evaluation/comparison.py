"""Several systems on one corpus: means over seeds, intervals, and tests against the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from salin.errors import SettingError
from salin.evaluation.counts import IntArray
from salin.evaluation.intervals import difference_interval, summarise_seeds
from salin.evaluation.records import AdaptationRecord, IntervalRecord, Record
from salin.evaluation.result import Result
from salin.evaluation.signature import Signature
from salin.evaluation.significance import assess, holm

Seeds = tuple[int, ...]


class Versus(Record):
    """A system beside the baseline, over the seeds that both have.

    Attributes:
        difference: Mean F1 of the system minus that of the baseline.
        interval: Of the difference, over sentences and runs.
        seeds: Those that were compared; empty where neither system has any. A system without seeds stands beside each
            run of the other.
        p: The larger of the next two: a difference is beyond chance when neither sentences nor seeds explain it.
        p_sentences: Of the paired randomisation test over sentences.
        p_runs: Of the test over runs; None where one of the two has fewer than two runs.
        paired: Whether that was the one for runs that share their trained models by pairs.
        p_holm: `p`, adjusted for the number of systems compared.
        scope: What the test speaks of: `"these models"` where seeds play a part whose chance `p` does not cover, so
            that the same methods with other seeds may well compare otherwise; else `"the methods"`.
        rounds: Of the test over sentences.
    """

    difference: float
    interval: IntervalRecord
    seeds: list[int]
    p: float
    p_sentences: float
    p_runs: float | None
    paired: bool
    p_holm: float
    scope: Literal["the methods", "these models"]
    rounds: int


class ComparisonRow(Record):
    """One system.

    Attributes:
        system: Its name.
        seeds: How many runs there are of it.
        f1: Mean micro-F1 over all its runs.
        std: Standard deviation over its runs; 0 for one run.
        interval: Of the mean, over sentences and runs.
        versus: Beside the baseline; None for the baseline itself, and where there is no test.
        note: What to mind: seeds that only one of the two has, why there is no test, versions that differ; else empty.
        adaptation: How it adapted, where its results say so.
    """

    system: str
    seeds: int
    f1: float
    std: float
    interval: IntervalRecord
    versus: Versus | None = None
    note: str = ""
    adaptation: AdaptationRecord | None = None


class Comparison(Record):
    """Systems on one corpus, the baseline first.

    Attributes:
        data: Name of the corpus.
        rows: One a system.
    """

    data: str
    rows: list[ComparisonRow]


def compare(
    baseline: Sequence[Result],
    *others: Sequence[Result],
    paired: bool = False,
    rounds: int = 10_000,
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compares systems with a baseline; nothing but their results is needed.

    Two systems are compared over the seeds that both have, in whatever order their results come. Where they share none,
    there is no test, and the row's note says why.

    Args:
        baseline: Runs of the baseline that differ in their seed alone.
        others: The same for each other system.
        paired: Runs of the same seed use the same trained model, in all systems, as with and without adaptation.
        rounds: Of each test.
        draws: Of each bootstrap.
        seed: Of the random generators.

    Raises:
        SettingError: When the results are not of the same data with the same labels counted, or the runs of a system do
            not differ in their seed alone.
    """
    systems = [_by_seeds(runs) for runs in (baseline, *others)]
    _check_comparable(systems)
    names = _distinct([next(iter(runs.values())).system for runs in systems])
    counts = [{seeds: run.counts() for seeds, run in runs.items()} for runs in systems]
    versus: dict[str, Versus] = {}
    notes = {names[0]: [_versions(systems[:1])]}
    for name, runs, table in zip(names[1:], systems[1:], counts[1:], strict=True):
        shared, note = _shared(runs, systems[0], names[0])
        if shared is not None:
            versus[name] = _versus(table, counts[0], shared, paired, rounds, draws, seed)
        notes[name] = [note, _versions([systems[0], runs])]
    adjusted = holm({name: test.p for name, test in versus.items()})
    rows: list[ComparisonRow] = []
    for name, runs, table in zip(names, systems, counts, strict=True):
        summary = summarise_seeds(np.stack(list(table.values())), draws=draws, seed=seed)
        test = versus[name].model_copy(update={"p_holm": adjusted[name]}) if name in versus else None
        adaptation = next((run.adaptation for run in runs.values() if run.adaptation is not None), None)
        row = ComparisonRow(
            system=name,
            seeds=len(table),
            f1=summary.mean,
            std=summary.std,
            interval=IntervalRecord.of(summary.interval),
            versus=test,
            note="; ".join(filter(None, notes[name])),
            adaptation=adaptation,
        )
        rows.append(row)
    return Comparison(data=next(iter(systems[0].values())).data.name, rows=rows)


def _by_seeds(runs: Sequence[Result]) -> dict[Seeds, Result]:
    """The runs of a system by their seeds, in the order of these."""
    if not runs:
        raise SettingError("each system needs at least one result")
    name = runs[0].system
    ordered = {tuple(run.seeds): run for run in sorted(runs, key=lambda run: run.seeds)}
    if len(runs) > 1 and () in ordered:
        raise SettingError(f"{name}: several runs of one system need their seeds: evaluate(..., seeds=[...])")
    if len(ordered) < len(runs):
        twice = next(seeds for seeds in ordered if sum(tuple(run.seeds) == seeds for run in runs) > 1)
        raise SettingError(f"{name}: seed {_list(twice)} occurs twice; the runs of a system differ in their seed alone")
    # A result that is older than the record of adaptation may stand beside one that has it.
    ways = {str(run.adaptation) for run in runs if run.adaptation is not None}
    if len(ways) > 1:
        raise SettingError(f"{name}: runs that adapted in different ways are of different systems: {'; '.join(ways)}")
    return ordered


def _shared(runs: dict[Seeds, Result], base: dict[Seeds, Result], name: str) -> tuple[list[Seeds] | None, str]:
    """The seeds to compare a system over with the baseline, or None, and what is to be said of them."""
    if () in runs or () in base:
        return sorted({*runs, *base} - {()}), ""
    shared = sorted({*runs} & {*base})
    if not shared:
        return None, f"no test against {name}: no seed in common ({_seeds(runs)} and {_seeds(base)})"
    if len(shared) < len(runs) or len(shared) < len(base):
        return shared, f"beside {name} over the seeds of both: {_seeds(shared)} (of {_seeds(runs)} and {_seeds(base)})"
    return shared, ""


def _versus(
    own: dict[Seeds, IntArray],
    base: dict[Seeds, IntArray],
    shared: list[Seeds],
    paired: bool,
    rounds: int,
    draws: int,
    seed: int,
) -> Versus:
    first, second = (np.stack([table[()]] if () in table else [table[s] for s in shared]) for table in (own, base))
    paired = paired and len(first) == len(second) > 1
    test = assess(first, second, paired=paired, rounds=rounds, seed=seed)
    return Versus(
        difference=test.sentences.difference,
        interval=IntervalRecord.of(difference_interval(first, second, paired=paired, draws=draws, seed=seed)),
        seeds=[number for seeds in shared for number in seeds],
        p=test.p,
        p_sentences=test.sentences.p,
        p_runs=test.p_runs,
        paired=paired,
        p_holm=test.p,
        scope="these models" if shared and test.p_runs is None else "the methods",
        rounds=test.sentences.rounds,
    )


def _check_comparable(systems: list[dict[Seeds, Result]]) -> None:
    first = next(iter(systems[0].values()))
    for run in (run for runs in systems for run in runs.values()):
        if (run.data.checksum, run.data.sentences) != (first.data.checksum, first.data.sentences):
            raise SettingError(
                f"{run.system} was scored on {run.data.name} ({run.data.checksum[:12]}, {run.data.sentences}), "
                f"{first.system} on {first.data.name} ({first.data.checksum[:12]}, {first.data.sentences}): "
                "only results on the same data can be compared"
            )
        if _scoring(run) != _scoring(first):
            raise SettingError(f"scored in different ways, so not comparable: {run.signature} and {first.signature}")


def _scoring(run: Result) -> tuple[Seeds | tuple[str, ...] | str, ...]:
    """What of a signature must agree, besides the data."""
    signature = Signature.parse(run.signature)
    return signature.labels, signature.counted, signature.scheme, signature.repair


def _versions(systems: Iterable[dict[Seeds, Result]]) -> str:
    versions = sorted({Signature.parse(run.signature).salin for runs in systems for run in runs.values()})
    return f"scored by different versions of salin: {', '.join(versions)}" if len(versions) > 1 else ""


def _seeds(many: Iterable[Seeds]) -> str:
    return ", ".join(map(_list, many))


def _list(seeds: Seeds) -> str:
    return "+".join(map(str, seeds))


def _distinct(names: list[str]) -> list[str]:
    """Numbers names that occur twice: two runs of one tagger with different settings may share a name."""
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]
