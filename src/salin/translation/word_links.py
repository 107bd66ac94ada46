"""Links between words of a sentence and its translation, by the vectors of a multilingual encoder.

Two words are linked where each is the other's nearest, as in SimAlign (Jalili Sabet et al. 2020, argmax); nothing is
trained for it. Taking off the mean vector of each language first links more words, and as many of these wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from salin.corpus import Sentence
from salin.encoding import Bytes, Encoding, collate, length_buckets
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.hidden import hidden_states
from salin.translation.translator import Link

_PIECES_A_BATCH = 4096


class EncoderLinks:
    """Links words by the hidden states of a layer in the middle of an encoder.

    Args:
        encoder: Without a head.
        windower: Cuts sentences for it.
    """

    def __init__(self, encoder: PreTrainedModel, windower: Encoding):
        self._encoder, self._windower = encoder.eval(), windower
        self._layer = (encoder.config.num_hidden_layers + 1) // 2

    @classmethod
    def of(cls, tagger: Tagger) -> EncoderLinks:
        """Takes the encoder of a tagger, which is loaded already.

        Raises:
            SettingError: When it reads bytes: its vectors of words are of how they are written.
        """
        encoder = tagger.network.classifier.base_model
        if isinstance(tagger.tokenizer, Bytes):
            raise SettingError("words are aligned by the vectors of an encoder of pieces, and this tagger reads bytes")
        assert isinstance(encoder, PreTrainedModel)
        return cls(encoder, tagger.windower)

    def links(self, pairs: Sequence[tuple[Sentence, Sentence]]) -> list[tuple[Link, ...]]:
        """Links the words of sentences.

        Args:
            pairs: A translation and its original each.
        """
        translated = self._vectors([translation for translation, _ in pairs])
        originals = self._vectors([original for _, original in pairs])
        return [
            tuple(Link(*translation.words[i], *original.words[j]) for i, j in mutual(left @ right.T))
            for (translation, original), left, right in zip(pairs, translated, originals, strict=True)
        ]

    @torch.no_grad()
    def _vectors(self, sentences: Sequence[Sentence]) -> list[Tensor]:
        """For each sentence unit vectors of its words, each in the direction of its pieces' mean, `[words, hidden]`."""
        size = self._encoder.config.hidden_size
        vectors = [torch.zeros(len(sentence.words), size) for sentence in sentences]
        windows = self._windower.windows(sentences)
        for group in length_buckets([len(window) for window in windows], _PIECES_A_BATCH):
            chosen = [windows[index] for index in group]
            batch = collate(chosen, self._windower.padding).to(self._encoder.device)
            hidden = hidden_states(self._encoder, batch.input_ids, batch.attention_mask, self._layer).float().cpu()
            for row, window in enumerate(chosen):
                owned = torch.tensor(window.owned)
                # [owned, pieces]: which pieces are of which word.
                of_word = (owned[:, None] == torch.tensor(window.words)[None, :]).float()
                vectors[window.sentence][owned] = functional.normalize(of_word @ hidden[row, : len(window)], dim=1)
        return vectors


def mutual(similarity: Tensor) -> list[tuple[int, int]]:
    """The pairs of a row and a column in which each is the other's most similar, in the order of the rows.

    Args:
        similarity: `[rows, columns]`.
    """
    if not similarity.numel():
        return []
    to_column, to_row = similarity.argmax(1), similarity.argmax(0)
    return [(row, int(column)) for row, column in enumerate(to_column) if int(to_row[column]) == row]
