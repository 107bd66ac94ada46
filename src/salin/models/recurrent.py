"""Recurrent layers over sequences of many lengths, none of which is padded."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def run_lstm(lstm: nn.LSTM, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Runs an LSTM over sequences that lie one behind another.

    Args:
        lstm: With `batch_first`.
        values: What they are of, `[sum of lengths, size]`.
        lengths: Of each sequence, at least 1, `[sequences]`.

    Returns:
        What the last layer gives, `[sum of lengths, directions * hidden]`, and the final states of all layers and
        directions side by side, `[sequences, layers * directions * hidden]`.
    """
    if not len(lengths):
        directions = 1 + lstm.bidirectional
        outputs = values.new_zeros(0, directions * lstm.hidden_size)
        return outputs, values.new_zeros(0, lstm.num_layers * directions * lstm.hidden_size)
    # What is quicker says `benchmarks/byte_throughput.py`.
    tags_on_cpu = values.device.type == "cpu" and not torch.is_grad_enabled()
    return (by_length if tags_on_cpu else packed)(lstm, values, lengths)


def by_length(lstm: nn.LSTM, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """`run_lstm` with sequences of the same length together: quicker on a CPU where no gradients are taken."""
    starts = lengths.cumsum(0) - lengths
    sequences: list[Tensor] = []
    places: list[Tensor] = []
    outputs: list[Tensor] = []
    finals: list[Tensor] = []
    for length in cast(list[int], torch.unique(lengths).tolist()):
        chosen = torch.nonzero(lengths == length).flatten()
        inside = starts[chosen, None] + torch.arange(length, device=values.device)
        output, (final, _) = lstm(values[inside])
        sequences.append(chosen)
        places.append(inside.flatten())
        outputs.append(output.flatten(0, 1))
        finals.append(_side_by_side(final))
    return _in_order(outputs, places), _in_order(finals, sequences)


def packed(lstm: nn.LSTM, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """`run_lstm` with torch's packed sequences: in training as quick, and in bf16 much quicker.

    A GPU takes them as one.
    """
    longest = int(lengths.max())
    inside = torch.arange(longest, device=values.device) < lengths[:, None]
    padded = values.new_zeros(*inside.shape, values.shape[-1]).masked_scatter(inside[:, :, None], values)
    together = pack_padded_sequence(padded, lengths.cpu(), batch_first=True, enforce_sorted=False)
    outputs, (final, _) = lstm(together)
    return pad_packed_sequence(outputs, batch_first=True)[0][inside], _side_by_side(final)


def _side_by_side(final: Tensor) -> Tensor:
    """`[layers * directions, sequences, hidden]` as `[sequences, layers * directions * hidden]`."""
    return final.transpose(0, 1).flatten(1)


def _in_order(parts: list[Tensor], places: list[Tensor]) -> Tensor:
    """Rows put where they belong, of which each has one place."""
    return torch.cat(parts)[torch.argsort(torch.cat(places))]
