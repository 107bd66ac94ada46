"""Norms of gradients that are never formed: from their factors, where a step may have to be clipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from salin.adaptation import kept as kept_gradients
from salin.adaptation.combined import Space, combined, norms_of_sum
from salin.adaptation.engines import BatchedAdaptation, find_adaptable
from salin.adaptation.gradients import Factored, Grams
from salin.adaptation.kept import KeptGradients
from salin.adaptation.rules import Sgd
from salin.adaptation.supports import Supports
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from tiny_corpora import corpus

TASKS, IN, OUT = 6, 20, 30
CLIP = 0.5


@pytest.fixture
def kept(model_folder: Callable[[str], Path]) -> KeptGradients:
    torch.manual_seed(2)
    tagger = Tagger.on_encoder(model_folder("bert"), ("LOC", "ORG", "PER"), frozen_blocks=1)
    tagger.network.double()
    engine = BatchedAdaptation(tagger.network, find_adaptable(tagger.network, 1).modules, Sgd(rate=0.05, clip=CLIP))
    supports = Supports(LabelledSentences.from_corpora([corpus()], tagger.settings), tagger)
    return KeptGradients(engine, supports, 1 << 30, torch.float64)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sentences each support set had of which norms were computed."""
    sizes: list[int] = []

    def counting(task: list[object], *rest: object) -> list[float]:
        sizes.append(len(task))
        return norms_of_sum(task, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(kept_gradients, "norms_of_sum", counting)
    return sizes


@pytest.mark.parametrize("task", [[0], [3, 1], [2, 0, 5], [4, 4, 1]])
def test_the_norm_of_a_sum_comes_from_its_sentences(kept: KeptGradients, task: list[int]) -> None:
    """Those that nothing is asked of, since they cannot exceed the clip, keep their bounds."""
    gradients = kept.of(task)
    sentences = [gradients[index] for index in task]
    made = {name: g.weight for name, g in combined([sentences], Space()).items() if isinstance(g.weight, Factored)}
    bounds = [float(weight.bound) for weight in made.values()]
    norms = norms_of_sum(sentences, bounds, CLIP)
    exact = [float(weight.dense().norm()) for weight in made.values()]
    asked = [bound > CLIP for bound in bounds]
    assert any(asked)
    assert [norm for norm, is_asked in zip(norms, asked, strict=True) if is_asked] == pytest.approx(
        [norm for norm, is_asked in zip(exact, asked, strict=True) if is_asked], rel=1e-9
    )
    assert [n for n, a in zip(norms, asked, strict=True) if not a] == [
        b for b, a in zip(bounds, asked, strict=True) if not a
    ]
    assert any(sentence.norms[place] > CLIP for sentence in sentences for place in range(len(bounds)))


def test_sentences_that_take_each_other_back_have_a_sum_without_length(kept: KeptGradients) -> None:
    """Rounding may leave a square below zero, which has no root."""
    (some,) = kept.of([0]).values()
    numbers = some.numbers.clone()
    opposite = type(some)(some.packing, numbers, some.positions, some.words, some.norms)
    for _, outputs in opposite.packing.factors.values():
        opposite.blocks[outputs].copy_(-some.blocks[outputs])
    norms = norms_of_sum([some, opposite], some.norms, CLIP)
    expected = [0.0 if norm > CLIP else norm for norm in some.norms]
    assert expected != some.norms
    assert norms == pytest.approx(expected, abs=1e-6 * max(some.norms))


def test_the_same_neighbours_in_any_order_are_computed_once(kept: KeptGradients, computed: list[int]) -> None:
    groups = [[[0, 1], [1, 0], [2]], [[1, 0], [2, 3]]]
    first = [dict(gradients) for gradients in kept.of_groups(groups)]
    assert computed == [2, 1, 2], "the pair, the single one, the other pair"
    del computed[:]
    again = [dict(gradients) for gradients in kept.of_groups(groups)]
    assert computed == []
    for one, other in zip(first, again, strict=True):
        for name, gradient in one.items():
            if isinstance(gradient.weight, Factored):
                assert gradient.weight.known
                assert torch.equal(gradient.weight.norm(CLIP), other[name].weight.norm(CLIP))


def test_norms_are_computed_each_time_where_nothing_is_kept(kept: KeptGradients, computed: list[int]) -> None:
    nothing = KeptGradients(kept._engine, kept.supports, 0, torch.float64)
    for _ in range(2):
        list(nothing.of_groups([[[0, 1]]]))
    assert computed == [2, 2]


def random(positions: int, *sizes: int) -> list[Tensor]:
    numbers = torch.Generator().manual_seed(3)
    return [torch.randn(TASKS, positions, size, generator=numbers, dtype=torch.float64) for size in sizes]


@pytest.mark.parametrize("large", [0, 1, 4, TASKS])
def test_norms_that_cannot_exceed_what_is_asked_are_not_computed(large: int) -> None:
    """Of few tasks their own norms are computed, of many all; either way the others have something below."""
    inputs, outputs = random(3, IN, OUT)
    outputs[large:] *= 1e-3
    gradient = Factored.bounded(inputs, outputs)
    exact = gradient.dense().flatten(1).norm(dim=1)
    norms = gradient.norm(above=1.0)
    assert torch.allclose(norms[:large], exact[:large], rtol=1e-12)
    assert (exact[large:] - 1e-12 <= norms[large:]).all()
    assert (norms[large:] < 1).all()


def test_layers_that_are_given_the_same_share_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, outputs, others, elsewhere = random(3, IN, OUT, OUT, IN)
    layers = [Factored(inputs, outputs), Factored(inputs, others), Factored(elsewhere, others)]
    expected = [layer.norm() for layer in layers]
    calls: list[Tensor] = []
    product = torch.bmm

    def counting(first: Tensor, second: Tensor) -> Tensor:
        calls.append(first)
        return product(first, second)

    monkeypatch.setattr(torch, "bmm", counting)
    grams = Grams()
    assert all(torch.equal(layer.norm(0.0, grams), norm) for layer, norm in zip(layers, expected, strict=True))
    assert sum(call is inputs for call in calls) == 1
    assert sum(call is elsewhere for call in calls) == 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("graph", [False, True])
def test_updates_are_taken_off_what_a_layer_gives(weighted: bool, dtype: torch.dtype, graph: bool) -> None:
    """In the numbers of the layer, also where factors are kept in others, and with a gradient where one is asked."""
    inputs, outputs, rows = random(3, IN, OUT, IN)
    values, weights = torch.ones(TASKS, 3, OUT, dtype=dtype), torch.rand(TASKS, 3, dtype=torch.float64)
    update = Factored(inputs, outputs, weights if weighted else None)
    dense = update.dense().transpose(1, 2)
    rows.requires_grad_(graph)
    with torch.set_grad_enabled(graph):
        found = update.taken_off(values.clone(), update.products(rows))
    assert found.dtype == dtype
    assert torch.allclose(found, (values - rows @ dense).to(dtype), rtol=1e-4, atol=1e-4)
    if graph:
        found.sum().backward()
        assert torch.allclose(rows.grad, -dense.sum(2)[:, None].expand_as(rows), rtol=1e-4, atol=1e-4)
