"""The temperature of a tagger's probabilities, fitted on source dev."""

from __future__ import annotations

import torch

from salin.corpus import Corpus
from salin.evaluation.calibration import fit_temperature
from salin.models import Tagger
from salin.models.labelled import LabelledSentences


def calibrate(tagger: Tagger, dev: Corpus) -> float:
    """Sets the temperature at which the tagger's word probabilities fit dev best (Guo et al. 2017).

    It holds for the language of dev; how well it holds for another one is what the expected calibration error of a
    result shows. A CRF's probabilities are not a softmax of its scores, so its temperature stays 1.

    Args:
        tagger: Its settings are replaced.
        dev: Labelled source sentences.

    Returns:
        The temperature.
    """
    if tagger.network.crf is not None:
        return tagger.settings.temperature
    labelled = LabelledSentences.from_corpora([dev], tagger.settings)
    logits = torch.cat(tagger.emissions(labelled.sentences))
    # Where dev does not annotate all types, nobody knows what the others' probabilities should be.
    covered = [i for i, tag in enumerate(tagger.settings.tags) if tag == "O" or tag[2:] in dev.labels]
    place = {tag: i for i, tag in enumerate(covered)}
    gold = torch.tensor([place[tag] for tags in labelled.tags for tag in tags])
    temperature = fit_temperature(logits[:, covered].numpy(), gold.numpy())
    tagger.settings = tagger.settings.model_copy(update={"temperature": temperature})
    return temperature
