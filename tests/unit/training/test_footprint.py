"""How many tasks go together: as many as fit the memory, by what a network and a rule take of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from salin.adaptation.rules import RuleName
from salin.models import Tagger
from salin.training.footprint import Footprint


@given(pieces=st.lists(st.integers(0, 500), max_size=40), budget=st.integers(1, 10**6), task=st.integers(0, 10**4))
def test_every_task_is_in_one_group_and_groups_fit_the_budget(pieces: list[int], budget: int, task: int) -> None:
    footprint = Footprint(piece=100, task=task, budget=budget)
    groups = footprint.groups(pieces)
    assert sorted(index for group in groups for index in group) == list(range(len(pieces)))
    for group in groups:
        longest = max(pieces[index] for index in group)
        assert len(group) == 1 or len(group) * (100 * longest + task) <= budget


def test_a_piece_takes_what_adapted_layers_hold_of_it(model_folder: Callable[[str], Path]) -> None:
    network = Tagger.on_encoder(model_folder("bert"), ["PER"]).network

    def of(frozen_blocks: int, rule: RuleName = "sgd", steps: int = 1) -> Footprint:
        return Footprint.of(network, frozen_blocks, rule, steps)

    one = of(2).piece - of(3).piece  # a block of four layers of 16 to 16 and two of 16 to 32
    assert one == 4 * 4 * (4 * (16 + 16) + 2 * (16 + 32))
    assert of(2, steps=3).piece > of(2, steps=2).piece > of(2).piece
    assert of(2).task == 0
    assert of(2, "bertadam").task - of(3, "bertadam").task == 4 * (4 * 16 * 16 + 2 * 16 * 32), "a weight for each task"
