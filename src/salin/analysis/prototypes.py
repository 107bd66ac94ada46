"""What models have in mind for each class: log-probabilities word by word, frequent words, effective ranks.

Two models are compared, or the checkpoints of one in their order. Africa et al. 2025 read "prototypes" off such
figures of one run with one seed (SPECS 2.7, point 13); they describe the models at hand and show no cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.analysis.class_probabilities import (
    OUTSIDE,
    FrequentWord,
    class_log_probabilities,
    frequent_words,
    tag_log_probabilities,
)
from salin.analysis.effective_rank import MatrixRank, encoder_ranks
from salin.corpus import Corpus, Sentence
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.labelled import check_labels
from salin.models.loading import load_encoder, resolve
from salin.models.settings import FILE


@dataclass(frozen=True, slots=True)
class WordClasses:
    """A word and what each model thinks of it.

    Attributes:
        sentence: The number of its sentence, counted from 0.
        word: It.
        gold: Its class: `O`, or the label of the entity that it is in.
        log_probabilities: For each class that all models have one number a model, in nats.
    """

    sentence: int
    word: str
    gold: str
    log_probabilities: dict[str, tuple[float, ...]]

    @property
    def difference(self) -> dict[str, float]:
        """The last model's log-probability of each class minus the first one's."""
        return {name: values[-1] - values[0] for name, values in self.log_probabilities.items()}


@dataclass(frozen=True, slots=True)
class Prototypes:
    """What several models think of the words of a corpus.

    Attributes:
        classes: `O`, and the labels that all models have.
        words: All of them, in order.
        frequent: The most frequent ones, see [frequent_words][salin.analysis.class_probabilities.frequent_words].
    """

    classes: tuple[str, ...]
    words: tuple[WordClasses, ...]
    frequent: tuple[FrequentWord, ...]

    def mean_differences(self) -> dict[str, dict[str, float]]:
        """By gold class the mean difference over its words, for each class; see `WordClasses.difference`."""
        means: dict[str, dict[str, float]] = {}
        for gold in self.classes:
            found = [word.difference for word in self.words if word.gold == gold]
            if found:
                means[gold] = {name: sum(each[name] for each in found) / len(found) for name in self.classes}
        return means


@dataclass(frozen=True, slots=True)
class ModelRanks:
    """The effective ranks of a model's matrices, see [encoder_ranks][salin.analysis.effective_rank.encoder_ranks]."""

    model: str
    matrices: tuple[MatrixRank, ...]


def example_cases() -> Corpus:
    """The two sentences of Africa et al. 2025: a person behind each personal particle of Tagalog."""
    cases = ("Inahit ni John/PER ang sarili niya", "Malapit kay Maria/PER si Juan/PER")
    sentences: list[Sentence] = []
    for case in cases:
        marked = [word.partition("/") for word in case.split()]
        tags = [f"B-{label}" if label else OUTSIDE for _, _, label in marked]
        sentences.append(Sentence.from_tokens([word for word, _, _ in marked], tags))
    return Corpus(tuple(sentences), name="two sentences")


def compare_prototypes(names: Sequence[str], corpus: Corpus) -> Prototypes:
    """Asks models for each word of a corpus; one model at a time is in memory.

    Args:
        names: Taggers: bundled models, folders, Hugging Face ids.
        corpus: Labelled sentences.

    Raises:
        ModelError: When one is no tagger, or damaged or unsafe.
        DataError: When the corpus has labels that one of them does not have.
        SettingError: When no name is given.
    """
    if not names:
        raise SettingError("there is no model to ask")
    labels: list[tuple[str, ...]] = []
    tags: list[tuple[str, ...]] = []
    scores: list[list[Tensor]] = []
    for name in names:
        tagger = Tagger.from_pretrained(name)
        check_labels(corpus, tagger.labels)
        labels.append(tagger.labels)
        tags.append(tagger.settings.tags)
        scores.append(tag_log_probabilities(tagger, corpus.sentences))
    classes = (OUTSIDE, *(label for label in labels[0] if all(label in others for others in labels)))
    words: list[WordClasses] = []
    correct: list[list[Tensor]] = [[] for _ in names]
    for number, sentence in enumerate(corpus):
        gold = sentence.tags()
        asked = torch.stack(
            [class_log_probabilities(found[number], known, classes) for found, known in zip(scores, tags, strict=True)],
            -1,
        )
        by_class: list[list[list[float]]] = asked.tolist()
        for token, tag, values in zip(sentence.tokens, gold, by_class, strict=True):
            by_model = {name: tuple(found) for name, found in zip(classes, values, strict=True)}
            words.append(WordClasses(number, token, tag[2:] or OUTSIDE, by_model))
        for model, found, known in zip(correct, scores, tags, strict=True):
            columns = torch.tensor([known.index(tag) for tag in gold], dtype=torch.long)
            model.append(found[number].gather(-1, columns[:, None])[:, 0].exp())
    return Prototypes(classes, tuple(words), tuple(frequent_words(corpus.sentences, correct)))


def model_ranks(names: Iterable[str]) -> list[ModelRanks]:
    """The effective ranks of taggers' encoders, or of encoders and decoders without a head; one at a time in memory.

    Raises:
        ModelError: When there is no such model, or it is damaged or unsafe, or holds no weights (an export to ONNX).
    """
    return [ModelRanks(name, tuple(encoder_ranks(load_encoder(resolve(name))))) for name in names]


def is_tagger(name: str) -> bool:
    """Whether a model has tags, and not an encoder alone.

    Raises:
        ModelError: When there is no such model.
    """
    return (resolve(name) / FILE).exists()
