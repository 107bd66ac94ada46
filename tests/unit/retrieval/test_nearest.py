"""Exact search against the slow and obvious way."""

from __future__ import annotations

import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from salin.retrieval import nearest

# Directions whose cosines are exact in floating point, so that ties are ties.
AXES = torch.eye(4)


def by_sorting(queries: Tensor, source: Tensor, k: int, exclude: list[int] | None = None) -> list[list[int]]:
    found = []
    for row, query in enumerate(queries):
        cosines = [float(query @ vector) for vector in source]
        if exclude is not None:
            own = exclude[len(source) + row]
            cosines = [-torch.inf if exclude[i] == own else c for i, c in enumerate(cosines)]
        found.append(sorted(range(len(source)), key=lambda i: (-cosines[i], i))[:k])
    return found


@given(
    queries=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    source=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    k=st.integers(1, 12),
)
def test_equal_ones_come_in_the_order_of_the_source(queries: list[int], source: list[int], k: int) -> None:
    cosines, indices = nearest(AXES[queries], AXES[source], k)
    assert indices.tolist() == by_sorting(AXES[queries], AXES[source], k)
    assert torch.equal(cosines, (AXES[queries] @ AXES[source].T).gather(1, indices))


@given(source=st.lists(st.integers(0, 3), min_size=1, max_size=20), k=st.integers(1, 6), data=st.data())
def test_a_query_never_gets_its_own_group(source: list[int], k: int, data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.integers(0, 4), min_size=2 * len(source), max_size=2 * len(source)))
    vectors = AXES[source]
    cosines, indices = nearest(vectors, vectors, k, torch.tensor(groups))
    assert indices.tolist() == by_sorting(vectors, vectors, k, groups)
    own = torch.tensor(groups)[: len(source)][indices] == torch.tensor(groups)[len(source) :, None]
    assert torch.equal(own, cosines == -torch.inf)


@pytest.mark.parametrize("k", [1, 2, 7, 500])
def test_random_vectors(k: int) -> None:
    random = torch.Generator().manual_seed(k)
    queries, source = (
        functional.normalize(torch.randn(n, 8, generator=random, dtype=torch.float64)) for n in (30, 200)
    )
    cosines, indices = nearest(queries, source, k)
    assert indices.tolist() == by_sorting(queries, source, k)
    assert (cosines.diff(dim=1) <= 0).all()


def test_queries_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    source = functional.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    groups = torch.arange(50).repeat(2)
    whole = nearest(source, source, 3, groups)
    monkeypatch.setattr(sys.modules["salin.retrieval.nearest"], "_SCORES_AT_ONCE", 120)
    blocks = nearest(source, source, 3, groups)
    assert torch.equal(whole[1], blocks[1])
    assert torch.allclose(whole[0], blocks[0])


def test_no_queries() -> None:
    cosines, indices = nearest(AXES[:0], AXES, 2)
    assert cosines.shape == indices.shape == (0, 2)
