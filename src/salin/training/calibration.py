"""The temperature of a tagger's probabilities, fitted on source dev."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from salin.corpus import Corpus
from salin.evaluation.calibration import fit_temperature
from salin.models import Tagger
from salin.models.labelled import LabelledSentences


def calibrate(tagger: Tagger, dev: Sequence[Corpus]) -> float:
    """Sets the temperature at which the tagger's word probabilities fit dev best (Guo et al. 2017).

    It holds for the language of dev; how well it holds for another one is what the expected calibration error of a
    result shows. A CRF's probabilities are not a softmax of its scores, so its temperature stays 1.

    Args:
        tagger: Its settings are replaced.
        dev: Labelled source sentences, of one corpus or of several.

    Returns:
        The temperature.
    """
    if tagger.network.crf is not None:
        return tagger.settings.temperature
    labelled = LabelledSentences.from_corpora(dev, tagger.settings)
    emissions = tagger.emissions(labelled.sentences)
    if labelled.annotated is not None:
        # Where dev does not annotate all types, nobody knows what the others' probabilities should be.
        pairs = zip(emissions, labelled.annotated, strict=True)
        emissions = [scores.masked_fill(~annotated, -torch.inf) for scores, annotated in pairs]
    gold = torch.tensor([tag for tags in labelled.tags for tag in tags])
    temperature = fit_temperature(torch.cat(emissions).numpy(), gold.numpy())
    tagger.settings = tagger.settings.model_copy(update={"temperature": temperature})
    return temperature
