"""The one protocol of everything that tags: sentences in, the same sentences with entities out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Protocol, overload, runtime_checkable

from salin.corpus.sentence import Entity, Sentence
from salin.corpus.splitting import split_sentences

# Ten of the longest sentences that the splitter gives; of a usual length there are never so many in a block.
_CHARACTERS_AHEAD = 1_000_000


@runtime_checkable
class SentenceTagger(Protocol):
    """Anything that tags: a model, an adapter, rules, a translator.

    Attributes:
        labels: The entity types that it can give, without tag prefixes, such as `("LOC", "ORG", "PER")`.
    """

    labels: tuple[str, ...]

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order: one out for each in, with the same text and words."""
        ...


class TagsText(ABC):
    """Gives every tagger the same `tag` for raw text, on top of its `tag_sentences`."""

    labels: tuple[str, ...]

    @abstractmethod
    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order: one out for each in, with the same text and words."""

    @overload
    def tag(self, texts: str | Sentence, *, language: str = ...) -> Sentence: ...
    @overload
    def tag(self, texts: list[str] | list[Sentence] | tuple[str, ...], *, language: str = ...) -> list[Sentence]: ...
    @overload
    def tag(self, texts: Iterator[str] | Iterator[Sentence], *, language: str = ...) -> Iterator[Sentence]: ...
    def tag(
        self, texts: str | Sentence | Iterable[str] | Iterable[Sentence], *, language: str = "en"
    ) -> Sentence | list[Sentence] | Iterator[Sentence]:
        """Tags text of any length: scalar in, scalar out; list in, list out; iterator in, iterator out.

        Args:
            texts: A text is split into sentences and words first; a `Sentence` is taken as it stands.
            language: ISO 639 code, for the sentence splitter (abbreviations differ); any language works with any code.

        Returns:
            For each text one `Sentence` that spans the whole of it: offsets count from the start of the text.
        """
        if isinstance(texts, str | Sentence):
            return next(self._tag_stream(iter([texts]), language))
        stream = self._tag_stream(iter(texts), language)
        return list(stream) if isinstance(texts, list | tuple) else stream

    def _tag_stream(self, texts: Iterator[str | Sentence], language: str) -> Iterator[Sentence]:
        # The sentences of all texts form one stream, so that batches fill across texts; `open_texts` remembers which
        # text each sentence that went in belongs to, and is read as the tagged ones come out in the same order.
        open_texts: deque[tuple[int, str, int]] = deque()

        def pieces() -> Iterator[Sentence]:
            for number, text in enumerate(texts):
                if isinstance(text, Sentence):
                    open_texts.append((number, text.text, 0))
                    yield text
                    continue
                parts = list(split_sentences(text, language)) or [(0, Sentence(text, ()))]
                for offset, sentence in parts:
                    open_texts.append((number, text, offset))
                    yield sentence

        tagged = ((open_texts.popleft(), sentence) for sentence in self.tag_sentences(pieces()))
        for _, group in groupby(tagged, key=lambda item: item[0][0]):
            yield _joined([(text, offset, sentence) for (_, text, offset), sentence in group])


def read_ahead(sentences: Iterable[Sentence], most: int) -> Iterator[list[Sentence]]:
    """Blocks of sentences to be tagged together.

    Args:
        sentences: Any number, consumed block by block.
        most: Sentences a block; of long ones, which take more memory, there are fewer.
    """
    block: list[Sentence] = []
    size = 0
    for sentence in sentences:
        block.append(sentence)
        size += len(sentence.text)
        if len(block) == most or size >= _CHARACTERS_AHEAD:
            yield block
            block, size = [], 0
    if block:
        yield block


def _joined(parts: list[tuple[str, int, Sentence]]) -> Sentence:
    text = parts[0][0]
    if len(parts) == 1 and parts[0][2].text == text:
        return parts[0][2]
    words = tuple((s + offset, e + offset) for _, offset, part in parts for s, e in part.words)
    entities = tuple(_shifted(entity, offset) for _, offset, part in parts for entity in part.entities)
    neighbours = tuple(neighbour for _, _, part in parts for neighbour in part.neighbours)
    return Sentence(text, words, entities, neighbours, parts[0][2].origin)


def _shifted(entity: Entity, offset: int) -> Entity:
    return replace(entity, start=entity.start + offset, end=entity.end + offset)
