"""Embeddings that begin with skip-gram vectors: what these say, how they are put in, and that they are learned once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from salin.corpus.lexicon import Lexicon
from salin.errors import DataError, SettingError
from salin.pretraining import base as beginning
from salin.pretraining import run as pretraining_run
from salin.pretraining.presets import ModelSettings, build
from salin.pretraining.rows import SwitchedPassages
from salin.pretraining.run import pretrain, snapshot_folder, write_untrained
from salin.pretraining.settings import PretrainingSettings
from salin.pretraining.skipgram import PieceVectors, SkipgramSettings, begin_with, learn_vectors
from salin.pretraining.text import PlainText
from tiny_models import TEXT, build_tokenizer

TOKENIZER = build_tokenizer("wordpiece")
# Two subjects, of which nobody speaks at once; all are pieces.
FOOTBALL, POLITICS = ["Ajax", "PSV", "won", "coach", "Eindhoven"], ["premier", "Netherlands", "met", "Lisbon", "Maria"]
RECIPE = """
snapshot_every = 10
[text]
plain = "text"
dictionaries = "dict"
lexicons = ["wiki"]
[tokenizer]
characters = 10_000
[model]
vocabulary = 300
hidden = 16
layers = 1
heads = 2
feed_forward = 32
positions = 24
[skipgram]
characters = 20_000
epochs = 1
[mixture]
weights = { masked = 1 }
rows = 4
[loop]
steps = 20
learning_rate = 1e-3
checkpoint_every = 10
"""
WITHOUT = RECIPE.replace("[skipgram]\ncharacters = 20_000\nepochs = 1\n", "")


@pytest.fixture(autouse=True)
def _needs_gensim(require: Callable[[str, bool], None]) -> None:
    require("gensim (pip install 'salin[skipgram]')", find_spec("gensim") is not None)


def of_subjects(random: np.random.Generator) -> list[str]:
    return [" ".join(random.choice([FOOTBALL, POLITICS][int(random.integers(2))], 12))]


def learned(draw: Any = of_subjects, seed: int = 1, **settings: float) -> PieceVectors:
    made = SkipgramSettings.model_validate({"characters": 40_000, **settings})
    return learn_vectors(draw, TOKENIZER, 16, made, np.random.default_rng(seed))


def similarities(found: PieceVectors, words: list[str]) -> Tensor:
    """Cosines of all of some words with each other, less what all vectors share."""
    places = [found.pieces.tolist().index(TOKENIZER.convert_tokens_to_ids(word)) for word in words]
    vectors = functional.normalize((found.vectors - found.vectors.mean(0))[places], dim=1)
    return vectors @ vectors.T


# --- the vectors ----------------------------------------------------------------------------------------------------


def test_pieces_that_stand_together_are_near_each_other() -> None:
    found = similarities(learned(), [*FOOTBALL, *POLITICS])
    assert found[:5, :5].mean() > found[:5, 5:].mean() + 0.3
    assert found[5:, 5:].mean() > found[:5, 5:].mean() + 0.3


def test_a_word_is_near_its_translation_where_words_are_switched() -> None:
    """Which the text itself has nowhere."""
    english, dutch = [*FOOTBALL[:3], *POLITICS[:3]], ["sprak", "over", "begroting", "Juan", "Sugbo", "miadto"]
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice([english[:3], english[3:]][n % 2], 12)) for n in range(300)]
    lexicon = Lexicon({word: [other] for word, other in zip(english, dutch, strict=True)})
    switched = SwitchedPassages(PlainText({"en": lines}, 1), {"xx": lexicon}, 0.5)

    found = similarities(learned(lambda random: switched(4, random)), [*english, *dutch])
    across = found[:6, 6:]
    assert across[:3, :3].mean() > across[:3, 3:].mean() + 0.3
    assert across[3:, 3:].mean() > across[3:, :3].mean() + 0.3


def test_vectors_are_a_function_of_random() -> None:
    first, again, other = learned(), learned(), learned(seed=2)
    assert torch.equal(first.pieces, again.pieces) and torch.equal(first.vectors, again.vectors)
    assert not torch.equal(first.vectors, other.vectors)


def test_special_and_rare_pieces_have_none() -> None:
    special = set(TOKENIZER.all_special_ids)
    rare = iter(["Reuters"] * 4)

    def draw(random: np.random.Generator) -> list[str]:
        return [f"<mask> {of_subjects(random)[0]} <pad> {next(rare, '')}"]

    found = learned(draw)
    assert not special & set(found.pieces.tolist())
    assert TOKENIZER.convert_tokens_to_ids("Reuters") not in found.pieces
    assert len(found.pieces) == 10


def test_text_without_a_piece_that_is_frequent_is_refused() -> None:
    with pytest.raises(DataError, match=r"no piece occurs 5 times.*skipgram\.characters"):
        learned(characters=20)


# --- in a model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["bert", "electra", "modernbert", "llama"])
def test_embeddings_keep_their_mean_and_deviation_and_other_pieces_theirs(architecture: str) -> None:
    sizes = {"vocabulary": 99, "hidden": 16, "layers": 1, "heads": 2, "feed_forward": 24, "positions": 40}
    torch.manual_seed(0)
    model = build(ModelSettings.model_validate({"architecture": architecture, **sizes}), TOKENIZER)
    weight = model.get_input_embeddings().weight
    before, others = weight.detach().clone(), {n: p.clone() for n, p in model.named_parameters() if p is not weight}
    found = learned()
    begin_with(model, found)
    assert weight.mean().item() == pytest.approx(before.mean().item(), abs=1e-8)
    assert weight.std().item() == pytest.approx(before.std().item(), rel=1e-6)
    centred = found.vectors - found.vectors.mean(0)
    both = torch.stack([weight[found.pieces].flatten(), centred.flatten()]).detach()
    assert torch.corrcoef(both)[0, 1].item() == pytest.approx(1, abs=1e-5), "scaled as a whole"
    left = [piece for piece in range(len(weight)) if piece not in found.pieces]
    assert torch.equal(weight[left], before[left])
    assert all(torch.equal(p, others[n]) for n, p in model.named_parameters() if p is not weight)


# --- in a run ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for language in ("en", "nl"):
        (tmp_path / "text" / language).mkdir(parents=True)
        (tmp_path / "text" / language / "news.txt").write_text("\n".join(TEXT * 5), encoding="utf-8")
    (tmp_path / "dict" / "wiki").mkdir(parents=True)
    (tmp_path / "dict" / "wiki" / "en-nl.tsv").write_text("the\tde\nwon\twon\nmet\tontmoette\n", encoding="utf-8")
    return tmp_path


def settings(folder: Path, recipe: str = RECIPE) -> PretrainingSettings:
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    return PretrainingSettings.read(folder / "recipe.toml")


def embeddings(model: Path) -> Tensor:
    return load_file(model / "model.safetensors")["bert.embeddings.word_embeddings.weight"].float()


def test_a_run_learns_them_once_and_begins_with_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_untrained(settings(folder), folder / "begun")
    write_untrained(settings(folder, WITHOUT), folder / "no")
    first, random = (embeddings(snapshot_folder(folder / run, 0)) for run in ("begun", "no"))
    moved = (first - random).abs().amax(1) > 0
    assert 0.2 < moved.float().mean() < 1, "of the pieces that are frequent"
    assert first.std().item() == pytest.approx(random.std().item(), rel=1e-3)

    pretrain(settings(folder), folder / "whole")
    loss, calls = pretraining_run.mixture_loss, iter(range(100))

    def dies(model: torch.nn.Module, batch: Any) -> dict[str, Tensor]:
        if next(calls) == 13:
            raise KeyboardInterrupt
        return loss(model, batch)

    monkeypatch.setattr(pretraining_run, "mixture_loss", dies)
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings(folder), folder / "killed")
    monkeypatch.setattr(beginning, "learn_vectors", lambda *_: pytest.fail("they were learned again"))
    pretrain(settings(folder), folder / "killed")
    one, two = (load_file(folder / run / "checkpoint" / "model.safetensors") for run in ("whole", "killed"))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    card = (folder / "whole" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert "It began with random weights and embeddings from skip-gram." in card
    assert "| skipgram.characters | 20000 |" in card


def test_runs_without_them_are_what_they_were(folder: Path) -> None:
    assert "skipgram" not in settings(folder, WITHOUT).described()
    assert settings(folder).described()["skipgram"]["window"] == 5


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('dictionaries = "dict"\nlexicons = ["wiki"]\n', "", "skipgram.switched: switched rows are English ones"),
        ("epochs = 1", "epoch = 1", "did you mean 'epochs'"),
        ("[text]", 'base = "x"\n[text]', "the sizes of a new model under model, or the base"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(folder: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        write_untrained(settings(folder, RECIPE.replace(before, after)), folder / "run")


def test_without_dictionaries_nothing_is_switched_where_that_is_said(folder: Path) -> None:
    plain = RECIPE.replace('dictionaries = "dict"\nlexicons = ["wiki"]\n', "").replace("epochs = 1", "switched = 0")
    write_untrained(settings(folder, plain), folder / "run")
    assert (folder / "run" / "skipgram.safetensors").exists()


def test_a_base_has_embeddings_of_its_own(folder: Path) -> None:
    model = RECIPE[RECIPE.index("[model]") : RECIPE.index("[skipgram]")]
    with pytest.raises(SettingError, match="a base has its own"):
        settings(folder, 'base = "x"\n' + RECIPE.replace(model, ""))


def test_without_gensim_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(SettingError, match=r"skipgram: this needs gensim.*salin\[skipgram\]"):
        write_untrained(settings(folder), folder / "run")
