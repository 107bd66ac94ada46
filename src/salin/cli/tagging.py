"""How `salin tag` makes entities, as its options say, in this process or in a worker's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from salin.cli.corpora import ReadOptions, map_labels
from salin.cli.options import Dtype, OnOverflow
from salin.cli.taggers import AdaptOptions, OpenedTagger, open_tagger
from salin.corpus import Entity, Sentence, TagsText


@dataclass(frozen=True, slots=True)
class TagOptions:
    """What decides the entities of a sentence.

    Attributes:
        model: A bundled model, a folder, a Hugging Face id, or rules.
        adapt: Whether and how it adapts.
        reading: How the input is read, and the source as far as it holds for that.
        language: ISO 639 code, for splitting text into sentences.
        on_overflow: What becomes of sentences that are too long for a model.
        precision: What a model computes in.
        label_map: Such as `"MISC=O"`.
        threshold: Entities with a lower score are left out.
        neighbours: Whether sentences keep what they learned from.
    """

    model: str
    adapt: AdaptOptions
    reading: ReadOptions
    language: str
    on_overflow: OnOverflow = "window"
    precision: Dtype = "fp32"
    label_map: str | None = None
    threshold: float | None = None
    neighbours: bool = False

    def read_arguments(self) -> dict[str, Any]:
        """Arguments of salin's readers for the input."""
        return {"language": self.language, "cuts": self.on_overflow != "error", **self.reading.arguments()}

    def open(self) -> tuple[OpenedTagger, Finishing]:
        """Opens the tagger; see [open_tagger][salin.cli.taggers.open_tagger].

        Returns:
            It, and what finishes its sentences.

        Raises:
            SettingError: Also when the label map names a label that it does not give.
        """
        opened = open_tagger(self.model, self.adapt, self.reading.of_source(), self.on_overflow, self.precision)
        mapping = map_labels(self.label_map, opened.tagger.labels)
        return opened, Finishing(opened.tagger, mapping, self.threshold, self.neighbours)


class Finishing:
    """Renames and drops the entities of a tagger as the options say."""

    def __init__(self, tagger: TagsText, mapping: dict[str, str], threshold: float | None, neighbours: bool):
        self._tagger, self._mapping, self._threshold, self._neighbours = tagger, mapping, threshold, neighbours

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order."""
        return self.finished(self._tagger.tag_sentences(sentences))

    def finished(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """What becomes of tagged sentences."""
        for sentence in sentences:
            entities = tuple(kept for entity in sentence.entities if (kept := self._kept(entity)) is not None)
            shown = sentence.neighbours if self._neighbours else ()
            yield replace(sentence, entities=entities, neighbours=shown)

    def _kept(self, entity: Entity) -> Entity | None:
        if self._threshold is not None and entity.score is not None and entity.score < self._threshold:
            return None
        label = self._mapping.get(entity.label, entity.label)
        return None if label == "O" else replace(entity, label=label)
