"""Fine-tuning on target labels: a share of them (Wu et al. 2020, table 6), or all (Mueller et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from salin.corpus import Corpus
from salin.errors import SettingError
from salin.models import Tagger
from salin.training.direct import train_direct
from salin.training.methods import MethodSettings


def fraction(corpus: Corpus, share: float, seed: int) -> Corpus:
    """A random part of a corpus, at least one sentence, in the order of the corpus.

    Raises:
        SettingError: When the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise SettingError(f"a fraction is above 0 and at most 1, not {share}")
    count = max(1, round(share * len(corpus)))
    chosen = np.sort(np.random.default_rng(seed).choice(len(corpus), count, replace=False))
    return Corpus(
        tuple(corpus[int(index)] for index in chosen), corpus.labels, f"{corpus.name} ({share:.1%})", corpus.format,
        corpus.scheme, corpus.language,
    )  # fmt: skip


def finetune(
    tagger: Tagger, target: Corpus, dev: Corpus | Sequence[Corpus], settings: MethodSettings, *,
    folder: Path | None = None,
) -> dict[str, float]:  # fmt: skip
    """Goes on training a trained tagger on labelled target sentences, with a fresh optimiser.

    With `select="loss"` and `loop.patience` it goes on until the loss on dev stops falling.

    Args:
        tagger: Trained in place.
        target: Labelled sentences of the target language.
        dev: What chooses the checkpoint: source dev for a true few-shot setting. Evaluate at the end alone
            (`loop.evaluate_every = 0`) to take the last weights.
        settings: How.
        folder: For the log and checkpoints.

    Returns:
        The figures of the chosen evaluation.
    """
    return train_direct(tagger, [target], dev, settings, folder=folder, title="finetune")
