"""What a tagger thinks of each word: the log-probability of each class, and the probability of the right tag.

The log-probability of class c at a word is logsumexp over {B-c, I-c} of the log-softmax of the tag scores (SPECS 2.6);
a CRF gives marginals in place of the softmax. Scores are taken as they are, before the temperature that makes a
tagger's probabilities honest on its source language: it differs from model to model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.corpus import Sentence
from salin.models import Tagger
from salin.models.decoding import Chain, marginals

OUTSIDE = "O"
_FREQUENT = 10


@torch.no_grad()
def tag_log_probabilities(tagger: Tagger, sentences: Sequence[Sentence]) -> list[Tensor]:
    """The log-probability of each tag at each word.

    Args:
        tagger: Any tagger with tag scores; of an exported one with a CRF the transitions are not at hand.
        sentences: The sentences.

    Returns:
        `[words, tags]` for each sentence, in the order of `tagger.settings.tags`.

    Raises:
        ModelError: When the tagger was exported and has a CRF.
    """
    emissions = [scores.double() for scores in tagger.emissions(sentences)]
    if tagger.settings.head == "softmax":
        return [scores.log_softmax(-1) for scores in emissions]
    learned = tagger.network.chain
    chain = Chain(*(part.detach().cpu().double() for part in (learned.start, learned.between, learned.end)))
    smallest = torch.finfo(torch.float64).tiny  # what rounds to 0 has a logarithm too
    return [
        marginals(scores[None], torch.tensor([len(scores)]), chain)[0].clamp_min(smallest).log()
        if len(scores)
        else scores
        for scores in emissions
    ]


def class_log_probabilities(by_tag: Tensor, tags: Sequence[str], classes: Sequence[str]) -> Tensor:
    """The log-probability of each class, `[words, classes]`.

    Args:
        by_tag: Log-probabilities, `[words, tags]`.
        tags: Their names.
        classes: `O`, or labels.
    """
    columns = [[i for i, tag in enumerate(tags) if tag == name or tag[2:] == name] for name in classes]
    return torch.stack([by_tag[:, column].logsumexp(-1) for column in columns], -1)


@dataclass(frozen=True, slots=True)
class FrequentWord:
    """A word that is frequent in a corpus.

    Attributes:
        word: As it is written, case kept.
        entity: Whether its occurrences inside entities are meant, or those outside.
        count: How many these are.
        correct: The mean probability of the right tag over them, for each model.
    """

    word: str
    entity: bool
    count: int
    correct: tuple[float, ...]


def frequent_words(sentences: Sequence[Sentence], correct: Sequence[Sequence[Tensor]]) -> list[FrequentWord]:
    """The ten most frequent words inside entities and the ten most frequent outside, with what models think of them.

    Of the words outside those without a letter are left out, which are punctuation for the most part. Of words that
    are equally frequent those that occur first are taken.

    Args:
        sentences: Labelled ones.
        correct: For each model and sentence the probability of the right tag at each word.
    """
    counts: Counter[tuple[bool, str]] = Counter()
    sums: defaultdict[tuple[bool, str], list[float]] = defaultdict(lambda: [0.0] * len(correct))
    for number, sentence in enumerate(sentences):
        by_word: list[list[float]] = torch.stack([model[number] for model in correct], -1).tolist()
        for token, tag, values in zip(sentence.tokens, sentence.tags(), by_word, strict=True):
            key = (tag != OUTSIDE, token)
            if key[0] or any(map(str.isalpha, token)):
                counts[key] += 1
                sums[key] = [before + value for before, value in zip(sums[key], values, strict=True)]
    ranked = [key for key, _ in counts.most_common()]
    chosen = [key for wanted in (True, False) for key in [key for key in ranked if key[0] is wanted][:_FREQUENT]]
    return [
        FrequentWord(word, inside, counts[inside, word], tuple(s / counts[inside, word] for s in sums[inside, word]))
        for inside, word in chosen
    ]
