"""The dynamic programme against counting out every tag sequence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from salin.corpus.schemes import Span
from salin.models.decoding import FORBIDDEN, Chain, entity_spans, legal_chain, log_partition, marginals, viterbi

TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
LENGTHS = torch.tensor([4, 1, 3])


def scores(seed: int) -> tuple[Tensor, Chain]:
    """Random emissions of three sentences, and a chain with learned transitions."""
    random = torch.Generator().manual_seed(seed)
    draw = lambda *size: 2 * torch.randn(size, generator=random, dtype=torch.float64)  # noqa: E731
    legal = legal_chain(TAGS, torch.float64)
    return draw(3, 4, 5), Chain(legal.start + draw(5), legal.between + draw(5, 5), draw(5))


def all_paths(emissions: Tensor, length: int, chain: Chain) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every tag sequence of a sentence with its score."""
    for path in itertools.product(range(len(TAGS)), repeat=length):
        score = chain.start[path[0]] + chain.end[path[-1]]
        score = score + sum(emissions[i, tag] for i, tag in enumerate(path))
        yield path, float(score + sum(chain.between[a, b] for a, b in itertools.pairwise(path)))


@pytest.fixture(scope="module", params=range(3))
def counted(request: pytest.FixtureRequest) -> tuple[Tensor, Chain, list[list[tuple[tuple[int, ...], float]]]]:
    emissions, chain = scores(request.param)
    paths = [list(all_paths(emissions[i], length, chain)) for i, length in enumerate(LENGTHS.tolist())]
    return emissions, chain, paths


def test_viterbi_finds_the_best_sequence(counted) -> None:
    emissions, chain, paths = counted
    assert viterbi(emissions, LENGTHS, chain) == [list(max(found, key=lambda item: item[1])[0]) for found in paths]


def test_log_partition_sums_every_sequence(counted) -> None:
    emissions, chain, paths = counted
    summed = [torch.tensor([score for _, score in found], dtype=torch.float64).logsumexp(0) for found in paths]
    assert torch.allclose(log_partition(emissions, LENGTHS, chain), torch.stack(summed), rtol=1e-12)


def test_marginals_sum_the_sequences_through_a_tag(counted) -> None:
    emissions, chain, paths = counted
    expected = torch.zeros(3, 4, 5, dtype=torch.float64)
    for row, found in enumerate(paths):
        weights = torch.tensor([score for _, score in found], dtype=torch.float64).softmax(0)
        for (path, _), weight in zip(found, weights, strict=True):
            for word, tag in enumerate(path):
                expected[row, word, tag] += weight
    assert torch.allclose(marginals(emissions, LENGTHS, chain), expected, atol=1e-12)


def test_what_stands_behind_a_sentence_changes_nothing(counted) -> None:
    emissions, chain, _ = counted
    other = emissions.clone()
    other[1, 1:], other[2, 3:] = 1e3, -1e3
    assert viterbi(other, LENGTHS, chain) == viterbi(emissions, LENGTHS, chain)
    assert torch.equal(log_partition(other, LENGTHS, chain), log_partition(emissions, LENGTHS, chain))
    assert torch.equal(marginals(other, LENGTHS, chain), marginals(emissions, LENGTHS, chain))


def test_marginals_leave_the_callers_graph_alone() -> None:
    emissions, chain = scores(0)
    emissions.requires_grad_()
    with torch.no_grad():
        assert not marginals(emissions, LENGTHS, chain).requires_grad
    assert emissions.grad is None


def test_legal_chain_forbids_what_iob2_forbids() -> None:
    chain = legal_chain(TAGS)
    legal_starts = {tag for tag, score in zip(TAGS, chain.start, strict=True) if score == 0}
    assert legal_starts == {"O", "B-LOC", "B-PER"}
    forbidden = {(TAGS[a], TAGS[b]) for a, b in (chain.between == FORBIDDEN).nonzero().tolist()}
    assert forbidden == {
        (before, tag)
        for tag in ("I-LOC", "I-PER")
        for before in TAGS
        if before not in (tag, tag.replace("I-", "B-"))
    }  # fmt: skip


@given(st.lists(st.lists(st.floats(-1000, 1000, width=32), min_size=5, max_size=5), min_size=1, max_size=6))
def test_no_illegal_sequence_is_ever_decoded(rows: list[list[float]]) -> None:
    (path,) = viterbi(torch.tensor([rows]), torch.tensor([len(rows)]), legal_chain(TAGS))
    for before, tag in zip(["O", *(TAGS[i] for i in path)], [TAGS[i] for i in path], strict=False):
        assert not tag.startswith("I-") or before[2:] == tag[2:]


def test_equal_scores_are_decoded_the_same_way_always() -> None:
    assert viterbi(torch.zeros(1, 3, 5), torch.tensor([3]), legal_chain(TAGS)) == [[0, 0, 0]]


def test_what_is_illegal_is_read_as_conlleval_reads_it() -> None:
    spans, scores = entity_spans([2, 2, 4, 0, 4], torch.full((5, 5), 0.5), TAGS)
    assert spans == [Span(0, 2, "LOC"), Span(2, 3, "PER"), Span(4, 5, "PER")]
    assert scores == [0.5] * 3


def test_an_entity_scores_the_mean_probability_of_its_tags() -> None:
    probabilities = torch.tensor([[0.1, 0.7, 0.2, 0, 0], [0, 0.5, 0.5, 0, 0], [0.9, 0, 0, 0.1, 0], [0, 0, 0, 0.8, 0.2]])
    spans, found = entity_spans([1, 2, 0, 3], probabilities, TAGS)
    assert spans == [Span(0, 2, "LOC"), Span(3, 4, "PER")]
    assert found == pytest.approx([0.6, 0.8])
