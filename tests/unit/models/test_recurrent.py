"""LSTMs over sequences of many lengths: the same as one sequence after another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from salin.models import recurrent


def one_by_one(lstm: nn.LSTM, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The slow and obvious way."""
    outputs, finals = [], []
    for sequence in torch.split(values, lengths.tolist()):
        output, (final, _) = lstm(sequence[None])
        outputs.append(output[0])
        finals.append(torch.cat(list(final[:, 0])))
    return torch.cat(outputs), torch.stack(finals)


@pytest.mark.parametrize("way", ["by_length", "packed"])
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), layers=st.integers(1, 2), both=st.booleans())
def test_the_same_as_one_after_another(way: str, lengths: list[int], layers: int, both: bool) -> None:
    torch.manual_seed(len(lengths))
    lstm = nn.LSTM(3, 4, layers, batch_first=True, bidirectional=both)
    values, counts = torch.randn(sum(lengths), 3), torch.tensor(lengths)
    found, expected = [], []
    for run, results in ((getattr(recurrent, way), found), (one_by_one, expected)):
        leaf = values.clone().requires_grad_()
        outputs, finals = run(lstm, leaf, counts)
        loss = (outputs * torch.arange(len(outputs)).sin()[:, None]).sum() + (finals**2).sum()
        results += [outputs, finals, *torch.autograd.grad(loss, [leaf, *lstm.parameters()])]
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        # Values, and gradients that are sums over all of them.
        assert torch.allclose(one, other, rtol=0, atol=1e-6 if place < 2 else 1e-5)


def test_of_nothing_nothing() -> None:
    lstm = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)
    outputs, finals = recurrent.run_lstm(lstm, torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    assert (outputs.shape, finals.shape) == ((0, 8), (0, 16))
