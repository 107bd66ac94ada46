"""What a model learns from: the very questions that translation asks, each with the answer that is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from transformers import PreTrainedTokenizerFast

from salin.corpus import Sentence, segment_words
from salin.translation.chat import prompts
from salin.translation.chat.answers import write_phrases, write_translation
from salin.translation.chat.conversation import Message
from salin.translation.chat.template import answer_text, pieces, prompt_text
from salin.translation.location import Locator
from salin.translation.translator import Candidate, Translation
from salin.translation.tuning.pairs import AlignedName, AlignedSentence

Task = Literal["back", "forward"]


@dataclass(frozen=True, slots=True)
class Example:
    """A question and its answer.

    Attributes:
        task: `back` asks for names of a translation in the original, `forward` for a translation.
        prompt: Pieces of all that stands before the answer.
        answer: Pieces of the answer, with the one that ends it.
    """

    task: Task
    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True, slots=True)
class ExampleMaker:
    """Makes examples for one model.

    Attributes:
        tokenizer: With a chat template.
        ends: The pieces that end an answer.
        labels: The entity types that it is asked for.
        language: English name of the sentences' language, where it is known.
        context: How many pieces the model reads.
    """

    tokenizer: PreTrainedTokenizerFast
    ends: Sequence[int]
    labels: Sequence[str]
    language: str | None
    context: int

    def __call__(self, sentences: Sequence[AlignedSentence]) -> tuple[list[Example], int]:
        """The examples of some sentences, and how many are left out since they are longer than the context."""
        made = [example for sentence in sentences for example in self._of(sentence)]
        fitting = [example for example in made if len(example) <= self.context]
        return fitting, len(made) - len(fitting)

    def _of(self, aligned: AlignedSentence) -> Iterator[Example]:
        yield self._back(aligned)
        if aligned.translation is not None:
            yield self._forward(aligned.sentence, aligned.translation, (*aligned.names, *aligned.others))

    def _back(self, aligned: AlignedSentence) -> Example:
        translation, names = aligned.translation, aligned.names
        if translation is None:
            translation, names = _with_english_names(aligned)
        names = _in_order(names, translation)
        english = [name.english for name in names]
        question = prompts.back(aligned.sentence, translation, english, self.language)
        return self._example("back", question, write_phrases([name.original for name in names]))

    def _forward(self, sentence: str, translation: str, names: Sequence[AlignedName]) -> Example:
        ordered = _in_order(names, translation)
        candidates = tuple(Candidate(name.original, name.english, name.label) for name in ordered)
        answer = write_translation(Translation(translation, candidates))
        return self._example("forward", prompts.forward(sentence, self.labels, self.language), answer)

    def _example(self, task: Task, question: Sequence[Message], answer: str) -> Example:
        before = prompt_text(self.tokenizer, question)
        behind = answer_text(self.tokenizer, question, answer)
        prompt, whole = pieces(self.tokenizer, before), pieces(self.tokenizer, before + behind)
        # Together, since some tokenizers put a space before whatever they are given; apart where a piece spans both,
        # since the model has read the prompt alone when it begins to answer.
        together = whole[: len(prompt)] == prompt
        written = whole[len(prompt) :] if together else pieces(self.tokenizer, behind)
        ended = next((place for place, piece in enumerate(written) if piece in self.ends), None)
        written = [*written, self.ends[0]] if ended is None else written[: ended + 1]
        return Example(task, tuple(prompt), tuple(written))


def checksum(examples: Sequence[Example]) -> str:
    """SHA-256 of examples in their order."""
    digest = sha256()
    for example in examples:
        digest.update(repr((example.prompt, example.answer)).encode())
    return digest.hexdigest()


def counted(examples: Sequence[Example]) -> dict[str, int]:
    """How many there are of each task."""
    return dict(sorted(Counter(example.task for example in examples).items()))


def _with_english_names(aligned: AlignedSentence) -> tuple[str, list[AlignedName]]:
    """What stands for an unknown translation: the sentence itself, in which the names that are known are English.

    So there are other words to look past, as in a translation; from the English names alone in that place a model would
    learn to expect nothing else there.

    Returns:
        The text, and the names in it: of two that want the same place, the first.
    """
    locator = Locator(Sentence(aligned.sentence, segment_words(aligned.sentence)))
    text, kept, end = "", list[AlignedName](), 0
    for name in aligned.names:
        place = next((place for place in locator.places(name.original) if place.start >= end), None)
        if place is not None:
            text += aligned.sentence[end : place.start] + name.english
            kept.append(name)
            end = place.end
    return text + aligned.sentence[end:], kept


def _in_order(names: Sequence[AlignedName], translation: str) -> list[AlignedName]:
    """Names in the order of the translation, as translation asks for them and wants them listed."""
    return sorted(names, key=lambda name: translation.index(name.english))
