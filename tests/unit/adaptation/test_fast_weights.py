"""Batched adaptation equals adapting one task after another, for six architectures, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb as rotated

from salin.adaptation.engines import BatchedAdaptation, SequentialAdaptation, SequentialTask, find_adaptable
from salin.adaptation.kept import KeptGradients
from salin.adaptation.layout import lay_out
from salin.adaptation.rules import BertAdam, Rule, Sgd
from salin.adaptation.supports import Supports
from salin.corpus import Sentence
from salin.encoding import Window, collate
from salin.models import Tagger
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import Gold, task_losses
from tiny_corpora import corpus
from tiny_models import ARCHITECTURES

SUPPORTS = [
    ["Jan/B-PER de/I-PER Vries/I-PER won/O", "De/O premier/O sprak/O in/O Lisbon/B-LOC met/O Reuters/B-ORG ./O"],
    ["中/B-LOC 国/I-LOC 总/O 理/O"],  # fewer supports than the others
    ["Ajax/B-ORG met/O Maria/B-PER Sousa/I-PER in/O Eindhoven/B-LOC on/O Friday/O ./O", "EFECOM/B-ORG 23/O mayo/O"],
]
QUERIES = [
    "Maria/B-PER met/O Jan/B-PER",
    "Si/O Juan/B-PER dela/I-PER Cruz/I-PER miadto/O sa/O Sugbo/B-LOC kagahapon/O ./O",
    "Ginebra/B-LOC ,/O 23/O",
]
RULES = {"sgd": Sgd(rate=0.5), "bertadam": BertAdam(rate=2e-2)}


@pytest.fixture(params=ARCHITECTURES)
def tagger(
    request: pytest.FixtureRequest, model_folder: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Tagger:
    if request.param == "llama":
        # Its norm computes in float32 whatever it is given, which would hide everything below 1e-7.
        monkeypatch.setattr("transformers.models.llama.modeling_llama.LlamaRMSNorm.forward", _norm_in_own_precision)
    if request.param == "modernbert":
        # The same of its rotation; Llama's is the same formula in the precision of what it is given.
        monkeypatch.setattr("transformers.models.modernbert.modeling_modernbert.apply_rotary_pos_emb", rotated)
    torch.manual_seed(1)
    made = Tagger.on_encoder(model_folder(request.param), ["LOC", "ORG", "PER"], frozen_blocks=1)
    made.network.double()
    return made


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


@pytest.mark.parametrize("steps", [1, 2])
def test_adapted_scores(tagger: Tagger, rule: Rule, steps: int) -> None:
    tasks = _Tasks(tagger)
    batched, sequential = _engines(tagger, rule, steps)
    with batched.adapted(tasks.support, tasks.gold) as fast, torch.no_grad():
        together = fast.forward(tasks.query)
    alone = torch.cat([sequential.emissions(task) for task in tasks.one_by_one])
    plain = _plain(tagger, tasks)
    effect = (alone - plain).abs().max()
    assert effect > 0.1
    assert (together - alone).abs().max() < 1e-8 * effect


def test_adapted_scores_from_kept_gradients(tagger: Tagger, rule: Rule) -> None:
    """Each support's own gradient, computed apart, combines to that of the support set: also before clipping."""
    tasks = _Tasks(tagger)
    batched, sequential = _engines(tagger, rule, 1)
    kept = KeptGradients(batched, Supports(_labelled(tagger), tagger), 1 << 30, torch.float64)
    together: list[Tensor] = []
    for _ in ("computed", "kept"):
        with batched.adapted_by(next(kept.of_groups([[[0, 1], [2], [3, 4]]]))) as fast, torch.no_grad():
            together.append(fast.forward(tasks.query))
    alone = torch.cat([sequential.emissions(task) for task in tasks.one_by_one])
    effect = (alone - _plain(tagger, tasks)).abs().max()
    assert effect > 0.1
    assert all((scores - alone).abs().max() < 1e-8 * effect for scores in together)


@pytest.mark.parametrize("steps", [1, 2])
def test_first_order_meta_gradient(tagger: Tagger, rule: Rule, steps: int) -> None:
    tasks = _Tasks(tagger)
    batched, sequential = _engines(tagger, rule, steps)
    names, parameters = zip(*tagger.network.named_parameters(), strict=True)

    with batched.adapted(tasks.support, tasks.gold) as fast:
        losses = task_losses(tagger.network, fast.forward(tasks.query), tasks.query_gold, max_weight=2.0)
        together = torch.autograd.grad(losses.sum(), parameters, allow_unused=True)

    alone = [torch.zeros_like(parameter) for parameter in parameters]
    for task, gold in zip(tasks.one_by_one, tasks.query_gold_one_by_one, strict=True):
        with sequential.adapted(task):
            batch = collate(task.query, tagger.tokenizer.pad_token_id)
            emissions = batch.at_words(tagger.network(batch.input_ids, batch.attention_mask))
            loss = task_losses(tagger.network, emissions, gold, max_weight=2.0).sum()
            for total, gradient in zip(alone, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
                total += 0 if gradient is None else gradient
    largest = max(float(gradient.abs().max()) for gradient in alone)
    for name, expected, got in zip(names, alone, together, strict=True):
        difference = expected if got is None else got - expected
        # Key biases have a gradient of exactly zero, so the scale is not a tensor's own where that is tiny.
        scale = max(float(expected.abs().max()), 1e-6 * largest)
        assert float(difference.abs().max()) < 1e-8 * scale, name


def test_modules_that_are_left_out_are_named(model_folder: Callable[[str], str]) -> None:
    excluded = {}
    for architecture in ARCHITECTURES:
        network = Tagger.on_encoder(model_folder(architecture), ["PER"]).network
        excluded[architecture] = {name.rpartition("layer.")[2] for name, _ in find_adaptable(network, 1).excluded}
    shared_with_relative_positions = {f"{i}.attention.self.{part}_proj" for i in (1, 2) for part in ("query", "key")}
    assert excluded.pop("deberta-v2") == {*shared_with_relative_positions, "classifier.deberta.encoder.LayerNorm"}
    assert all(not names for names in excluded.values()), excluded


def test_nothing_is_left_of_a_task_after_an_error(tagger: Tagger) -> None:
    before = {name: tensor.clone() for name, tensor in tagger.network.state_dict().items()}
    required = [parameter.requires_grad for parameter in tagger.network.parameters()]
    tasks = _Tasks(tagger)
    plain = _plain(tagger, tasks)
    batched, sequential = _engines(tagger, Sgd(rate=0.5), 2)
    with pytest.raises(KeyboardInterrupt), batched.adapted(tasks.support, tasks.gold):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), sequential.adapted(tasks.one_by_one[0]):
        raise KeyboardInterrupt
    broken = Gold(tasks.gold.tags + 1000, None, tasks.gold.rows, tasks.gold.tasks, tasks.gold.count)
    with pytest.raises(IndexError), batched.adapted(tasks.support, broken):
        pytest.fail("a tag that does not exist has a loss")  # pragma: no cover
    assert all(torch.equal(before[name], tensor) for name, tensor in tagger.network.state_dict().items())
    assert required == [parameter.requires_grad for parameter in tagger.network.parameters()]
    assert torch.equal(plain, _plain(tagger, tasks))


def test_a_task_without_supports_is_tagged_plainly(tagger: Tagger) -> None:
    tasks = _Tasks(tagger)
    tasks.support = lay_out([[], *tasks.support_windows[1:]], tagger.tokenizer.pad_token_id)
    gold = tasks.gold_without_first()
    batched, _ = _engines(tagger, Sgd(rate=0.5), 1)
    with batched.adapted(tasks.support, gold) as fast, torch.no_grad():
        adapted = fast.forward(tasks.query)
    plain = _plain(tagger, tasks)
    first = tasks.query.batch.rows // tasks.query.rows == 0
    assert torch.allclose(adapted[first], plain[first], atol=1e-12)
    assert (adapted[~first] - plain[~first]).abs().max() > 0.01


class _Tasks:
    """Three tasks with supports and queries of different lengths, laid out for both engines."""

    def __init__(self, tagger: Tagger):
        self.tagger, self.pad = tagger, tagger.tokenizer.pad_token_id
        self.support_windows = [self._windows(lines) for lines in SUPPORTS]
        self.query_windows = [self._windows([line]) for line in QUERIES]
        self.support = lay_out(self.support_windows, self.pad)
        self.query = lay_out(self.query_windows, self.pad)
        self.gold = self._with_rows(self._gold(SUPPORTS), self.support.batch.rows)
        self.query_gold = self._with_rows(self._gold([[line] for line in QUERIES]), self.query.batch.rows)
        self.query_gold_one_by_one = [self._gold([[line]]) for line in QUERIES]
        golds = [self._gold([lines]) for lines in SUPPORTS]
        parts = zip(self.support_windows, golds, self.query_windows, strict=True)
        self.one_by_one = [SequentialTask(support, gold, query) for support, gold, query in parts]

    def gold_without_first(self) -> Gold:
        gold = self._gold([[], *SUPPORTS[1:]])
        return self._with_rows(gold, self.support.batch.rows)

    def _windows(self, lines: list[str]) -> list[Window]:
        return self.tagger.windower.windows([_sentence(line)[0] for line in lines])

    def _gold(self, tasks: list[list[str]]) -> Gold:
        windows, labelled, owners = [], [], []
        for task, lines in enumerate(tasks):
            for window in self._windows(lines):
                windows.append(window)
                tags = [self.tagger.settings.tags.index(tag) for tag in _sentence(lines[window.sentence])[1]]
                labelled.append((tags, None))
                owners.append(task)
        return gold_of(windows, labelled, owners, len(tasks))

    @staticmethod
    def _with_rows(gold: Gold, rows: Tensor) -> Gold:
        return Gold(gold.tags, gold.annotated, rows, gold.tasks, gold.count)


def _sentence(line: str) -> tuple[Sentence, list[str]]:
    tokens, tags = zip(*(word.rsplit("/", 1) for word in line.split()), strict=True)
    return Sentence.from_tokens(tokens), list(tags)


def _labelled(tagger: Tagger) -> LabelledSentences:
    """All supports as one source, in the order in which the tasks have them."""
    return LabelledSentences.from_corpora([corpus([line for lines in SUPPORTS for line in lines])], tagger.settings)


def _engines(tagger: Tagger, rule: Rule, steps: int) -> tuple[BatchedAdaptation, SequentialAdaptation]:
    modules = find_adaptable(tagger.network, 1).modules
    pad = tagger.tokenizer.pad_token_id
    return (
        BatchedAdaptation(tagger.network, modules, rule, steps),
        SequentialAdaptation(tagger.network, modules, rule, pad, steps),
    )


@torch.no_grad()
def _plain(tagger: Tagger, tasks: _Tasks) -> Tensor:
    batch = tasks.query.batch
    return batch.at_words(tagger.network(batch.input_ids, batch.attention_mask))


def _norm_in_own_precision(self: nn.Module, hidden_states: Tensor) -> Tensor:
    variance = hidden_states.pow(2).mean(-1, keepdim=True)
    return self.weight * hidden_states * torch.rsqrt(variance + self.variance_epsilon)


@pytest.fixture(autouse=True)
def _no_global_effects() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)
