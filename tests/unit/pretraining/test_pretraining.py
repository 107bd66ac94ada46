"""Pretraining: one tokenizer for words and running text, rows that seed and step decide, a whole run."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast

from salin.corpus import segment_words
from salin.corpus.lexicon import Lexicon
from salin.encoding import hidden_piece
from salin.errors import DataError, SettingError
from salin.models import Tagger
from salin.pretraining.masked import IGNORED, MaskedBatches
from salin.pretraining.run import PretrainingSettings, pretrain
from salin.pretraining.text import ParallelText, PlainText
from salin.pretraining.tokenizer import train_tokenizer
from tiny_models import TEXT

RECIPE = """
tokenizer_characters = 10_000
[text]
plain = "text"
parallel = "parallel"
dictionaries = "dict"
lexicons = ["wiki"]
[text.sets]
news = 1
[model]
vocabulary = 400
hidden = 16
layers = 2
heads = 2
feed_forward = 32
positions = 24
[masked]
mix = { masked = 1, translation = 1, switched = 1 }
rows = 6
[loop]
steps = 40
learning_rate = 2e-2
log_every = 5
checkpoint_every = 10
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pretraining")
    for language, lines in {"en": TEXT, "nl": TEXT[::-1]}.items():
        (root / "text" / language).mkdir(parents=True)
        with lzma.open(root / "text" / language / "news.txt.xz", "wt", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    (root / "parallel" / "news").mkdir(parents=True)
    (root / "parallel" / "news" / "en.txt").write_text("good morning\n\nthe match\n", encoding="utf-8")
    (root / "parallel" / "news" / "nl.txt").write_text("goedemorgen\nniets\nde wedstrijd\n", encoding="utf-8")
    (root / "dict" / "wiki").mkdir(parents=True)
    (root / "dict" / "wiki" / "en-nl.tsv").write_text("the\tde\nwon\twon\nmet\tontmoette\n", encoding="utf-8")
    (root / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXT, 400)


@pytest.fixture
def batches(folder: Path, tokenizer: PreTrainedTokenizerFast) -> MaskedBatches:
    return MaskedBatches(
        tokenizer, PlainText(folder / "text", 0.5), ParallelText(folder / "parallel", {"news": 1.0}),
        {"nl": Lexicon.read(folder / "dict" / "wiki" / "en-nl.tsv")}, {"masked": 1, "translation": 1, "switched": 1},
        rows=64, length=24, mask_rate=0.3, switch_rate=0.5, seed=3,
    )  # fmt: skip


@pytest.mark.parametrize("text", [*TEXT[:6], "中国 Reuters 2024 。", "l'EFECOM (sic)"])
def test_words_and_running_text_give_the_same_pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    words = [text[start:end] for start, end in segment_words(text)]
    assert tokenizer(words, is_split_into_words=True)["input_ids"] == tokenizer(text)["input_ids"]


def test_every_character_has_pieces(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.unk_token_id not in tokenizer("😀 ญี่ปุ่น ⵣ")["input_ids"]


def test_a_batch_is_a_function_of_seed_and_step(batches: MaskedBatches) -> None:
    first, again, other = batches(4), batches(4), batches(5)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not _equal(first, other)


def test_the_masked_share_and_what_becomes_of_it(batches: MaskedBatches, tokenizer: PreTrainedTokenizerFast) -> None:
    parts = [batches(step) for step in range(20)]
    chosen, real, masked, kept = 0, 0, 0, 0
    special = torch.tensor(tokenizer.all_special_ids)
    for part in parts:
        target = part["labels"] != IGNORED
        chosen += int(target.sum())
        originals = torch.where(target, part["labels"], part["input_ids"])
        assert not torch.isin(part["labels"][target], special).any(), "special pieces are never to be guessed"
        real += int((part["attention_mask"].bool() & ~torch.isin(originals, special)).sum())
        masked += int((part["input_ids"][target] == hidden_piece(tokenizer)).sum())
        kept += int((part["input_ids"][target] == part["labels"][target]).sum())
        assert part["input_ids"].shape[1] <= 24
    assert chosen / real == pytest.approx(0.3, abs=0.02)
    assert masked / chosen == pytest.approx(0.8, abs=0.03)
    assert kept / chosen == pytest.approx(0.1, abs=0.03)


def test_missing_lines_of_a_parallel_set_are_not_paired(folder: Path) -> None:
    pairs = ParallelText(folder / "parallel", {"news": 1.0}).draw(np.random.default_rng(0))
    seen = {next(pairs) for _ in range(50)}
    assert {tuple(sorted(pair)) for pair in seen} == {("goedemorgen", "good morning"), ("de wedstrijd", "the match")}


def test_switched_rows_hold_translations(batches: MaskedBatches) -> None:
    random = np.random.default_rng(1)
    text = " ".join(batches._switched(random)[0] for _ in range(20))
    assert "De premier" in text and "ontmoette" in text and " met " in text


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text here"):
        PlainText(tmp_path, 0.5)
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "en.txt").write_text("one\n", encoding="utf-8")
    with pytest.raises(DataError, match="no parallel set"):
        ParallelText(tmp_path, {"news": 1})
    (tmp_path / "news" / "nl.txt").write_text("een\ntwee\n", encoding="utf-8")
    with pytest.raises(DataError, match="differ in their number of lines"):
        ParallelText(tmp_path, {"news": 1})


def test_a_whole_run_learns_and_its_encoder_serves(folder: Path, tmp_path: Path) -> None:
    figures = pretrain(PretrainingSettings.read(folder / "recipe.toml"), tmp_path / "run")
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert figures["loss"] < records[0]["loss"] - 0.5
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "run" / "encoder").config.vocab_size <= 400
    tagger = Tagger.on_encoder(tmp_path / "run" / "encoder", ["PER"])
    assert tagger.settings.max_length == 24
    assert tagger.tag("Maria Sousa met Jan.").text == "Maria Sousa met Jan."


def test_an_unknown_setting_is_named(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace("feed_forward", "feedforward"), encoding="utf-8")
    with pytest.raises(SettingError, match="feedforward"):
        PretrainingSettings.read(path)


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(one[key].shape == other[key].shape and torch.equal(one[key], other[key]) for key in one)
