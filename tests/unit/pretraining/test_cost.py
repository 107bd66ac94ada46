"""What objectives cost: as many operations as torch counts while their loss and its gradients are computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from episode_texts import MadeUpText
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from salin.pretraining.causal import Causal
from salin.pretraining.cost import flops
from salin.pretraining.episodes import Episodes, EpisodeSettings
from salin.pretraining.masked import MaskedRows
from salin.pretraining.mixture import Mixture
from salin.pretraining.objective import PretrainingObjective
from salin.pretraining.official_episodes import OfficialEpisodes, OfficialSettings
from salin.pretraining.packing import PackedRows
from salin.pretraining.presets import ModelSettings, build
from salin.pretraining.rows import Passages
from tiny_models import build_tokenizer

TOKENIZER = build_tokenizer("wordpiece")
ROWS = PackedRows(TOKENIZER, MadeUpText(60), 32)


class HalfFull:
    """Rows of one short text."""

    def __call__(self, length: int, random: np.random.Generator) -> list[str]:
        return ["met won press day met won press day"]


def model_of(architecture: str) -> PreTrainedModel:
    torch.manual_seed(0)
    if architecture == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=len(TOKENIZER), n_embd=96, n_layer=2, n_head=4, n_positions=32))
    # Wide enough that products of matrices are nearly all there is.
    sizes = {"vocabulary": 99, "hidden": 96, "layers": 2, "heads": 4, "feed_forward": 384, "positions": 32}
    model = build(ModelSettings.model_validate({"architecture": architecture, **sizes}), TOKENIZER)
    model.set_attn_implementation("eager")
    return model


def episodes(adapts: str, length: int = 10) -> Episodes:
    settings = {"ways": 4, "shots": 3, "queries": 1, "characters": 20_000, "adapts": adapts, "inner_steps": 2}
    # Rows of ten pieces are so short that all are full.
    return Episodes.of(MadeUpText(), TOKENIZER, length, EpisodeSettings.model_validate(settings), decodes=False)


@pytest.mark.parametrize(
    ("objective", "architecture", "within"),
    [
        (Causal(ROWS), "llama", 0.1),
        (Causal(ROWS), "gpt2", 0.1),
        (MaskedRows(TOKENIZER, Passages(MadeUpText()), 32, 0.2), "bert", 0.1),
        (MaskedRows(TOKENIZER, HalfFull(), 32, 0.2), "modernbert", 0.1),
        (OfficialEpisodes(ROWS, OfficialSettings(ways=8, inner_steps=2), decodes=False), "bert", 0.1),
        (OfficialEpisodes(ROWS, OfficialSettings(ways=8, inner_steps=2), decodes=True), "llama", 0.15),
        (episodes("head"), "bert", 0.2),
        (episodes("head", length=256), "bert", 0.2),
        (episodes("model"), "bert", 0.2),
    ],
    ids=[
        "causal",
        "causal, GPT-2",
        "masked",
        "masked, rows not full",
        "official encoder",
        "official decoder",
        "episodes",
        "episodes, sentences shorter than a row of text",
        "episodes that adapt the model",
    ],
)
def test_flops_are_about_what_torch_counts(
    objective: PretrainingObjective[object], architecture: str, within: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is padded is not counted: rows of like length go through the model by threes or so.
    monkeypatch.setattr("salin.pretraining.hidden_words._PIECES_A_GROUP", {"cpu": 40})
    model = model_of(architecture)
    if isinstance(objective, OfficialEpisodes):
        objective.prepare(model)
    draws, rows = 6, 24
    with FlopCounterMode(display=False) as counter:
        for seed in range(draws):
            batch = objective.collate(objective.draw(rows, np.random.default_rng(seed)))
            objective.loss(model, batch)["loss"].backward()
    expected = draws * rows * flops(model, objective.passes_per_row)
    assert counter.get_total_flops() == pytest.approx(expected, rel=within)


def test_a_mixture_costs_what_its_groups_cost() -> None:
    causal, official = Causal(ROWS), OfficialEpisodes(ROWS, OfficialSettings(), decodes=True)
    model = model_of("llama")
    mixture = Mixture({"causal": causal, "official": official}, {"causal": 1.0, "official": 1.0}, 8, 2, seed=0)
    groups = [name for step in range(50) for name in mixture.names(step)]
    each = {o: 4 * flops(model, o.passes_per_row) for o in (causal, official)}
    assert mixture.flops(model, 50) == pytest.approx(
        groups.count("causal") * each[causal] + groups.count("official") * each[official]
    )
    assert mixture.tokens(50)["tokens"] == 50 * 8 * 32, "at equal tokens they do not cost the same"
