"""How often a ranking of sources names the one that is really best, and what following it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from scipy.stats import spearmanr

from salin.analysis.source_choice import MEASURES, TOGETHER, RankedSource

#: Chosen without looking at the target: the source with most entities, and one at random.
LARGEST, RANDOM = "most entities", "at random"
# Of so many sources at the head of a ranking one is to be the best.
_AMONG = 3


@dataclass(frozen=True, slots=True)
class TargetTruth:
    """What is known of a target.

    Attributes:
        name: Of the target.
        ranked: Its possible sources.
        f1: What a tagger trained on each source alone reaches in it, in 0..1.
        entities: How many entities each source has.
    """

    name: str
    ranked: Sequence[RankedSource]
    f1: Mapping[str, float]
    entities: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HitRate:
    """How a way to choose has done.

    Attributes:
        chooser: A measure, `together`, or one that does not look at the target.
        best: The share of targets whose best source it puts first.
        among: The share of targets whose best source is among its first three.
        lost: F1, in 0..1, that its first choice reaches less than the best source, on average.
        correlation: Spearman's, of nearness and F1 over the sources of a target, on average; None where a chooser has
            no order, or the same for all sources of every target.
    """

    chooser: str
    best: float
    among: float
    lost: float
    correlation: float | None


def hit_rates(targets: Sequence[TargetTruth]) -> list[HitRate]:
    """Measures, all of them together, and what knows nothing of the target, each by how it would have chosen.

    Args:
        targets: Each with two sources or more.
    """
    choosers = (*MEASURES, TOGETHER, LARGEST)
    return [*(_hit_rate(chooser, targets) for chooser in choosers), _by_chance(targets)]


def _hit_rate(chooser: str, targets: Sequence[TargetTruth]) -> HitRate:
    first: list[bool] = []
    among: list[bool] = []
    lost: list[float] = []
    correlations: list[float] = []
    for target in targets:
        # Of those that are alike, the largest: nothing else is known of them.
        keys = {s.name: (_place(chooser, s, target), -target.entities[s.name]) for s in target.ranked}
        order = sorted(keys, key=lambda name: keys[name])
        best = max(target.f1, key=lambda name: target.f1[name])
        first.append(order[0] == best)
        among.append(best in order[:_AMONG])
        lost.append(target.f1[best] - target.f1[order[0]])
        places = [-keys[name][0] for name in order]
        if len(set(places)) > 1 and len(set(target.f1.values())) > 1:
            correlations.append(float(spearmanr(places, [target.f1[name] for name in order]).statistic))
    return HitRate(chooser, fmean(first), fmean(among), fmean(lost), fmean(correlations) if correlations else None)


def _place(chooser: str, source: RankedSource, target: TargetTruth) -> float:
    return -float(target.entities[source.name]) if chooser == LARGEST else source.ranks[chooser]


def _by_chance(targets: Sequence[TargetTruth]) -> HitRate:
    """What is to be expected of a source that is drawn."""
    return HitRate(
        RANDOM,
        fmean(1 / len(target.f1) for target in targets),
        fmean(min(1.0, _AMONG / len(target.f1)) for target in targets),
        fmean(max(target.f1.values()) - fmean(target.f1.values()) for target in targets),
        None,
    )
