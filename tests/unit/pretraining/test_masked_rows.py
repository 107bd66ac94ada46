"""Masked rows: what is hidden of them, and a loss that scores the vocabulary where it has to alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast

from salin.encoding import hidden_piece
from salin.models.loading import load_tokenizer
from salin.pretraining.masked import IGNORED, MaskedRows
from salin.pretraining.rows import Passages
from salin.pretraining.text import PlainText
from salin.pretraining.tokenizer import train_tokenizer
from tiny_models import TEXT

PLAIN = PlainText({"en": TEXT}, 1)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXT, 400)


@pytest.fixture
def rows(tokenizer: PreTrainedTokenizerFast) -> MaskedRows:
    return MaskedRows(tokenizer, Passages(PLAIN), length=24, mask_rate=0.3)


def test_the_masked_share_and_what_becomes_of_it(rows: MaskedRows, tokenizer: PreTrainedTokenizerFast) -> None:
    batch = rows.collate(rows.draw(1000, np.random.default_rng(3)))
    ids, labels = batch["input_ids"], batch["labels"]
    assert ids.shape == (1000, 24)
    special = torch.tensor(tokenizer.all_special_ids)
    target = labels != IGNORED
    assert not torch.isin(labels[target], special).any(), "special pieces are never to be guessed"
    originals = torch.where(target, labels, ids)
    real = batch["attention_mask"].bool() & ~torch.isin(originals, special)
    assert target.sum() / real.sum() == pytest.approx(0.3, abs=0.02)
    assert (ids[target] == hidden_piece(tokenizer)).float().mean() == pytest.approx(0.8, abs=0.03)
    assert (ids[target] == labels[target]).float().mean() == pytest.approx(0.1, abs=0.03)
    assert rows.weight(rows.draw(1000, np.random.default_rng(3))) == target.sum()


def test_a_row_is_a_function_of_its_random_numbers_alone(rows: MaskedRows) -> None:
    first, again, other = (rows.collate(rows.draw(5, np.random.default_rng(seed))) for seed in (4, 4, 5))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["input_ids"], other["input_ids"])


def test_each_text_ends_in_a_separator_and_rows_are_cut(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = MaskedRows(tokenizer, lambda length, random: ["met", "won", "Reuters " * 9], length=12, mask_rate=0.001)
    (row,) = rows.draw(1, np.random.default_rng(0))
    original = np.where(row.labels == IGNORED, row.ids, row.labels)
    assert (original[0], original[-1], len(original)) == (tokenizer.cls_token_id, tokenizer.sep_token_id, 12)
    assert (original == tokenizer.sep_token_id).sum() == 3


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "albert", "modernbert", "deberta-v2"])
def test_the_loss_and_its_gradients_are_those_of_transformers(
    model_folder: Callable[[str], Path], architecture: str
) -> None:
    folder = model_folder(architecture)
    torch.manual_seed(1)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    rows = MaskedRows(load_tokenizer(folder), Passages(PLAIN), length=24, mask_rate=0.3)
    batch = rows.collate(rows.draw(4, np.random.default_rng(1)))
    expected, found = model(**batch).loss, rows.loss(model, batch)["loss"]
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    learned = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    wanted, given = (torch.autograd.grad(loss, learned.values(), allow_unused=True) for loss in (expected, found))
    for name, one, other in zip(learned, wanted, given, strict=True):
        assert (one is None) == (other is None), name
        assert one is None or torch.allclose(one, other, rtol=1e-4, atol=1e-6), name


def test_the_pieces_of_a_word_are_hidden_together(tokenizer: PreTrainedTokenizerFast) -> None:
    words = ["Reuters", "met", "president", "Lisbon", "7"] * 3
    text = " ".join(words)
    rows = MaskedRows(tokenizer, lambda length, random: [text, text], length=200, mask_rate=0.5, whole_words=True)
    encoded = tokenizer([text, text], add_special_tokens=False)
    lengths = [len(encoded["input_ids"][0])] * 2
    assert lengths[0] > len(words), "some word has several pieces"
    shares: list[float] = []
    for row in rows.draw(200, np.random.default_rng(2)):
        guessed, start = row.labels != IGNORED, 1
        for number, length in enumerate(lengths):
            of_words: dict[int, set[bool]] = {}
            for word, chosen in zip(encoded.word_ids(number), guessed[start : start + length], strict=True):
                of_words.setdefault(word, set()).add(bool(chosen))
            assert all(len(chosen) == 1 for chosen in of_words.values())
            shares += [float(chosen == {True}) for chosen in of_words.values()]
            start += length + 1
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)


def test_a_clause_without_spaces_is_not_hidden_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = MaskedRows(tokenizer, lambda length, random: ["中国总理访问德国并会见记者" * 3], 100, 0.5, whole_words=True)
    shares = [float((row.labels[1:-1] != IGNORED).mean()) for row in rows.draw(50, np.random.default_rng(2))]
    assert min(shares) > 0.1 and max(shares) < 0.9
