"""The blocks that nothing adapts: computed once for all steps on the same supports, unless they draw random numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from salin.adaptation.engines import BatchedAdaptation, find_adaptable
from salin.adaptation.rules import Sgd
from salin.adaptation.supports import Supports
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from salin.models.parameters import block_stack
from tiny_corpora import corpus
from tiny_models import ARCHITECTURES

STEPS = 3
STACKED = [name for name in ARCHITECTURES if name != "albert"]


def make(model_folder: Callable[[str], Path], architecture: str) -> Tagger:
    torch.manual_seed(1)
    return Tagger.on_encoder(model_folder(architecture), ["LOC", "ORG", "PER"], frozen_blocks=1)


def blocks_of(tagger: Tagger) -> list[nn.Module]:
    stack = block_stack(tagger.network.classifier, 3)
    return [] if stack is None else list(tagger.network.classifier.get_submodule(stack))


def counted(blocks: list[nn.Module]) -> list[int]:
    """How often a part of each block is run."""
    counts = [0] * len(blocks)
    for place, block in enumerate(blocks):
        part = [module for module in block.modules() if isinstance(module, nn.Linear)][-1]

        def count(*_: object, place: int = place) -> None:
            counts[place] += 1

        part.register_forward_pre_hook(count)
    return counts


def engine_of(tagger: Tagger) -> BatchedAdaptation:
    return BatchedAdaptation(tagger.network, find_adaptable(tagger.network, 1).modules, Sgd(0.5), STEPS, 0.5)


def adapted_scores(engine: BatchedAdaptation, tagger: Tagger) -> Tensor:
    supports = Supports(LabelledSentences.from_corpora([corpus()], tagger.settings), tagger)
    tasks, gold = supports.laid_out([supports.of([0, 1]), supports.of([2, 3])])
    torch.manual_seed(5)
    with engine.adapted(tasks, gold) as fast, torch.no_grad():
        return fast.forward(tasks)


def computed_each_time(tagger: Tagger) -> Tensor:
    engine = engine_of(tagger)
    engine.trunk.blocks = []
    return adapted_scores(engine, tagger)


@pytest.mark.parametrize("architecture", STACKED)
def test_the_frozen_blocks_are_computed_once_for_all_steps_and_once_for_the_queries(
    model_folder: Callable[[str], Path], architecture: str
) -> None:
    tagger = make(model_folder, architecture)
    engine, expected = engine_of(tagger), computed_each_time(tagger)
    counts = counted(blocks_of(tagger))
    assert torch.equal(adapted_scores(engine, tagger), expected)
    assert counts == [1 + 1, STEPS + 1, STEPS + 1]


def test_blocks_that_share_their_weights_are_all_adapted(model_folder: Callable[[str], Path]) -> None:
    assert engine_of(make(model_folder, "albert")).trunk.blocks == []


@pytest.mark.parametrize("where", ["embeddings", "frozen block", "upper block"])
def test_dropout_is_drawn_anew_in_each_step(model_folder: Callable[[str], Path], where: str) -> None:
    tagger = make(model_folder, "bert")
    engine = engine_of(tagger)
    tagger.network.train()
    blocks = blocks_of(tagger)
    places = {"embeddings": tagger.network.classifier.base_model.embeddings, "frozen block": blocks[0]}
    dropout = [part for part in places.get(where, blocks[1]).modules() if isinstance(part, nn.Dropout)][-1]
    dropout.p = 0.5
    expected = computed_each_time(tagger)
    counts = counted(blocks)
    assert torch.equal(adapted_scores(engine, tagger), expected), "the same draws in the same places"
    assert counts[0] == (1 if where == "upper block" else STEPS) + 1
    dropout.p = 0.0
    assert not torch.allclose(adapted_scores(engine, tagger), expected)


def test_nothing_is_left_in_the_blocks_after_an_error(model_folder: Callable[[str], Path]) -> None:
    tagger = make(model_folder, "bert")
    engine = engine_of(tagger)
    before = adapted_scores(engine, tagger)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    handle = blocks_of(tagger)[1].register_forward_pre_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        adapted_scores(engine, tagger)
    handle.remove()
    assert all("forward" not in vars(block) for block in blocks_of(tagger))
    assert torch.equal(adapted_scores(engine, tagger), before)
