"""Checkpoints: tensors and JSON, whole or absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from salin.adaptation.bertadam import BertAdam
from salin.training import checkpoint
from salin.training.checkpoint import clear_left_overs, cloned_state, load_checkpoint, save_checkpoint


class Tied(nn.Module):
    """A network that uses one tensor under two names, as language models do."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.out = nn.Linear(3, 5, bias=False)
        self.out.weight = self.embed.weight
        self.norm = nn.BatchNorm1d(3)


def stepped(model: nn.Module, kind: type = torch.optim.AdamW) -> torch.optim.Optimizer:
    optimizer = kind(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model.out(model.norm(model.embed.weight)).pow(2).sum().backward()
        optimizer.step()
    return optimizer


@pytest.mark.parametrize("kind", [torch.optim.AdamW, BertAdam])
def test_everything_comes_back(tmp_path: Path, kind: type) -> None:
    model = Tied()
    optimizer = stepped(model, kind)
    save_checkpoint(tmp_path, model, optimizer, {"step": 3, "settings": {"a": 1}})
    again = Tied()
    fresh = kind(again.parameters(), lr=0.1)
    assert load_checkpoint(tmp_path, again, fresh, {"a": 1}) == {"step": 3, "settings": {"a": 1}}
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in model.state_dict().items())
    assert again.out.weight is again.embed.weight
    # Both take the very same next step.
    for network, optim in ((model, optimizer), (again, fresh)):
        optim.zero_grad()
        network.out(network.norm(network.embed.weight)).pow(2).sum().backward()
        optim.step()
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in model.state_dict().items())


def test_there_may_be_none(tmp_path: Path) -> None:
    model = Tied()
    assert load_checkpoint(tmp_path / "nothing", model, torch.optim.AdamW(model.parameters()), {}) is None


def test_it_holds_tensors_and_json_alone(tmp_path: Path) -> None:
    model = Tied()
    save_checkpoint(tmp_path, model, stepped(model), {"step": 3, "settings": {}})
    names = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    assert names == ["model.safetensors", "optimizer.safetensors", "state.json"]
    assert "out.weight" not in load_file(tmp_path / "checkpoint" / "model.safetensors")
    assert json.loads((tmp_path / "checkpoint" / "state.json").read_text())["step"] == 3


def test_tensors_are_copies() -> None:
    model = Tied()
    kept = cloned_state(model)
    before = kept["embed.weight"].clone()
    stepped(model)
    assert torch.equal(kept["embed.weight"], before)


def test_an_error_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Tied()
    optimizer = stepped(model)
    save_checkpoint(tmp_path, model, optimizer, {"step": 3, "settings": {}})

    def fails(*_: object) -> None:
        raise RuntimeError("interrupted")

    monkeypatch.setattr(checkpoint, "write_json", fails)
    with pytest.raises(RuntimeError, match="interrupted"):
        save_checkpoint(tmp_path, model, optimizer, {"step": 4, "settings": {}})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    state = load_checkpoint(tmp_path, model, optimizer, {})
    assert state is not None
    assert state["step"] == 3


def test_a_kill_between_the_two_renames_is_mended(tmp_path: Path) -> None:
    model = Tied()
    optimizer = stepped(model)
    save_checkpoint(tmp_path, model, optimizer, {"step": 3, "settings": {}})
    (tmp_path / "checkpoint").rename(tmp_path / ".checkpoint.old")
    clear_left_overs(tmp_path)
    state = load_checkpoint(tmp_path, model, optimizer, {})
    assert state is not None
    assert state["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
