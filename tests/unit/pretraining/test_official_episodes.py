"""The published episodes: what is drawn, and losses and gradients as a plain retelling of their code has them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from episode_texts import MadeUpText
from hypothesis import given
from hypothesis import strategies as st
from official_reference import published_gradients
from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.errors import SettingError
from salin.pretraining.official_episodes import OfficialEpisodes, OfficialSettings
from salin.pretraining.packing import PackedRows
from salin.pretraining.presets import ModelSettings, build
from tiny_models import build_tokenizer

TOKENIZER = build_tokenizer("wordpiece")
SIZES = {"vocabulary": 99, "hidden": 16, "layers": 2, "heads": 2, "feed_forward": 24, "positions": 40}
CORRECTED = {
    "pads_classes": False,
    "first_for_others": False,
    "keeps_support_gradient": False,
    "forgets_head_gradients": False,
}


def official(length: int = 12, *, decodes: bool = True, **settings: object) -> OfficialEpisodes:
    return OfficialEpisodes(
        PackedRows(TOKENIZER, MadeUpText(40), length),
        OfficialSettings.model_validate({"ways": 8, "shots": 2, "inner_steps": 3, "inner_rate": 0.3, **settings}),
        decodes,
    )


def model_of(architecture: str, objective: OfficialEpisodes) -> PreTrainedModel:
    torch.manual_seed(0)
    model = build(ModelSettings.model_validate({"architecture": architecture, **SIZES}), TOKENIZER)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.3)
    objective.prepare(model)
    return model.double()


def batch_of(objective: OfficialEpisodes, micro_batches: int, rows: int = 5) -> dict[str, Tensor]:
    drawn = [objective.draw(rows, np.random.default_rng(seed))[0] for seed in range(micro_batches)]
    return objective.collate(drawn)


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 6), ways=st.integers(2, 20), pads=st.booleans())
def test_classes_are_pieces_under_the_masks_of_the_supports(seed: int, rows: int, ways: int, pads: bool) -> None:
    objective = official(ways=ways, pads_classes=pads)
    (episode,) = objective.draw(rows, np.random.default_rng(seed))
    assert episode.ids.shape == (rows, 12)
    assert len(set(episode.positions.tolist())) == 3 and episode.positions.min() >= 1 and episode.positions.max() < 12
    masked = set(episode.ids[:, episode.positions[:2]].flatten().tolist())
    classes = [piece for piece in episode.classes.tolist() if piece >= 0]
    assert len(episode.classes) == ways
    if len(masked) >= ways:
        assert len(set(classes)) == ways and set(classes) <= masked
    else:
        assert set(classes[: len(masked)]) == masked
        assert len(classes) == (ways if pads else len(masked))


def test_positions_are_any_but_the_first_and_episodes_a_function_of_random() -> None:
    objective = official(6)
    seen = {int(place) for seed in range(60) for place in objective.draw(1, np.random.default_rng(seed))[0].positions}
    assert seen == {1, 2, 3, 4, 5}
    first, again = (objective.collate(objective.draw(4, np.random.default_rng(1))) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert objective.weight(objective.draw(4, np.random.default_rng(1))) == 1


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("architecture", ["llama", "bert"])
@pytest.mark.parametrize(
    "settings",
    [{}, CORRECTED, *({name: False} for name in CORRECTED), {"ways": 3}, {"ways": 30, "inner_steps": 1}],
    ids=lambda settings: "-".join(map(str, settings)) if len(settings) < 3 else "corrected",
)
def test_losses_and_gradients_are_the_published_ones(
    settings: dict[str, object], architecture: str, micro_batches: int
) -> None:
    objective = official(decodes=architecture == "llama", **settings)
    ours = model_of(architecture, objective)
    theirs = copy.deepcopy(ours)
    batch = batch_of(objective, micro_batches)
    figures = objective.loss(ours, batch)
    figures["loss"].backward()
    loss, accuracy = published_gradients(theirs, batch, objective.settings, TOKENIZER.mask_token_id)
    assert figures["loss"].item() == pytest.approx(loss, abs=1e-8)
    assert figures["accuracy"].item() == pytest.approx(accuracy)
    other = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in (parameter, other[name])]
        torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-8, msg=lambda text, name=name: f"{name}: {text}")
    assert all(parameter.grad is not None for parameter in ours.episode_head.parameters())


def test_a_piece_that_made_up_for_a_missing_class_is_the_class_that_it_is() -> None:
    """Of a piece that is in the classes twice, the last place counts, as in the published code."""
    objective = official()
    batch = batch_of(objective, 1)
    batch["classes"][0, -1] = batch["classes"][0, 0]
    ours = model_of("llama", objective)
    theirs = copy.deepcopy(ours)
    objective.loss(ours, batch)["loss"].backward()
    published_gradients(theirs, batch, objective.settings, TOKENIZER.mask_token_id)
    for mine, other in zip(ours.episode_head.parameters(), theirs.episode_head.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-7, atol=1e-8)


def test_dropout_of_the_head_is_off_unless_asked_for() -> None:
    batch = batch_of(official(), 1)
    losses: dict[float, set[float]] = {0.0: set(), 0.5: set()}
    for rate, found in losses.items():
        objective = official(head_dropout=rate)
        model = model_of("llama", objective).train()
        for seed in range(3):
            torch.manual_seed(seed)
            found.add(round(objective.loss(model, batch)["loss"].item(), 9))
    assert len(losses[0.0]) == 1
    assert len(losses[0.5]) == 3


def test_measuring_needs_no_gradient_and_leaves_no_trace() -> None:
    objective = official()
    model = model_of("llama", objective)
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        loss = objective.loss(model, batch_of(objective, 2))["loss"]
    assert torch.isfinite(loss) and not loss.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_rows_that_are_too_short_are_named() -> None:
    with pytest.raises(SettingError, match="rows of 3 pieces are too short to mask 3 of them"):
        official(3).draw(1, np.random.default_rng(0))


def test_the_model_is_run_twice_where_the_published_code_runs_it_eleven_times() -> None:
    objective = official(inner_steps=10, decodes=False)
    model = model_of("bert", objective)
    runs: list[Tensor] = []
    model.base_model.register_forward_hook(lambda *_: runs.append(torch.zeros(())))
    objective.loss(model, batch_of(objective, 1))
    assert len(runs) == 2
    assert (objective.passes_per_row.forward, objective.passes_per_row.backward) == (24, 12)
    published_gradients(model, batch_of(objective, 1), objective.settings, TOKENIZER.mask_token_id)
    assert len(runs) == 2 + 11
