"""Fisher information of a tagger's parameters in a language: how much its gold tags depend on each of them.

The diagonal of the empirical Fisher matrix, F = mean over sentences of (d log p(gold tags | words) / d parameter)^2:
a sentence is an example, with a CRF its log-likelihood is that of the chain (SPECS 3.5). Gold tags take the place of
tags that the model would draw itself, so that F is large too where the model is wrong (Kunstner et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from salin.adaptation.supports import Supports
from salin.analysis.example_gradients import ExampleGradients
from salin.encoding import length_buckets
from salin.models import Tagger
from salin.models.labelled import LabelledSentences


def fisher_information(
    tagger: Tagger, labelled: LabelledSentences, chosen: Sequence[int], advance: Callable[[int], None] | None = None
) -> dict[str, Tensor]:
    """The diagonal of the empirical Fisher matrix.

    Args:
        tagger: Its network is in eval mode, so that nothing is random.
        labelled: Sentences with their gold tags.
        chosen: Which of them, each with a word.
        advance: Called with a number of sentences that have been gone through.

    Returns:
        The mean over sentences for each parameter, by parameter name.
    """
    supports = Supports(labelled, tagger)
    sets = [supports.of([index]) for index in chosen]
    gradients = ExampleGradients(tagger.network)
    if gradients.batched:
        lengths = [sum(map(len, one.windows)) for one in sets]
        for group in length_buckets(lengths, tagger.windower.pieces_a_batch):
            gradients.add_batch(*supports.laid_out([sets[number] for number in group]))
            if advance and not gradients.alone:
                advance(len(group))
    if gradients.alone:
        for one in sets:
            gradients.add_alone(*supports.laid_out([one]))
            if advance:
                advance(1)
    return {name: total.div_(len(sets)) for name, total in gradients.sums.items()}


def with_words(labelled: LabelledSentences) -> list[int]:
    """The sentences that say something: those that have a word."""
    return [number for number, tags in enumerate(labelled.tags) if tags]


def spread(items: Sequence[int], count: int) -> list[int]:
    """So many items, evenly spaced through all."""
    return [items[number * len(items) // count] for number in range(count)]
