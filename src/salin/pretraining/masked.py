"""Masked language modelling over plain text, over translation pairs and over code-switched text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from salin.corpus.lexicon import Lexicon
from salin.encoding import hidden_piece, padding_piece
from salin.pretraining.text import ParallelText, PlainText
from salin.pretraining.tokenizer import SPECIAL
from salin.training.processes import WHOLE, Part

IGNORED = -100
# More than any script needs for a full row; what a row does not take is cut off.
_CHARACTERS_A_PIECE = 6


@dataclass(frozen=True)
class MaskedBatches:
    """The batches of masked pretraining: step -> rows of `length` pieces.

    Each row is one of: a passage of plain text (masked language modelling, Devlin et al. 2019); translation pairs of
    two languages side by side (translation language modelling, Lample and Conneau 2019); an English passage of which
    part of the words are dictionary translations into one language. Rows are a pure function of `(seed, step)`.

    Attributes:
        tokenizer: Makes the pieces.
        plain: The plain text.
        parallel: The translation pairs.
        lexicons: English to each language.
        mix: The weights of `masked`, `translation` and `switched` rows.
        rows: Rows a batch.
        length: Pieces a row, special ones included.
        mask_rate: The share of pieces to predict: of these 80 % are masked, 10 % random and 10 % left as they are.
        switch_rate: The share of the words of a switched row that are looked up.
        seed: Decides everything.
    """

    tokenizer: PreTrainedTokenizerFast
    plain: PlainText
    parallel: ParallelText
    lexicons: Mapping[str, Lexicon]
    mix: Mapping[str, float]
    rows: int
    length: int
    mask_rate: float
    switch_rate: float
    seed: int

    def __call__(self, step: int, part: Part = WHOLE) -> dict[str, Tensor] | None:
        """A part of the batch of a step.

        Returns:
            `input_ids`, `attention_mask` and `labels`, each `[rows, length]`, and the `share` of the step's chosen
            pieces that this part has. None where it has none.
        """
        random = np.random.default_rng([self.seed, step])
        kinds = sorted(self.mix)
        shares = np.array([self.mix[kind] for kind in kinds], float)
        drawn = random.choice(len(kinds), self.rows, p=shares / shares.sum())
        texts = [getattr(self, f"_{kinds[kind]}")(random) for kind in drawn]
        return self._part(self._mask([self._row(text) for text in texts], random), part)

    def _part(self, whole: dict[str, Tensor], part: Part) -> dict[str, Tensor] | None:
        rows = list(part.of(range(self.rows)))
        mine = {name: values[rows] for name, values in whole.items()}
        chosen, all_chosen = ((batch["labels"] != IGNORED).sum() for batch in (mine, whole))
        return {**mine, "share": chosen / all_chosen} if chosen else None

    def _masked(self, random: np.random.Generator) -> list[str]:
        return [self.plain.draw(self.length * _CHARACTERS_A_PIECE, random)[1]]

    def _translation(self, random: np.random.Generator) -> list[str]:
        texts: list[str] = []
        characters = 0
        for pair in self.parallel.draw(random):
            texts.extend(pair if random.random() < 0.5 else pair[::-1])
            characters += sum(map(len, pair))
            # Translations are short; a row is filled with as many pairs as fit, most of them whole.
            if characters >= self.length * 3:
                return texts
        return texts

    def _switched(self, random: np.random.Generator) -> list[str]:
        words = self.plain.passage("en", self.length * _CHARACTERS_A_PIECE, random).split()
        languages = sorted(self.lexicons)
        lexicon = self.lexicons[languages[int(random.integers(len(languages)))]]
        looked_up = random.random(len(words)) < self.switch_rate
        pairs = zip(words, looked_up, strict=True)
        return [" ".join(lexicon.translate(word, random) or word if look else word for word, look in pairs)]

    def _row(self, texts: list[str]) -> list[int]:
        vocabulary = self.tokenizer.get_vocab()
        cls, sep = vocabulary[SPECIAL["cls_token"]], vocabulary[SPECIAL["sep_token"]]
        ids: list[int] = [cls]
        for pieces in self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]:
            ids += [*pieces, sep]
        return [*ids[: self.length - 1], sep] if len(ids) > self.length else ids

    def _mask(self, rows: list[list[int]], random: np.random.Generator) -> dict[str, Tensor]:
        width = max(map(len, rows))
        ids = np.full((len(rows), width), padding_piece(self.tokenizer), np.int64)
        for row, pieces in zip(ids, rows, strict=True):
            row[: len(pieces)] = pieces
        attended = np.arange(width)[None] < np.array([len(row) for row in rows])[:, None]
        chosen = ~np.isin(ids, self.tokenizer.all_special_ids) & (random.random(ids.shape) < self.mask_rate)
        labels = np.where(chosen, ids, IGNORED)
        fate = random.random(ids.shape)
        ids = np.where(chosen & (fate < 0.8), hidden_piece(self.tokenizer), ids)
        ids = np.where(chosen & (fate >= 0.9), random.integers(len(self.tokenizer), size=ids.shape), ids)
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(attended.astype(np.int64)),
            "labels": torch.from_numpy(labels),
        }


def masked_loss(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the chosen pieces, with the vocabulary layer run on these alone.

    Args:
        model: A BERT with a language-model head.
        batch: What [MaskedBatches][salin.pretraining.masked.MaskedBatches] gives.

    Returns:
        `loss` in nats and `accuracy` in 0..1, as far as this part of the batch adds to them.
    """
    assert isinstance(model, BertForMaskedLM)
    batch = {name: values.to(model.device) for name, values in batch.items()}
    hidden = model.bert(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    chosen = batch["labels"] != IGNORED
    logits = model.cls(hidden[chosen]).float()
    labels = batch["labels"][chosen]
    accuracy = (logits.argmax(-1) == labels).float().mean()
    loss = nn.functional.cross_entropy(logits, labels)
    return {"loss": batch["share"] * loss, "accuracy": batch["share"] * accuracy.detach()}
