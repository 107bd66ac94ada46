"""Parts of a batch: together they are the whole one, in what they hold and in what they add to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM

from salin.corpus.lexicon import Lexicon
from salin.errors import SettingError
from salin.models import Tagger
from salin.pretraining.masked import MaskedRows
from salin.pretraining.mixture import Mixture, mixture_loss
from salin.pretraining.rows import Passages, SwitchedPassages, TranslationPairs
from salin.pretraining.text import ParallelText, PlainText
from salin.pretraining.tokenizer import train_tokenizer
from salin.training import processes
from salin.training.direct import DirectBatches
from salin.training.loop import LoopSettings
from salin.training.meta import MetaBatches, MetaSettings
from salin.training.methods import MethodSettings, SwitchingSettings
from salin.training.objectives import DirectObjective, MetaObjective
from salin.training.processes import WHOLE, Part, Processes
from tiny_corpora import TRAIN, corpus
from tiny_models import TEXT

LOOP = LoopSettings(steps=4, learning_rate=1e-3)
# One sentence is longer than a window.
SOURCE = [corpus((*TRAIN, " ".join(TRAIN))), corpus(("Jan/B-PER in/O Lisbon/O",))]


@given(items=st.lists(st.integers()), count=st.integers(1, 9))
def test_parts_are_the_whole_cut_evenly(items: list[int], count: int) -> None:
    parts = [list(Part(index, count).of(items)) for index in range(count)]
    assert [item for part in parts for item in part] == items
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True), "the main process has an example wherever there is one"
    assert WHOLE.of(items) == items


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Callable[[str], Tagger]:
    def on_encoder(head: str) -> Tagger:
        torch.manual_seed(1)
        return Tagger.on_encoder(model_folder("bert"), ["LOC", "ORG", "PER"], head=head)

    return on_encoder


@pytest.fixture
def switching(tmp_path: Path) -> SwitchingSettings:
    path = tmp_path / "en-nl.tsv"
    path.write_text("won\theeft gewonnen\nin\tte\n", encoding="utf-8")
    return SwitchingSettings(lexicons={"nl": (path,)})


def check_that_parts_add_up(
    model: nn.Module, batches: Callable[..., Any], objective: Callable[[nn.Module, Any], Mapping[str, Tensor]]
) -> None:
    """Sums losses and gradients over the parts of steps, as the processes of a run do, and compares with the whole."""

    def totals(step: int, count: int) -> tuple[dict[str, float], list[Tensor]]:
        model.zero_grad()
        figures: dict[str, float] = {}
        for index in range(count):
            batch = batches(step, Part(index, count))
            losses = {} if batch is None else objective(model, batch)
            if losses:
                losses["loss"].backward()
            for name, value in losses.items():
                figures[name] = figures.get(name, 0.0) + float(value.detach())
        return figures, [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]

    for step in range(2):
        whole, gradients = totals(step, 1)
        for count in (2, 3, 8):
            parts, summed = totals(step, count)
            assert parts == pytest.approx(whole, rel=1e-5)
            for expected, found in zip(gradients, summed, strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(("head", "max_weight"), [("softmax", 0.0), ("softmax", 0.7), ("crf", 0.0)])
def test_parts_of_direct_training(
    tagger: Callable[[str], Tagger], switching: SwitchingSettings, batch: int, head: str, max_weight: float
) -> None:
    made = tagger(head)
    settings = MethodSettings(loop=LOOP, batch=batch, mask_rate=0.5, switching=switching)
    check_that_parts_add_up(made.network, DirectBatches.of(made, SOURCE, settings), DirectObjective(max_weight))


@pytest.mark.parametrize("batch", [1, 5])
def test_parts_of_meta_training(tagger: Callable[[str], Tagger], switching: SwitchingSettings, batch: int) -> None:
    made = tagger("softmax")
    settings = MetaSettings(loop=LOOP, batch=batch, mask_rate=0.5, switching=switching, switch_supports=True)
    modules = ("classifier.classifier", "classifier.bert.encoder.layer.2.output.dense")
    objective = MetaObjective(modules, "sgd", rate=0.05, steps=2, max_weight=0.7)
    check_that_parts_add_up(made.network, MetaBatches.of(made, SOURCE, settings), objective)


@pytest.mark.parametrize("rows", [1, 5])
def test_parts_of_pretraining(rows: int) -> None:
    tokenizer = train_tokenizer(TEXT, 400)
    plain = PlainText({"en": TEXT}, 0.5)
    texts = {
        "masked": Passages(plain),
        "translation": TranslationPairs(ParallelText({"n": {"en": ["good morning"], "nl": ["morgen"]}}, {"n": 1.0})),
        "switched": SwitchedPassages(plain, {"nl": Lexicon({"won": ["won"]})}, rate=0.5),
    }
    objectives = {name: MaskedRows(tokenizer, text, length=24, mask_rate=0.3) for name, text in texts.items()}
    batches = Mixture(objectives, dict.fromkeys(texts, 1.0), rows=rows, groups=rows, seed=3)
    torch.manual_seed(1)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=24, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
        )
    )  # fmt: skip
    check_that_parts_add_up(model, batches, mixture_loss)


def one_of_two(monkeypatch: pytest.MonkeyPatch, other: object) -> Processes:
    """The main process of two, the other one of which sends the same each time."""
    monkeypatch.setattr(processes, "gather_object", lambda mine: [*mine, other])
    return Processes(Part(0, 2), torch.device("cpu"))


def test_figures_are_summed_over_the_processes_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_of_two(monkeypatch, {"loss": 2.0}).total({"loss": 1.0, "accuracy": 0.5}) == {
        "loss": 3.0,
        "accuracy": 0.5,
    }
    assert one_of_two(monkeypatch, {}).total({"loss": 1.0}) == {"loss": 1.0}


def test_processes_that_begin_differently_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    two = one_of_two(monkeypatch, {"seed": 1, "the step": 100, "batch": 8})
    two.agree({"seed": 1, "the step": 100, "batch": 8})
    with pytest.raises(SettingError, match="do not begin alike: they differ in seed, the step"):
        two.agree({"seed": 2, "the step": 0, "batch": 8})


def test_alone_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "gather_object", lambda _: pytest.fail("there is nobody"))
    alone = Processes.here()
    assert alone.is_main
    assert not alone.several
    alone.wait()
    alone.agree({"seed": 1})
    assert alone.gather([1, 2]) == [1, 2]
    assert alone.total({"loss": 1.0}) == {"loss": 1.0}
