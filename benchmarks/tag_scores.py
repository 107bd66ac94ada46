"""What a tagger makes of sentences, plain or adapted: their entities, and the scores of all tags at their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from salin.adaptation.adapter import Adapter
from salin.corpus import Sentence
from salin.models import Tagger


@dataclass(frozen=True)
class Tagged:
    """What came out: sentences with their entities, and the scores of tags at their words, `[words, tags]` each."""

    sentences: Sequence[Sentence]
    scores: Sequence[Tensor]


def tag_with_scores(tagger: Tagger, by: Tagger | Adapter, sentences: Sequence[Sentence]) -> Tagged:
    """Tags sentences.

    Args:
        tagger: It decodes.
        by: The same, or what adapts it.
        sentences: Any number.
    """
    scores: list[Tensor] = []
    decode = tagger.decode

    def noting(chosen: Sequence[Sentence], emissions: Sequence[Tensor]) -> list[Sentence]:
        scores.extend(emissions)
        return decode(chosen, emissions)

    tagger.decode = noting
    try:
        return Tagged(list(by.tag_sentences(sentences)), scores)
    finally:
        del tagger.decode
