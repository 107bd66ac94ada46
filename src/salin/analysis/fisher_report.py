"""Which parameters of a tagger matter in which language: what languages share, and what fine-tuning on one changes.

Every language is given the same number of sentences, in two halves. Two languages are compared by what the most
important parameters of one half of each have in common; two halves of one language show what the same comparison gives
where there is no difference but that of the sentences: without it nobody can tell what is little. Types that not all of
the languages annotate take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from salin.analysis.common_types import CommonTypes, only
from salin.analysis.fisher import fisher_information, spread, with_words
from salin.analysis.layers import ALL, flat_layers, layers_of
from salin.analysis.movement import LayerMovement, LayerSamples, Sample, binned, correlation, distances
from salin.analysis.parameter_sets import Overlap, ParameterSet, mean_overlap
from salin.corpus import Corpus
from salin.errors import DataError, SettingError
from salin.models import Tagger
from salin.models.labelled import LabelledSentences

Layers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LayerOverlap:
    """What the most important parameters of two languages have in common in a layer.

    Attributes:
        layer: The layer, or `all`.
        first: A language.
        second: Another, or the same: then it is what two halves of its sentences have in common.
        measured: The overlap.
    """

    layer: str
    first: str
    second: str
    measured: Overlap


@dataclass(frozen=True, slots=True)
class LayerImportance:
    """How much a layer matters for a language.

    Attributes:
        layer: The layer.
        language: The language.
        mean: Fisher information of a parameter, on average.
        share: That of the whole layer as a share of the whole network's.
    """

    layer: str
    language: str
    mean: float
    share: float


@dataclass(frozen=True, slots=True)
class FisherReport:
    """What was found.

    Attributes:
        languages: In the order in which they were given.
        sentences: Of each language.
        labels: The types that take part.
        left_out: Those that do not, since not all of the languages annotate them.
        top: The share of a layer's parameters that are called the most important.
        layers: How many parameters of each are compared: all but those that score other types alone.
        importance: Layer by layer, language by language.
        overlaps: Layer by layer, and over `all` of them, for each two languages and each with itself.
        movements: For each language that has a fine-tuned tagger, layer by layer.
    """

    languages: tuple[str, ...]
    sentences: int
    labels: tuple[str, ...]
    left_out: tuple[str, ...]
    top: float
    layers: dict[str, int]
    importance: tuple[LayerImportance, ...]
    overlaps: tuple[LayerOverlap, ...]
    movements: tuple[LayerMovement, ...]

    @property
    def without(self) -> str:
        """Which types take no part, in a sentence for people; nothing where all do."""
        return f"Without {', '.join(self.left_out)}, which not all of them annotate." if self.left_out else ""


@dataclass(frozen=True, slots=True)
class _Language:
    """What is kept of a language: bits and samples, not its Fisher information, which is as large as the network."""

    tops: tuple[dict[str, ParameterSet], ...]
    sample: Sample
    means: dict[str, float]


def fisher_report(
    tagger: Tagger,
    corpora: Mapping[str, Corpus],
    tuned: Mapping[str, Callable[[], Tagger]] | None = None,
    *,
    top: float = 0.1,
    sentences: int = 500,
    advance: Callable[[int], None] | None = None,
) -> FisherReport:
    """Compares languages in one tagger, and that tagger with others that were fine-tuned from it.

    Args:
        tagger: The tagger.
        corpora: Labelled sentences of each language, best such that the tagger was not trained on.
        tuned: Opens the tagger that was fine-tuned on a language, for those that have one.
        top: The share of a layer's parameters that are called the most important.
        sentences: Of each language at most; all have as many as the smallest has.
        advance: Called with a number of sentences that have been gone through.

    Raises:
        SettingError: When a share is none, or a fine-tuned tagger is of a language that is not there.
        DataError: When a corpus has labels that the tagger does not have, or fewer than two sentences with words, or no
            label is in all of them.
        ModelError: When a fine-tuned tagger cannot have begun as this one.
    """
    if not 0 < top < 1:
        raise SettingError(f"the share of parameters that are called important is {top}; it is above 0 and below 1")
    if unknown := sorted(set(tuned or {}) - set(corpora)):
        raise SettingError(f"there is a fine-tuned tagger of {', '.join(unknown)}, but no corpus of that language")
    types = CommonTypes.of(corpora)
    labelled = {code: types.labelled(corpus, tagger) for code, corpus in corpora.items()}
    count = min(sentences, *(len(with_words(one)) for one in labelled.values())) // 2 * 2
    if count < 2:
        raise DataError("a language has fewer than two sentences", remedy="Give labelled sentences of each")
    layers, compared = layers_of(tagger.network), types.compared(tagger)
    sizes, samples = _sizes(tagger, layers, compared), LayerSamples(layers)

    def look(into: Tagger, code: str) -> _Language:
        return _look(into, labelled[code], count, top, layers, compared, samples, advance)

    found = {code: look(tagger, code) for code in corpora}
    movements: list[LayerMovement] = []
    for code, opened in (tuned or {}).items():
        after = opened()
        moved = only(distances(tagger, after), compared)
        movements += _movements(code, found, look(after, code), moved, layers, samples)
    return FisherReport(
        tuple(corpora), count, types.labels, types.left_out, top, sizes, tuple(_importance(found, sizes)),
        tuple(_overlaps(found, layers)), tuple(movements),
    )  # fmt: skip


def _look(
    tagger: Tagger, labelled: LabelledSentences, count: int, top: float, layers: Layers, compared: Mapping[str, Tensor],
    samples: LayerSamples, advance: Callable[[int], None] | None,
) -> _Language:  # fmt: skip
    chosen = spread(with_words(labelled), count)
    tops: list[dict[str, ParameterSet]] = []
    whole: dict[str, Tensor] = {}
    for half in (chosen[::2], chosen[1::2]):
        found = only(fisher_information(tagger, labelled, half, advance), compared)
        sets = {layer: ParameterSet.top(values, top) for layer, values in flat_layers(found, layers)}
        everything = torch.cat([values.flatten() for values in found.values()])
        tops.append({**sets, ALL: ParameterSet.top(everything, top)})
        del everything
        whole = {name: (whole[name] + values) / 2 for name, values in found.items()} if whole else found
    means = {layer: float(values.double().mean()) for layer, values in flat_layers(whole, layers)}
    return _Language(tuple(tops), samples.of(whole), means)


def _sizes(tagger: Tagger, layers: Layers, compared: Mapping[str, Tensor]) -> dict[str, int]:
    numbers = {name: values.numel() for name, values in only(dict(tagger.network.named_parameters()), compared).items()}
    return {layer: sum(numbers[name] for name in names) for layer, names in layers.items()}


def _importance(found: Mapping[str, _Language], sizes: Mapping[str, int]) -> list[LayerImportance]:
    rows: list[LayerImportance] = []
    for layer, size in sizes.items():
        for code, language in found.items():
            total = sum(mean * sizes[other] for other, mean in language.means.items())
            mean = language.means[layer]
            rows.append(LayerImportance(layer, code, mean, mean * size / total if total else 0.0))
    return rows


def _overlaps(found: Mapping[str, _Language], layers: Layers) -> list[LayerOverlap]:
    return [
        LayerOverlap(layer, first, second, _crossed(found[first], found[second], layer))
        for layer in (*layers, ALL)
        for first, second in combinations_with_replacement(found, 2)
    ]


def _crossed(one: _Language, other: _Language, layer: str) -> Overlap:
    """Of one half of each, both ways: never of the same sentences, and always of as many."""
    return mean_overlap([
        one.tops[0][layer].overlap(other.tops[1][layer]),
        one.tops[1][layer].overlap(other.tops[0][layer]),
    ])  # fmt: skip


def _movements(
    code: str, found: Mapping[str, _Language], after: _Language, moved: Mapping[str, Tensor], layers: Layers,
    samples: LayerSamples,
) -> list[LayerMovement]:  # fmt: skip
    ranked, before = samples.of(moved), found[code]
    averages = {layer: float(values.double().mean()) for layer, values in flat_layers(moved, layers)}
    return [
        LayerMovement(
            code,
            layer,
            averages[layer],
            {other: correlation(language.sample[layer], ranked[layer]) for other, language in found.items()},
            correlation(after.sample[layer], ranked[layer]),
            correlation(before.sample[layer], after.sample[layer]),
            binned(before.sample[layer], ranked[layer]),
            _crossed(before, after, layer),
        )
        for layer in layers
    ]
