"""Sentence vectors: from an encoder's hidden states, or from character n-grams at no encoder's price."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from salin.corpus import Sentence
from salin.encoding import Bytes, Encoding, Window, Windower, collate, length_buckets
from salin.encoding.windows import SPECIAL
from salin.errors import SettingError
from salin.models.checksum import weights_checksum
from salin.models.hidden import hidden_states
from salin.models.loading import load_encoder, load_tokenizer, resolve
from salin.models.positions import fitting_length
from salin.models.tagger import Tagger

_PATTERN = re.compile(r"(?P<pool>cls|mean)-(?P<layer>\d+|last)(?P<centred>-centred)?(?:@(?P<encoder>.+))?")
_NGRAM_BUCKETS = 4096
_PIECES_A_BATCH = 8192


@dataclass(frozen=True, slots=True)
class VectorSettings:
    """What a sentence's vector is made of.

    Attributes:
        pool: `cls` takes the first piece, `mean` the mean over all but special pieces, `ngrams` hashed character 2- to
            4-grams.
        layer: The hidden states: 0 is the embedding output, i the i-th block's output, -1 the last.
        centred: Whether the mean of the source vectors is taken off before comparing (which removes what all sentences
            of a language share, where queries are centred by their own mean).
        encoder: Name of another model than the tagger's own; None is the tagger's.
    """

    pool: str
    layer: int = -1
    centred: bool = False
    encoder: str | None = None

    @classmethod
    def parse(cls, text: str) -> VectorSettings:
        """Reads `mean-2`, `mean-2-centred`, `cls-last@salin-tiny-encoder` (the published way) or `ngrams`.

        Raises:
            SettingError: When it is none of these.
        """
        if text == "ngrams":
            return cls("ngrams")
        match = _PATTERN.fullmatch(text)
        if not match:
            raise SettingError(
                f"no sentence vectors {text!r}. Write POOL-LAYER[-centred][@ENCODER], as mean-2 or "
                "cls-last@salin-tiny-encoder, or ngrams"
            )
        layer = -1 if match["layer"] == "last" else int(match["layer"])
        return cls(match["pool"], layer, bool(match["centred"]), match["encoder"])

    def __str__(self) -> str:
        if self.pool == "ngrams":
            return "ngrams"
        layer = "last" if self.layer == -1 else str(self.layer)
        return f"{self.pool}-{layer}" + "-centred" * self.centred + (f"@{self.encoder}" if self.encoder else "")


class SentenceVectors:
    """Makes vectors of sentences.

    Args:
        settings: What they are made of.
        tagger: Whose network and tokenizer are used where the settings name no other encoder. Its weights are read at
            each call, so that vectors follow training unless they are kept.
    """

    def __init__(self, settings: VectorSettings, tagger: Tagger):
        self.settings = settings
        self._tagger = tagger
        self._encoder: PreTrainedModel | None = None
        tokenizer, max_length = tagger.tokenizer, tagger.settings.max_length
        if settings.encoder is not None:
            folder = resolve(settings.encoder)
            self._encoder, tokenizer = load_encoder(folder), load_tokenizer(folder)
            nn.Module.to(self._encoder, tagger.device)
            # As long as the tagger's windows, unless this encoder cannot read as many pieces.
            max_length = fitting_length(self._encoder.config, max_length)
        if not isinstance(tokenizer, Bytes):
            self._windower: Encoding = Windower(tokenizer, max_length)
        elif settings.pool == "ngrams":
            self._windower = tagger.windower
        else:
            raise SettingError(
                f"a byte-level tagger has no hidden states to make {settings} of, and does not adapt. To find similar "
                "sentences all the same, take ngrams, or another encoder as in mean-0@salin-tiny-encoder"
            )

    @torch.no_grad()
    def __call__(self, sentences: Sequence[Sentence], windows: Sequence[Window] | None = None) -> Tensor:
        """Unit vectors, `[sentences, size]` in fp32 on the CPU, not centred. A sentence without words gets zeros.

        A sentence of several windows is represented by its first.

        Args:
            sentences: The sentences.
            windows: What the tagger's own windower made of them, where that is known: another encoder has windows of
                its own all the same.
        """
        if self.settings.pool == "ngrams":
            counts = torch.zeros(len(sentences), _NGRAM_BUCKETS)
            for row, sentence in enumerate(sentences):
                if sentence.words:
                    counts[row] = _ngrams(sentence.text)
            return functional.normalize(counts, dim=1)
        if windows is None or self._encoder is not None:
            windows = self._windower.windows(sentences)
        windows = [window for window in windows if window.owned and window.owned[0] == 0]
        vectors = torch.zeros(len(sentences), self._runs.config.hidden_size)
        for group in length_buckets([len(window) for window in windows], _PIECES_A_BATCH):
            chosen = [windows[index] for index in group]
            batch = collate(chosen, self._windower.padding).to(self._tagger.device)
            hidden = hidden_states(self._runs, batch.input_ids, batch.attention_mask, self.settings.layer)
            if self.settings.pool == "cls":
                pooled = hidden[:, 0]
            else:
                words = [torch.tensor(window.words) for window in chosen]
                inside = torch.nn.utils.rnn.pad_sequence(words, batch_first=True, padding_value=SPECIAL) != SPECIAL
                weights = inside.to(hidden.device, hidden.dtype)
                pooled = (hidden * weights[:, :, None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1)
            vectors[[window.sentence for window in chosen]] = pooled.float().cpu()
        return functional.normalize(vectors, dim=1)

    @property
    def _runs(self) -> PreTrainedModel:
        """The encoder whose hidden states are taken."""
        encoder = self._tagger.network.classifier.base_model if self._encoder is None else self._encoder
        assert isinstance(encoder, PreTrainedModel)
        return encoder

    @torch.no_grad()
    def made_with(self) -> str:
        """A checksum of the weights that vectors are made with; empty where they need none."""
        if self.settings.pool == "ngrams":
            return ""
        return weights_checksum(self._runs)


def centre(vectors: Tensor, mean: Tensor) -> Tensor:
    """Takes a mean off unit vectors and makes them unit vectors again; zeros, which have no direction, stay zeros."""
    return functional.normalize((vectors - mean).masked_fill(~vectors.any(dim=1, keepdim=True), 0), dim=1)


def mean_of(vectors: Tensor) -> Tensor:
    """The mean of those that are not zeros, `[size]`."""
    return vectors.sum(0) / vectors.any(dim=1).sum().clamp(min=1)


def _ngrams(text: str) -> Tensor:
    """Counts of hashed character 2- to 4-grams, damped by a square root, `[buckets]`."""
    padded = f" {text} "
    grams = [padded[i : i + n] for n in (2, 3, 4) for i in range(len(padded) - n + 1)]
    # crc32, since Python's own hash of strings differs from run to run.
    buckets = torch.tensor(
        [zlib.crc32(gram.encode("utf-8", "surrogatepass")) % _NGRAM_BUCKETS for gram in grams], dtype=torch.long
    )
    return torch.bincount(buckets, minlength=_NGRAM_BUCKETS).float().sqrt()
