"""The conditional random field: a probability over tag sequences, with the right gradient."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from salin.models.crf import ConditionalRandomField
from salin.models.decoding import marginals, viterbi

TAGS = ("O", "B-LOC", "I-LOC")


@pytest.fixture(params=[False, True], ids=["constrained", "free"])
def free(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def crf(free: bool) -> ConditionalRandomField:
    torch.manual_seed(0)
    made = ConditionalRandomField(TAGS, free=free).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


@pytest.fixture
def emissions() -> Tensor:
    return torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def is_legal(path: Sequence[int]) -> bool:
    """Whether `I-LOC` stands neither first nor behind `O`."""
    return path[0] != 2 and (0, 2) not in itertools.pairwise(path)


def test_the_probabilities_of_all_sequences_sum_to_one(
    crf: ConditionalRandomField, free: bool, emissions: Tensor
) -> None:
    """Those that IOB2 forbids have none of it, unless the chain is free."""
    for length in (1, 2, 4):
        paths = torch.tensor(list(itertools.product(range(3), repeat=length)))
        repeated = emissions[:1, :length].expand(len(paths), -1, -1)
        probabilities = crf.log_likelihood(repeated, paths, torch.full((len(paths),), length)).exp()
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-12)
        illegal = torch.tensor([not is_legal(path) for path in paths.tolist()])
        assert ((probabilities[illegal] > 1e-6) if free else (probabilities[illegal] < 1e-300)).all()


def test_log_likelihood_by_hand(crf: ConditionalRandomField, emissions: Tensor) -> None:
    path = [1, 2, 0]
    score = crf.start[1] + crf.between[1, 2] + crf.between[2, 0] + crf.end[0]
    score = score + emissions[0, 0, 1] + emissions[0, 1, 2] + emissions[0, 2, 0]
    every = [
        crf.log_likelihood(emissions[:1, :3], torch.tensor([other]), torch.tensor([3]))
        for other in itertools.product(range(3), repeat=3)
    ]
    gold = crf.log_likelihood(emissions[:1, :3], torch.tensor([path]), torch.tensor([3]))
    # Differences of log-likelihoods are differences of scores; the rest is what they all share.
    best = crf.log_likelihood(emissions[:1, :3], torch.tensor([[0, 0, 0]]), torch.tensor([3]))
    plain = crf.start[0] + 2 * crf.between[0, 0] + crf.end[0] + emissions[0, :3, 0].sum()
    assert (gold - best).item() == pytest.approx((score - plain).item(), abs=1e-12)
    assert torch.logsumexp(torch.cat(every), 0).item() == pytest.approx(0, abs=1e-12)


@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3), free=st.booleans())
def test_likelihood_viterbi_and_marginals_by_counting_out_every_sequence(
    seed: int, lengths: list[int], free: bool
) -> None:
    """For any transitions and lengths, and whatever stands in the padding.

    Sequences that IOB2 forbids count like any other where the chain is free, and are none where it is not.
    """
    random = torch.Generator().manual_seed(seed)
    crf = ConditionalRandomField(TAGS, free=free).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_(std=2, generator=random)
    emissions = 2 * torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64, generator=random)
    counts, gold = torch.tensor(lengths), torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    probability = torch.zeros_like(emissions)
    expected, best = [], []
    for row, length in enumerate(lengths):
        found: dict[tuple[int, ...], Tensor] = {}
        for path in itertools.product(range(3), repeat=length):
            if not free and not is_legal(path):
                continue
            score = crf.start[path[0]] + crf.end[path[-1]] + sum(emissions[row, i, tag] for i, tag in enumerate(path))
            found[path] = (score + sum(crf.between[a, b] for a, b in itertools.pairwise(path))).detach()
        total = torch.stack(list(found.values())).logsumexp(0)
        chosen = list(found)[seed % len(found)]
        gold[row, :length] = torch.tensor(chosen)
        expected.append(found[chosen] - total)
        best.append(list(max(found, key=found.__getitem__)))
        for path, score in found.items():
            for word, tag in enumerate(path):
                probability[row, word, tag] += (score - total).exp()
    assert torch.allclose(crf.log_likelihood(emissions, gold, counts), torch.stack(expected), atol=1e-9)
    assert viterbi(emissions, counts, crf.chain) == best
    assert torch.allclose(marginals(emissions, counts, crf.chain), probability, atol=1e-9)


def test_padding_changes_nothing(crf: ConditionalRandomField, emissions: Tensor) -> None:
    tags = torch.tensor([[1, 2, 0, 1], [0, 1, 99, -100]])
    together = crf.log_likelihood(emissions, tags, torch.tensor([4, 2]))
    alone = [
        crf.log_likelihood(emissions[:1], tags[:1], torch.tensor([4])),
        crf.log_likelihood(emissions[1:, :2], tags[1:, :2], torch.tensor([2])),
    ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-12)


def test_gradients(crf: ConditionalRandomField, emissions: Tensor) -> None:
    tags, lengths = torch.tensor([[1, 2, 0, 1], [0, 1, 0, 0]]), torch.tensor([4, 2])
    names = ("start", "between", "end")

    def likelihood(emissions: Tensor, *values: Tensor) -> Tensor:
        replaced = dict(zip(names, values, strict=True))
        return torch.func.functional_call(_Likelihood(crf), {f"crf.{k}": v for k, v in replaced.items()},
                                          (emissions, tags, lengths))  # fmt: skip

    inputs = [emissions, *(getattr(crf, name).detach().clone() for name in names)]
    assert torch.autograd.gradcheck(likelihood, [tensor.requires_grad_() for tensor in inputs])


def test_it_learns_transitions(free: bool) -> None:
    crf = ConditionalRandomField(("O", "B-A", "I-A", "B-B", "I-B"), free=free)
    flat, gold = torch.zeros(1, 4, 5), torch.tensor([[1, 3, 1, 3]])  # A and B take turns, which no emission says
    optimizer = torch.optim.SGD(crf.parameters(), lr=1.0)
    for _ in range(50):
        optimizer.zero_grad()
        (-crf.log_likelihood(flat, gold, torch.tensor([4]))).backward()
        optimizer.step()
    assert viterbi(flat, torch.tensor([4]), crf.chain) == [[1, 3, 1, 3]]


def test_a_head_says_whether_it_is_free() -> None:
    """Both learn the same parameters: only what is possible differs."""
    assert ConditionalRandomField.of("softmax", TAGS) is None
    bound, free = ConditionalRandomField.of("crf", TAGS), ConditionalRandomField.of("free-crf", TAGS)
    assert bound is not None and free is not None
    assert bound.state_dict().keys() == free.state_dict().keys() == {"start", "between", "end"}
    assert bound.chain.start[2] < -1000 and bound.chain.between[0, 2] < -1000
    assert not free.chain.start.any() and not free.chain.between.any()


class _Likelihood(torch.nn.Module):
    def __init__(self, crf: ConditionalRandomField):
        super().__init__()
        self.crf = crf

    def forward(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        return self.crf.log_likelihood(emissions, tags, lengths)
