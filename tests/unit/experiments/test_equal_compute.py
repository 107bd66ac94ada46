"""The rows of recipes/meta-pretraining.toml that compare at equal compute, equal causal pieces and equal text do so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.experiments.recipe import Recipe
from salin.pretraining.causal import Causal
from salin.pretraining.episodes import Episodes
from salin.pretraining.hidden_words import HidesWords
from salin.pretraining.mixture import Mixture
from salin.pretraining.packing import PackedRows
from salin.pretraining.presets import build
from salin.pretraining.settings import PretrainingSettings

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
SEEDS = (95, 495, 539)


class NoText:
    """What rows cost does not depend on it."""

    def draw(self, characters: int, random: object) -> tuple[str, str]:
        raise AssertionError("nothing is to be drawn")


class AsMeasured(Episodes):
    """Of the text they have but the length of sentences."""

    pieces = 64 * 31.7


def run(name: str, seed: int) -> tuple[PretrainingSettings, PreTrainedModel, Mixture]:
    """A run as far as its cost goes: no text, no numbers in the model, a tokenizer of as many pieces."""
    settings = PretrainingSettings.read(RECIPES / name)
    assert settings.model is not None
    pieces = Tokenizer(models.WordLevel({f"w{number}": number for number in range(settings.model.vocabulary)}, "w0"))
    special = dict.fromkeys(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), "w0")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, **special)
    with torch.device("meta"):
        model = build(settings.model, tokenizer)
    length = settings.model.positions
    objectives = {
        "causal": Causal(PackedRows(tokenizer, NoText(), length)),
        "episodes": AsMeasured({}, HidesWords(tokenizer, length, decodes=True), settings.episodes, length),
    }
    mixed = settings.mixture
    assert mixed.groups is not None
    chosen = {key: objectives[key] for key in mixed.weights}
    return settings, model, Mixture(chosen, mixed.weights, mixed.rows, mixed.groups, seed)


def test_there_are_rows_of_each_comparison() -> None:
    recipe = Recipe.read(RECIPES / "meta-pretraining.toml")
    systems = recipe.systems
    assert tuple(recipe.seeds) == SEEDS
    for tuning in ("head", "full"):
        for source in ("en", "sk", "all"):
            episodes = systems[f"episodes-{tuning}-{source}"]
            assert episodes.baseline == f"vanilla-tokens-{tuning}-{source}"
            for equal in ("tokens", "compute", "causal"):
                row = systems[f"vanilla-{equal}-{tuning}-{source}"]
                assert (row.settings, row.label_sets) == (episodes.settings, episodes.label_sets)
                assert equal == "tokens" or row.baseline == f"episodes-{tuning}-{source}"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_to_be_equal_is_as_nearly_as_snapshots_allow(seed: int) -> None:
    _, model, episodes = run("pretrain-cpu-episodes.toml", seed)
    settings, _, vanilla = run("pretrain-cpu-vanilla.toml", seed)
    last = settings.loop.steps
    operations, read = episodes.flops(model, last), episodes.tokens(last)
    assert vanilla.tokens(last)["tokens"] == read["tokens"]
    snapshots = range(settings.snapshot_every, last + 1, settings.snapshot_every)
    compute = min(snapshots, key=lambda step: abs(vanilla.flops(model, step) - operations))
    causal = min(snapshots, key=lambda step: abs(vanilla.tokens(step)["tokens"] - read["causal_tokens"]))
    found = {
        name.split("-")[1]: how.pretrained_by.step
        for name, how in Recipe.read(RECIPES / "meta-pretraining.toml").systems.items()
        if name.startswith("vanilla-") and how.pretrained_by is not None
    }
    assert found == {"tokens": None, "compute": compute, "causal": causal}, "None is the last step"
    # What the recipe's comment says.
    assert vanilla.flops(model, compute) / operations == pytest.approx(1.05, abs=0.005)
    assert operations / vanilla.flops(model, last) == pytest.approx(0.665, abs=0.002)
