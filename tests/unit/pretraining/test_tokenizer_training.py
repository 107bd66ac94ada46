"""Tokenizers: bytes in the pieces of words, and how many pieces a word takes in each language."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from salin.corpus import segment_words
from salin.pretraining.fertility import measure_fertility
from salin.pretraining.text import PlainText
from salin.pretraining.tokenizer import train_tokenizer
from tiny_models import TEXT


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXT, 400, kind=request.param)


@pytest.mark.parametrize("text", [*TEXT[:6], "中国 Reuters 2024 。", "l'EFECOM (sic)"])
def test_words_and_running_text_give_the_same_pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    words = [text[start:end] for start, end in segment_words(text)]
    assert tokenizer(words, is_split_into_words=True)["input_ids"] == tokenizer(text)["input_ids"]


def test_every_character_has_pieces(tokenizer: PreTrainedTokenizerFast) -> None:
    pieces = tokenizer("😀 ญี่ปุ่น ⵣ")["input_ids"]
    assert tokenizer.unk_token_id not in pieces
    assert tokenizer.decode(pieces, skip_special_tokens=True).replace(" ", "") == "😀ญี่ปุ่นⵣ"


def test_the_vocabulary_has_the_size_that_was_asked_for(tokenizer: PreTrainedTokenizerFast) -> None:
    assert 261 < len(tokenizer) <= 400


def test_words_that_it_knows_take_fewer_pieces_than_unseen_ones(tokenizer: PreTrainedTokenizerFast) -> None:
    plain = PlainText({"en": ["the the the"], "xx": ["qqzzw xkcdq"]}, 1)
    measured = measure_fertility(tokenizer, plain, {"xx": PlainText({"xx": ["qqzzw"]}, 1)})
    assert measured["en"].pieces_per_word < measured["xx"].pieces_per_word
    assert (measured["en"].words, measured["en"].held_out) == (3, False)
    assert (measured["xx"].words, measured["xx"].held_out) == (1, True)
