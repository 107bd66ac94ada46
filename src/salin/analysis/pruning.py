"""F1 over sparsity: what a tagger still knows when its smallest weights are gone, without and with training again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from salin.analysis.magnitude import SCOPES, Scope, magnitude_masks, pruned
from salin.corpus import Corpus
from salin.evaluation import evaluate
from salin.models import Tagger
from salin.training.checkpoint import cloned_state
from salin.training.direct import train_direct
from salin.training.methods import MethodSettings
from salin.training.pruned import held_at_zero


@dataclass(frozen=True, slots=True)
class PruningTest:
    """Labelled sentences that pruned taggers are scored on.

    Attributes:
        corpus: The sentences.
        labels: Count only these; None counts all.
    """

    corpus: Corpus
    labels: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Retraining:
    """How a pruned tagger is trained again.

    Attributes:
        source: Labelled sentences.
        dev: Those that choose the checkpoint.
        settings: How long and how fast.
        sparsities: After leaving out which shares of weights.
    """

    source: Sequence[Corpus]
    dev: Sequence[Corpus]
    settings: MethodSettings
    sparsities: Sequence[float]


@dataclass(frozen=True, slots=True)
class PrunedScore:
    """What a pruned tagger reaches.

    Attributes:
        test: Where.
        scope: What its weights were compared with.
        retrained: Whether it was trained again.
        sparsity: The share of its weights that was left out.
        f1: Micro-F1 of entities, in 0..1.
        low: The lower end of its 95 % bootstrap interval over sentences.
        high: The upper end.
    """

    test: str
    scope: Scope
    retrained: bool
    sparsity: float
    f1: float
    low: float
    high: float


def pruned_scores(
    tagger: Tagger,
    tests: Mapping[str, PruningTest],
    sparsities: Sequence[float],
    retraining: Retraining | None = None,
    *,
    title: str = "pruned",
    tell: Callable[[str], None] = lambda message: None,
) -> list[PrunedScore]:
    """Prunes a tagger by magnitude, globally and in each layer, and scores what is left of it.

    Args:
        tagger: Its weights are put back; without retraining they are only ever copied.
        tests: By name.
        sparsities: Shares of weights to leave out; 0, the tagger as it is, is scored in any case.
        retraining: How to train again, or None.
        title: What to call the tagger beside a progress bar.
        tell: Called with a line for people at each step.
    """
    found: list[PrunedScore] = []
    whole = _scored(tagger, tests)
    for scope in SCOPES:
        found += [PrunedScore(test, scope, False, 0.0, *score) for test, score in whole.items()]
        for sparsity in sorted(set(sparsities) - {0.0}):
            tell(f"{title}: {sparsity:.0%} left out, {scope}")
            masks = magnitude_masks(tagger.network, sparsity, scope)
            with pruned(tagger.network, masks):
                found += [
                    PrunedScore(test, scope, False, sparsity, *score) for test, score in _scored(tagger, tests).items()
                ]
                if retraining is None or sparsity not in retraining.sparsities:
                    continue
                scores = _retrained(tagger, masks, tests, retraining, f"{title} {sparsity:.0%} {scope}")
                found += [PrunedScore(test, scope, True, sparsity, *score) for test, score in scores.items()]
    return found


def _scored(tagger: Tagger, tests: Mapping[str, PruningTest]) -> dict[str, tuple[float, float, float]]:
    """F1 and its interval by test."""
    found: dict[str, tuple[float, float, float]] = {}
    for name, test in tests.items():
        result = evaluate(tagger, test.corpus, labels=test.labels)
        found[name] = result.micro.f1, result.interval.low, result.interval.high
    return found


def _retrained(
    tagger: Tagger, masks: Mapping[str, Tensor], tests: Mapping[str, PruningTest], retraining: Retraining, title: str
) -> dict[str, tuple[float, float, float]]:
    """The scores after training what the masks leave; then the tagger is as it was before."""
    weights, settings = cloned_state(tagger.network), tagger.settings
    try:
        with held_at_zero(tagger.network, masks):
            train_direct(tagger, retraining.source, retraining.dev, retraining.settings, title=title)
        return _scored(tagger, tests)
    finally:
        tagger.network.load_state_dict(weights, strict=False)
        tagger.settings = settings
