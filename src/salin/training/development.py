"""The labelled sentences that choose a checkpoint: F1 and loss on them, together where they are of several corpora."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from salin.corpus import Corpus, Sentence, SentenceTagger
from salin.evaluation import score
from salin.evaluation.counts import Counts
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from salin.models.losses import Gold, task_losses
from salin.training.processes import Processes

# As many as a tagger reads ahead, so that it computes the same batches as when it tags.
_AT_ONCE = 1024


@dataclass(frozen=True)
class Development:
    """Dev corpora. What one of them does not annotate counts neither for nor against a tagger there.

    Attributes:
        corpora: One, or one for each of several languages.
    """

    corpora: tuple[Corpus, ...]

    @classmethod
    def of(cls, dev: Corpus | Sequence[Corpus]) -> Development:
        """Of one corpus, or of several."""
        return cls((dev,) if isinstance(dev, Corpus) else tuple(dev))

    @property
    def checksum(self) -> str | list[str]:
        """Of the one corpus, or of each."""
        found = [corpus.checksum[:16] for corpus in self.corpora]
        return found[0] if len(found) == 1 else found

    def f1(self, tagger: SentenceTagger) -> float:
        """Micro-F1 over the entities of all corpora, of whatever tags."""
        predicted = [list(tagger.tag_sentences(corpus.sentences)) for corpus in self._blind]
        return self._scores(predicted)["f1"]

    def figures(self, tagger: Tagger, processes: Processes, *, loss: bool) -> dict[str, Any]:
        """What a run logs and chooses by; each process computes its part, and all are given the same.

        Args:
            tagger: Its network is in eval mode.
            processes: Of the run.
            loss: Whether to compute the loss too, the mean over words.

        Returns:
            `f1`, micro-F1 over the entities of all corpora; `f1_by_type`; and perhaps `loss`.
        """
        predicted: list[list[Sentence]] = []
        total, words = 0.0, 0
        for corpus, blind in zip(self.corpora, self._blind, strict=True):
            mine = processes.part.of(range(len(corpus)))
            tagged: list[Sentence] = []
            labelled = LabelledSentences.from_corpora([corpus], tagger.settings) if loss else None
            for block in _blocks(mine):
                sentences = [blind[index] for index in block]
                emissions = tagger.emissions(sentences)
                tagged += tagger.decode(sentences, emissions)
                if labelled is not None:
                    total += _summed_loss(tagger, labelled, block, emissions)
                    words += sum(map(len, emissions))
            predicted.append(processes.gather(tagged))
        scores = self._scores(predicted)
        if not loss:
            return scores
        summed = processes.total({"loss": total, "words": float(words)})
        return {"loss": summed["loss"] / max(1.0, summed["words"]), **scores}

    @cached_property
    def _blind(self) -> tuple[Corpus, ...]:
        return tuple(corpus.without_entities() for corpus in self.corpora)

    def _scores(self, predicted: Sequence[Sequence[Sentence]]) -> dict[str, Any]:
        found = [score(c.sentences, p, labels=c.labels) for c, p in zip(self.corpora, predicted, strict=True)]
        by_type: dict[str, list[Counts]] = defaultdict(list)
        for scored in found:
            for label, counts in scored.by_type.items():
                by_type[label].append(counts)
        return {
            "f1": _together([scored.micro for scored in found]).f1,
            "f1_by_type": {label: _together(by_type[label]).f1 for label in sorted(by_type)},
        }


def _together(counts: Sequence[Counts]) -> Counts:
    return Counts(sum(c.tp for c in counts), sum(c.fp for c in counts), sum(c.fn for c in counts))


def _blocks(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(indices), _AT_ONCE):
        yield indices[start : start + _AT_ONCE]


@torch.no_grad()
def _summed_loss(
    tagger: Tagger, labelled: LabelledSentences, indices: Sequence[int], emissions: Sequence[Tensor]
) -> float:
    """The loss of some sentences, summed over their words: that of training without masks and without a max loss."""
    sizes = torch.tensor([len(scores) for scores in emissions])
    tags = torch.tensor([tag for index in indices for tag in labelled.tags[index]], dtype=torch.long)
    masks = None
    if labelled.annotated is not None:
        masks = torch.cat([labelled.annotated[i].expand(len(e), -1) for i, e in zip(indices, emissions, strict=True)])
    rows = torch.repeat_interleave(torch.arange(len(indices)), sizes)
    gold = Gold(tags, masks, rows, torch.zeros_like(tags), 1, rows)
    mean = task_losses(tagger.network, torch.cat(list(emissions)).to(tagger.device), gold.to(tagger.device))
    return float(mean) * len(tags)
