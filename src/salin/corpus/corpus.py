"""A corpus: sentences with what is known about them as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

from salin.corpus.labels import OUTSIDE, check_label_map, map_label
from salin.corpus.sentence import Sentence

_FORMAT_NAMES = {
    "conll": "CoNLL",
    "jsonl": "JSONL",
    "inline": "inline marks",
    "text": "plain text",
    "lines": "one sentence a line",
}


@dataclass(frozen=True)
class Corpus(Sequence[Sentence]):
    """Sentences, and how they were read. Slices are corpora too.

    Attributes:
        sentences: In the order of the file.
        labels: The entity types that its annotation covers, sorted; by default those that occur.
        name: What to call it, such as a file name.
        format: `"conll"`, `"jsonl"`, `"inline"`, `"text"`, `"lines"`, or empty where it was made in memory.
        scheme: The tag scheme that was detected, or None where there were no tags.
        language: ISO 639 code, or empty where it is unknown.
        notes: What was repaired, skipped or found odd when it was read.
    """

    sentences: tuple[Sentence, ...]
    labels: tuple[str, ...] = ()
    name: str = ""
    format: str = ""
    scheme: str | None = None
    language: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", tuple(self.sentences))
        labels = self.labels or {entity.label for sentence in self.sentences for entity in sentence.entities}
        object.__setattr__(self, "labels", tuple(sorted(labels)))

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.sentences)

    @overload
    def __getitem__(self, index: int) -> Sentence: ...
    @overload
    def __getitem__(self, index: slice) -> Corpus: ...
    def __getitem__(self, index: int | slice) -> Sentence | Corpus:
        """A sentence, or a corpus of some of them with the same labels."""
        if isinstance(index, slice):
            return replace(self, sentences=self.sentences[index])
        return self.sentences[index]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of text, words and entities: the same content has the same one whatever format it was read from."""
        digest = hashlib.sha256()
        for sentence in self.sentences:
            entities = [(entity.start, entity.end, entity.label) for entity in sentence.entities]
            content = json.dumps((sentence.text, sentence.words, entities), separators=(",", ":"))
            digest.update(content.encode("ascii") + b"\n")
        return digest.hexdigest()

    @cached_property
    def entity_count(self) -> int:
        """How many entities there are."""
        return sum(len(sentence.entities) for sentence in self.sentences)

    def map_labels(self, mapping: Mapping[str, str]) -> Corpus:
        """Renames or drops entity types.

        Args:
            mapping: From a label to its new one, or to `"O"`, which drops its entities; others stay.

        Raises:
            SettingError: When a label does not exist (see [check_label_map][salin.corpus.labels.check_label_map]).
        """
        check_label_map(mapping, self.labels)
        new = {label: map_label(label, mapping) for label in self.labels}
        kept = tuple({label for label in new.values() if label is not None})
        return replace(self, sentences=tuple(_mapped(s, new) for s in self.sentences), labels=kept)

    def only(self, labels: Iterable[str]) -> Corpus:
        """The same text with the entities of these types alone, such as those that a tagger knows."""
        kept = set(labels)
        return self.map_labels({label: OUTSIDE for label in self.labels if label not in kept})

    def without_entities(self) -> Corpus:
        """The same text without its annotation."""
        bare = tuple(replace(sentence, entities=()) for sentence in self.sentences)
        return replace(self, sentences=bare, labels=(), scheme=None)

    def describe(self) -> str:
        """One line for people: `14,041 sentences, 23,499 entities (LOC MISC ORG PER), CoNLL, IOB2 detected`."""
        labels = f" ({' '.join(self.labels)})" if self.labels else ""
        parts = [
            _counted(len(self), "sentence", "sentences"),
            _counted(self.entity_count, "entity", "entities") + labels,
        ]
        if self.format:
            parts.append(_FORMAT_NAMES.get(self.format, self.format))
        if self.scheme:
            parts.append(f"{self.scheme} detected")
        return ", ".join(parts)


def _mapped(sentence: Sentence, new: Mapping[str, str | None]) -> Sentence:
    entities = tuple(replace(e, label=label) for e in sentence.entities if (label := new.get(e.label, e.label)))
    return replace(sentence, entities=entities)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
