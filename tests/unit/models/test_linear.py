"""Linear layers by oneDNN say what torch's say, whatever their shape and whether gradients are taken or not."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from salin.models import Tagger, linear
from salin.models.linear import quick_linear


@pytest.fixture(autouse=True)
def pays(monkeypatch: pytest.MonkeyPatch, require: Callable[[str, bool], None]) -> None:
    """oneDNN computes on every machine that has it, also where it would not be the faster."""
    require("oneDNN in torch (its builds for x86 have it)", torch.backends.mkldnn.is_available())
    monkeypatch.setattr(linear, "_pays", lambda: True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows oneDNN was given, call by call."""
    seen: list[int] = []
    multiplied = linear._ByOneDnn._multiplied

    def counting(self: linear._ByOneDnn, rows: torch.Tensor, *rest: torch.Tensor | None) -> torch.Tensor:
        seen.append(rows.numel() // rows.shape[-1])
        return multiplied(self, rows, *rest)

    monkeypatch.setattr(linear._ByOneDnn, "_multiplied", counting)
    return seen


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (32, 1), (5, 13), (40, 26), (2, 3, 4), (6,)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_same_numbers(shape: tuple[int, ...], bias: bool, calls: list[int]) -> None:
    torch.manual_seed(0)
    layer, rows = nn.Linear(16, 24, bias=bias), torch.randn(*shape, 16)
    expected = layer(rows)
    with quick_linear():
        found = layer(rows)
    assert calls == [expected.numel() // 24]
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)


def test_rows_that_are_padded_leave_no_trace_in_the_next_layer() -> None:
    torch.manual_seed(0)
    layers, many, few = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)), torch.randn(31, 8), torch.ones(3, 8)
    expected = layers(many), layers(few)
    with quick_linear():
        found = layers(many), layers(few)
        many.fill_(torch.nan)
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_same_gradients(frozen: bool, calls: list[int]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 5, bias=False)).requires_grad_(not frozen)
    rows = torch.randn(4, 9, 8, requires_grad=True)
    wanted = [rows, *(p for p in network.parameters() if p.requires_grad)]
    expected = torch.autograd.grad(network(rows).pow(2).sum(), wanted)
    with quick_linear():
        loss = network(rows).pow(2).sum()
    found = torch.autograd.grad(loss, wanted)
    assert len(calls) == 4, "two layers forward, and the gradients at the inputs of two"
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_other_numbers_than_fp32_go_where_they_went(calls: list[int]) -> None:
    layer, rows = nn.Linear(4, 4), torch.randn(2, 4)
    with quick_linear():
        assert torch.equal(copy.deepcopy(layer).double()(rows.double()), copy.deepcopy(layer).double()(rows.double()))
        assert layer(rows[:0]).shape == (0, 4)
    with torch.autocast("cpu", torch.bfloat16), quick_linear():
        assert layer(rows).dtype == torch.bfloat16
    assert not calls


def test_a_number_of_rows_is_one_of_few_and_little_larger() -> None:
    rounded = [linear._rounded(count) for count in range(1, 1025)]
    assert len(set(rounded)) <= 24, "each is a kernel that stays in memory"
    assert all(count <= larger <= max(count + 31, 1.13 * count) for count, larger in enumerate(rounded, 1))
    assert linear._rounded(1024) == 1024


def test_other_threads_and_what_comes_after_are_left_alone(calls: list[int]) -> None:
    weight, rows = torch.randn(3, 4), torch.randn(2, 4)
    with quick_linear():
        other = threading.Thread(target=functional.linear, args=(rows, weight))
        other.start()
        other.join()
    functional.linear(rows, weight)
    assert not calls


def test_a_tagger_uses_it_and_training_does_not(model_folder: Callable[[str], Path], calls: list[int]) -> None:
    network = Tagger.on_encoder(model_folder("bert"), ["PER"]).network
    ids = torch.tensor([[5, 6, 7]])
    network.train()(ids, torch.ones_like(ids))
    assert not calls
    network.eval()(ids, torch.ones_like(ids))
    assert calls
