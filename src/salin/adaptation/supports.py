"""Source sentences as support sets: their windows and gold tags, made when they are first needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from salin.adaptation.layout import TaskBatch, lay_out
from salin.encoding import Window
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import Gold
from salin.models.tagger import Tagger


@dataclass(frozen=True, slots=True)
class SupportSet:
    """The labelled windows that one task learns from.

    Attributes:
        windows: The windows, those of a sentence together.
        sentences: The source sentence of each window.
    """

    windows: tuple[Window, ...]
    sentences: tuple[int, ...]


class Supports:
    """Makes support sets of source sentences.

    Args:
        source: The sentences.
        tagger: It decides the windows.
    """

    def __init__(self, source: LabelledSentences, tagger: Tagger):
        self.source = source
        self.tagger = tagger
        self._pad = tagger.windower.padding
        self._windows: dict[int, list[Window]] = {}

    def of(self, indices: Sequence[int]) -> SupportSet:
        """The support set of the sentences with these indices."""
        missing = list(dict.fromkeys(index for index in indices if index not in self._windows))
        if missing:
            found = self.tagger.windower.windows([self.source.sentences[index] for index in missing])
            self._windows.update((index, []) for index in missing)
            for window in found:
                self._windows[missing[window.sentence]].append(window)
        pairs = [(window, index) for index in indices for window in self._windows[index]]
        return SupportSet(tuple(window for window, _ in pairs), tuple(index for _, index in pairs))

    def gold(self, tasks: Sequence[SupportSet]) -> Gold:
        """What is known of the words of support sets one behind another."""
        source = self.source
        labelled = [
            (source.tags[i], source.annotated[i] if source.annotated is not None else None)
            for task in tasks
            for i in task.sentences
        ]
        owners = [number for number, task in enumerate(tasks) for _ in task.windows]
        return gold_of([window for task in tasks for window in task.windows], labelled, owners, len(tasks))

    def laid_out(self, tasks: Sequence[SupportSet]) -> tuple[TaskBatch, Gold]:
        """Support sets as one batch of tasks, with its gold tags, on the tagger's device."""
        batch = lay_out([task.windows for task in tasks], self._pad)
        gold = replace(self.gold(tasks), rows=batch.batch.rows)
        return batch.to(self.tagger.device), gold.to(self.tagger.device)
