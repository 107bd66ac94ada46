"""Gradients that are kept: what is computed again, what is forgotten, and that tags do not depend on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from salin.adaptation import engines
from salin.adaptation.adapter import Adapter
from salin.adaptation.combined import Space, combined
from salin.adaptation.engines import BatchedAdaptation, find_adaptable
from salin.adaptation.gradients import Factored
from salin.adaptation.kept import KeptGradients
from salin.adaptation.rules import BertAdam, Rule, Sgd
from salin.adaptation.supports import Supports
from salin.corpus import Sentence
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from tiny_corpora import DEV, TRAIN, corpus, labelled

SOURCE = corpus()
LONG = labelled(" ".join([*TRAIN[:4], *DEV]))
SENTENCES = [*map(labelled, DEV), labelled(TRAIN[1]), LONG, Sentence("", ())]
RULES: dict[str, Rule] = {"sgd": Sgd(rate=0.05), "bertadam": BertAdam(rate=3e-4)}


@pytest.fixture(params=["softmax", "crf"])
def tagger(request: pytest.FixtureRequest, model_folder: Callable[[str], Path]) -> Tagger:
    torch.manual_seed(2)
    made = Tagger.on_encoder(
        model_folder("bert"), ("LOC", "ORG", "PER"), head=request.param, max_length=24, frozen_blocks=1
    )
    with torch.no_grad():
        for name, parameter in made.network.named_parameters():
            if name.startswith(("crf", "classifier.classifier")):
                parameter.normal_(std=0.5)
    return made


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sentences' gradients are computed, a call each."""
    counts: list[int] = []
    original = engines.BatchedAdaptation.gradients

    def counting(self: BatchedAdaptation, support: engines.TaskBatch, gold: engines.Gold) -> object:
        counts.append(support.tasks)
        return original(self, support, gold)

    monkeypatch.setattr(engines.BatchedAdaptation, "gradients", counting)
    return counts


def keeper(tagger: Tagger, budget: int, dtype: torch.dtype = torch.float32) -> KeptGradients:
    modules = find_adaptable(tagger.network, 1).modules
    source = LabelledSentences.from_corpora([SOURCE], tagger.settings)
    return KeptGradients(
        BatchedAdaptation(tagger.network, modules, RULES["sgd"]), Supports(source, tagger), budget, dtype
    )


def test_a_sentence_is_computed_once(tagger: Tagger, computed: list[int]) -> None:
    kept = keeper(tagger, 1 << 30)
    first = kept.of([3, 1, 3])
    assert set(first) == {1, 3}
    assert sum(computed) == 2
    assert (kept.hits, kept.misses) == (1, 2), "every occurrence counts, also within one batch of queries"
    assert kept.of([1, 2])[1] is first[1]
    assert sum(computed) == 3
    assert (kept.hits, kept.misses) == (2, 3)


def test_what_does_not_fit_the_budget_is_forgotten_and_computed_again(tagger: Tagger, computed: list[int]) -> None:
    sizes = [gradient.bytes for gradient in keeper(tagger, 1 << 30).of(range(len(SOURCE))).values()]
    budget = sizes[0] + sizes[1]
    kept = keeper(tagger, budget)
    for index in range(len(SOURCE)):
        assert set(kept.of([index])) == {index}
        assert kept.bytes <= budget
    del computed[:]
    kept.of([0])
    assert computed == [1], "the least recently used one went first"
    nothing = keeper(tagger, 1)
    assert set(nothing.of([0, 1])) == {0, 1}, "also what is larger than the whole budget is given"
    assert nothing.bytes == 0


def test_bytes_are_what_the_tensors_take(tagger: Tagger) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        kept = keeper(tagger, 1 << 30, dtype)
        gradients = kept.of([0, 5]).values()
        inside = [tensor for g in gradients for tensor in (*g.blocks, g.vectors)]
        assert all(tensor.dtype == dtype for tensor in inside)
        assert kept.bytes == sum(tensor.nbytes for tensor in inside)
        assert kept.bytes == sum(gradient.numbers.untyped_storage().nbytes() for gradient in gradients)


def test_queries_keys_and_values_share_their_inputs(tagger: Tagger) -> None:
    factors = keeper(tagger, 1 << 30).of([0])[0].factors
    names = [name for name in factors if name.endswith(("query", "key", "value"))]
    assert len(names) == 6
    assert len({factors[name][0].data_ptr() for name in names}) == 2


@pytest.mark.parametrize("rule", RULES)
def test_tags_are_the_same_whatever_is_kept(tagger: Tagger, rule: str) -> None:
    def tagged(keep: int) -> list[Sentence]:
        adapter = Adapter(tagger, SOURCE, rule=RULES[rule], keep=keep, keep_dtype=torch.float32)
        first = list(adapter.tag_sentences(SENTENCES))
        assert list(adapter.tag_sentences(SENTENCES)) == first
        return first

    cold, evicting, all_kept = tagged(0), tagged(200_000), tagged(1 << 30)
    assert any(sentence.entities for sentence in cold)
    for other in (evicting, all_kept):
        assert [sentence.spans() for sentence in other] == [sentence.spans() for sentence in cold]
        for a, b in zip(cold, other, strict=True):
            assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=1e-5)


def test_half_precision_moves_scores_by_little(tagger: Tagger) -> None:
    windows = tagger.windower.windows(SENTENCES)
    exact, half = (
        Adapter(tagger, SOURCE, keep_dtype=dtype)._emissions(SENTENCES, windows, [[0, 1]] * 4 + [[]])
        for dtype in (torch.float32, torch.bfloat16)
    )
    plain = tagger.emissions(SENTENCES)
    effect = max(float((a - b).abs().max()) for a, b in zip(exact, plain, strict=True) if len(a))
    error = max(float((a - b).abs().max()) for a, b in zip(exact, half, strict=True) if len(a))
    assert effect > 0.01
    assert 0 < error < 0.02 * effect


def test_more_than_one_step_keeps_nothing(tagger: Tagger) -> None:
    assert Adapter(tagger, SOURCE).kept is not None
    assert Adapter(tagger, SOURCE, steps=2).kept is None
    assert Adapter(tagger, SOURCE, engine="sequential").kept is None


def test_norms_of_sums_are_kept_where_something_is_clipped(tagger: Tagger) -> None:
    kept = keeper(tagger, 1 << 30, torch.float64)
    kept.clip = 0.5
    pairs = [[0, 1], [2, 3], [1, 0]]
    first, second = ({n: g.weight for n, g in next(kept.of_groups([pairs])).items()} for _ in range(2))
    clipped = 0
    for name, weight in first.items():
        if not isinstance(weight, Factored):
            continue
        exact = weight.dense().flatten(1).norm(dim=1)
        above = exact > 0.5
        clipped += int(above.sum())
        assert torch.allclose(weight.norm(above=0.5)[above], exact[above], rtol=1e-6)
        assert (weight.norm(above=0.5)[~above] <= 0.5).all()
        assert torch.allclose(second[name].norm(above=0.5), weight.norm(above=0.5), rtol=1e-12)
    assert clipped


def test_a_sentence_that_two_supports_are_copies_of_counts_twice(tagger: Tagger) -> None:
    gradients = keeper(tagger, 1 << 30, torch.float64).of([0, 1])
    twice = combined([[gradients[0], gradients[0], gradients[1]]], Space())
    name = "classifier.classifier"
    words = [gradients[0].words, gradients[1].words]
    alone = [combined([[gradients[i]]], Space())[name].weight.dense() for i in (0, 1)]
    expected = (2 * words[0] * alone[0] + words[1] * alone[1]) / (2 * words[0] + words[1])
    assert torch.allclose(twice[name].weight.dense(), expected, atol=1e-12)
