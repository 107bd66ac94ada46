"""Vectors of pieces by skip-gram (Mikolov et al. 2013), which the embeddings of a new model can begin with.

Pieces that stand among the same neighbours get vectors that are near each other. In text with words switched into other
languages these neighbours are shared by a word and its translations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.errors import DataError, SettingError
from salin.settings import StrictSettings

# Of pieces that are seen less often too little is known: they keep the vectors that they have.
_LEAST = 5
_NEGATIVES = 5
# Passages that are given to the tokenizer at once.
_AT_ONCE = 1000


class SkipgramSettings(StrictSettings):
    """How the vectors are learned that embeddings begin with.

    Attributes:
        characters: How much of the text is read, drawn as for rows.
        switched: The share of passages that are English ones with words switched into another language, as many of
            their words as `masked.switch_rate` says; the others are of all languages.
        window: Pieces on either side by which a piece is to be told, at most.
        epochs: How often what was read is gone through.
    """

    characters: int = Field(50_000_000, gt=0)
    switched: float = Field(0.5, ge=0, le=1)
    window: int = Field(5, gt=0)
    epochs: int = Field(3, gt=0)


class PieceVectors(NamedTuple):
    """Vectors of some pieces of a tokenizer.

    Attributes:
        pieces: `[pieces]`.
        vectors: `[pieces, size]`.
    """

    pieces: Tensor
    vectors: Tensor


def learn_vectors(
    draw: Callable[[np.random.Generator], Sequence[str]], tokenizer: PreTrainedTokenizerFast, size: int,
    settings: SkipgramSettings, random: np.random.Generator,
) -> PieceVectors:  # fmt: skip
    """Learns vectors of the pieces of some text, special ones left out; the same each time.

    By one process and one thread, since several do not give the same twice.

    Args:
        draw: Draws texts; none of them is a neighbour of another.
        tokenizer: Makes the pieces.
        size: Of a vector.
        settings: How much text, and how.
        random: Decides everything.

    Raises:
        SettingError: When gensim is not installed.
        DataError: When no piece occurs often enough.
    """
    word2vec = _word2vec()
    texts = _Texts(list(_read(draw, tokenizer, settings.characters, random)))
    model = word2vec(
        vector_size=size, window=settings.window, sg=1, hs=0, negative=_NEGATIVES, min_count=_LEAST, workers=1,
        seed=int(random.integers(1 << 31)),
    )  # fmt: skip
    model.build_vocab(texts)
    special = set(tokenizer.all_special_ids)
    pieces: list[int] = model.wv.index_to_key
    kept = [place for place, piece in enumerate(pieces) if piece not in special]
    if not kept:
        raise DataError(
            f"no piece occurs {_LEAST} times in the text that skip-gram read",
            remedy="Give more text, or set skipgram.characters higher",
        )
    model.train(texts, total_examples=model.corpus_count, epochs=settings.epochs)
    return PieceVectors(torch.tensor([pieces[place] for place in kept]), torch.from_numpy(model.wv.vectors[kept]))


def begin_with(model: PreTrainedModel, learned: PieceVectors) -> None:
    """Puts vectors in the place of a model's embeddings, with the mean and the standard deviation that these had.

    So nothing else of the model meets other sizes than it was made for. What all vectors share is taken off them first:
    it tells no piece from another, and fresh embeddings share nothing. Embeddings of other pieces stay as they are.

    Args:
        model: With fresh weights; its output layer takes part where it is the embeddings.
        learned: The vectors.
    """
    embeddings = model.get_input_embeddings()
    assert isinstance(embeddings, nn.Embedding)
    with torch.no_grad():
        # In double precision: a hundred thousand small numbers are added up.
        before, vectors = embeddings.weight[learned.pieces].double(), learned.vectors.double()
        vectors = vectors - vectors.mean(0)
        scaled = vectors / vectors.std() * before.std() + before.mean()
        embeddings.weight[learned.pieces] = scaled.to(embeddings.weight.dtype)


class _Texts:
    """Texts as lists of pieces, as often as they are asked for, in four bytes a piece."""

    def __init__(self, texts: list[np.ndarray]):
        self._texts = texts

    def __iter__(self) -> Iterator[list[int]]:
        return (text.tolist() for text in self._texts)


def _read(
    draw: Callable[[np.random.Generator], Sequence[str]], tokenizer: PreTrainedTokenizerFast, characters: int,
    random: np.random.Generator,
) -> Iterator[np.ndarray]:  # fmt: skip
    read = 0
    while read < characters:
        texts: list[str] = []
        while len(texts) < _AT_ONCE and read < characters:
            drawn = draw(random)
            texts += drawn
            read += sum(len(text) + 1 for text in drawn)
        for pieces in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]:
            yield np.array(pieces, np.int32)


def _word2vec() -> Any:
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        reason = "skipgram: this needs gensim, which is not installed: pip install 'salin[skipgram]'"
        raise SettingError(reason) from error
    return Word2Vec
