"""Direct transfer: train on the source language, tag the target (Wu and Dredze 2019). The honest baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from salin.corpus import Corpus
from salin.encoding import collate
from salin.models import Tagger
from salin.models.labelled import LabelledSentences, check_annotated, gold_of
from salin.training.development import Development
from salin.training.examples import EntityMasking, Epochs, Examples
from salin.training.methods import MethodSettings, made_with, train
from salin.training.objectives import DirectBatch, DirectObjective
from salin.training.polyglot import epochs_of
from salin.training.processes import WHOLE, Part


def train_direct(
    tagger: Tagger, source: Sequence[Corpus], dev: Corpus | Sequence[Corpus], settings: MethodSettings, *,
    folder: Path | None = None, title: str = "direct",
) -> dict[str, float]:  # fmt: skip
    """Trains a tagger on labelled sentences.

    Args:
        tagger: Trained in place.
        source: Corpora, of one language or of several; each may annotate fewer types than the tagger has.
        dev: Labelled source sentences that choose the checkpoint: a corpus, or one for each of several languages.
        settings: How.
        folder: For the log and checkpoints; a run found there is resumed.
        title: What stands before the progress bar.

    Returns:
        The figures of the chosen evaluation.

    Raises:
        DataError: When a corpus has labels that the tagger does not have, or lacks some that its network needs of all.
        SettingError: When lexicons translate from a language that no source is in.
    """
    if tagger.network.gives_log_probabilities:
        # Of dev sentences a loss alone needs it.
        chosen_by = Development.of(dev).corpora if settings.select == "loss" else ()
        check_annotated([*source, *chosen_by], tagger.labels)
    batches = DirectBatches.of(tagger, source, settings)
    objective = DirectObjective(settings.max_weight)
    made = made_with(tagger, source, dev, settings)
    return train(tagger, batches, objective, settings, dev, folder=folder, title=title, made_with=made)


@dataclass(frozen=True)
class DirectBatches:
    """The batches of direct training: step -> windows with tags, a pure function of `(seed, step)`."""

    examples: Examples
    epochs: Epochs
    masking: EntityMasking
    pad: int
    seed: int

    @classmethod
    def of(cls, tagger: Tagger, source: Sequence[Corpus], settings: MethodSettings) -> DirectBatches:
        """For a tagger, its corpora and settings."""
        labelled = LabelledSentences.from_corpora(source, tagger.settings)
        switching = settings.switching.load(source) if settings.switching else None
        examples = Examples(labelled, tagger.windower, tagger.settings, switching)
        return cls(
            examples,
            epochs_of(source, settings.batch, settings.seed, settings.sampling_temperature, examples.lengths()),
            EntityMasking(settings.mask_rate, tagger.windower.hidden),
            tagger.windower.padding,
            settings.seed,
        )

    def __call__(self, step: int, part: Part = WHOLE) -> DirectBatch | None:
        """A part of the batch of a step."""
        random = np.random.default_rng([self.seed, step, 1])
        chosen = self.epochs(step)
        lexicons = self.examples.draw(len(chosen), random)
        found = self.examples.windows(chosen, random, lexicons=lexicons, hide=self.masking)
        whole, mine = ([pair for sentence in some for pair in sentence] for some in (found, part.of(found)))
        if whole and not mine:
            return None
        windows = [window for window, _ in mine]
        gold = gold_of(windows, [known for _, known in mine], [0] * len(windows), 1)
        words, all_words = (sum(len(window.owned) for window, _ in some) for some in (mine, whole))
        shares = (words / all_words, len(mine) / len(whole)) if whole else (1.0, 1.0)
        return DirectBatch(collate(windows, self.pad), gold, *shares)
