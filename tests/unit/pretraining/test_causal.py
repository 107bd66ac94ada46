"""Causal language modelling: rows full of text, and the loss of the next piece without all scores in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from salin.errors import DataError
from salin.pretraining import causal, vocabulary
from salin.pretraining.causal import Causal
from salin.pretraining.packing import PackedRows, own_opening
from salin.pretraining.presets import ModelSettings, build
from salin.pretraining.vocabulary import vocabulary_loss
from tiny_models import TEXT, build_tokenizer

TOKENIZER = build_tokenizer("bytelevel")


class Lines:
    """One line after another, whatever is asked for, and a note of what was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
        self.given.append(TEXT[int(random.integers(len(TEXT)))])
        return "en", self.given[-1]


def small_decoder(tokenizer: PreTrainedTokenizerFast = TOKENIZER, **sizes: int) -> nn.Module:
    torch.manual_seed(0)
    preset = {"preset": "decoder-cpu", "layers": 2, "hidden": 24, "heads": 6, "key_value_heads": 2, "feed_forward": 32}
    return build(ModelSettings.model_validate({**preset, **sizes}), tokenizer)


@given(rows=st.integers(1, 5), length=st.integers(2, 40), seed=st.integers(0, 99))
def test_rows_hold_passage_after_passage_and_nothing_is_left_out_between(rows: int, length: int, seed: int) -> None:
    text = Lines()
    drawn = PackedRows(TOKENIZER, text, length).draw(rows, np.random.default_rng(seed))
    assert drawn.shape == (rows, length)
    pieces: list[int] = []
    for passage in text.given:
        pieces += [*TOKENIZER(passage, add_special_tokens=False)["input_ids"], TOKENIZER.sep_token_id]
    assert drawn.flatten().tolist() == pieces[: rows * length]


def test_what_a_tokenizer_begins_each_text_with_stands_before_each_passage() -> None:
    llama = build_tokenizer("bpe", specials_around=False)
    llama.bos_token = "<s>"
    assert own_opening(llama) is None, "it has such a piece, and does not use it"
    ids = [("<s>", llama.convert_tokens_to_ids("<s>"))]
    llama.backend_tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=ids)
    opening = own_opening(llama)
    assert opening == llama.bos_token_id
    assert own_opening(TOKENIZER) is None, "salin's own decoders read text with a separator alone"
    text = Lines()
    drawn = PackedRows(llama, text, 30, opening).draw(2, np.random.default_rng(0)).flatten().tolist()
    expected = [piece for passage in text.given for piece in (*llama(passage)["input_ids"], llama.sep_token_id)]
    assert drawn == expected[:60]


def test_rows_are_a_function_of_random() -> None:
    objective = Causal(PackedRows(TOKENIZER, Lines(), 20))
    first, again, other = (objective.collate(objective.draw(3, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert torch.equal(first["input_ids"], again["input_ids"])
    assert not torch.equal(first["input_ids"], other["input_ids"])


def test_text_without_a_piece_is_refused() -> None:
    class Nothing:
        def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
            return "en", ""

    with pytest.raises(DataError, match="no piece of text"):
        PackedRows(TOKENIZER, Nothing(), 8).draw(1, np.random.default_rng(0))


def test_the_loss_is_that_of_the_model_itself() -> None:
    model = small_decoder().double()
    objective = Causal(PackedRows(TOKENIZER, Lines(), 20))
    examples = objective.draw(4, np.random.default_rng(0))
    batch = objective.collate(examples)
    figures = objective.loss(model, batch)
    ids = batch["input_ids"]
    logits = model(input_ids=ids).logits[:, :-1]
    expected = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    assert figures["loss"].item() == pytest.approx(expected.item(), abs=1e-12)
    assert figures["accuracy"].item() == pytest.approx((logits.argmax(-1) == ids[:, 1:]).double().mean().item())
    assert objective.weight(examples) == 4 * 19


@pytest.mark.parametrize("kind", [*sorted(causal._PLAIN), "gemma2", "cohere"])
def test_the_loss_of_any_decoder_is_that_of_its_own_scores(kind: str) -> None:
    """Whether they are what its output layer gives, or are scaled or capped as well."""
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "intermediate_size": 24,
        "ffn_dim": 24,
        "word_embed_proj_dim": 16,
    }
    pieces = {f"{name}_token_id": TOKENIZER.pad_token_id for name in ("pad", "bos", "eos")}
    config = CONFIG_MAPPING[kind](vocab_size=len(TOKENIZER), **heads, **sizes, **pieces, initializer_range=0.5)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    objective = Causal(PackedRows(TOKENIZER, Lines(), 12))
    batch = objective.collate(objective.draw(2, np.random.default_rng(0)))
    logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
    expected = functional.cross_entropy(logits.flatten(0, 1), batch["input_ids"][:, 1:].flatten())
    assert objective.loss(model, batch)["loss"].item() == pytest.approx(expected.item(), abs=1e-4)
    assert model.get_input_embeddings().weight.std() > 0.1, "else all scores would be small, and a cap not be noticed"


@pytest.mark.parametrize("chunk", [1, 300, 1 << 22])
def test_chunks_give_what_the_whole_gives(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a tenth of a millionth, the gradients too, with a last chunk that is shorter."""
    torch.manual_seed(0)
    head = nn.Linear(6, 100, dtype=torch.float64)
    states, labels = torch.randn(11, 6, dtype=torch.float64, requires_grad=True), torch.randint(100, (11,))
    expected = functional.cross_entropy(head(states), labels)
    wanted = torch.autograd.grad(expected, [states, head.weight, head.bias])
    monkeypatch.setattr(vocabulary, "_CHUNK", chunk)
    loss, accuracy = vocabulary_loss(head, states, labels)
    found = torch.autograd.grad(loss, [states, head.weight, head.bias])
    assert accuracy.item() == pytest.approx((head(states).argmax(-1) == labels).double().mean().item())
    torch.testing.assert_close([loss, *found], [expected, *wanted], rtol=1e-10, atol=1e-12)


def test_scores_are_never_all_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_CHUNK", 300)
    sizes: list[int] = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            sizes.extend(tensor.numel() for tensor in tree_leaves(made) if isinstance(tensor, Tensor))
            return made

    head, states = nn.Linear(6, 100), torch.randn(50, 6, requires_grad=True)
    with Sizes():
        loss, _ = vocabulary_loss(head, states, torch.randint(100, (50,)))
        loss.backward()
    assert max(sizes) == 600, "the head's matrix is the largest there is; all scores are 5,000"


def test_a_piece_that_seems_impossible_costs_what_its_score_says() -> None:
    head = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[500.0], [0.0]]))
        loss, _ = vocabulary_loss(head, torch.ones(1, 1), torch.tensor([1]))
    assert loss.item() == pytest.approx(500)


def test_what_is_only_measured_makes_no_gradient() -> None:
    head, states, labels = nn.Linear(6, 100), torch.randn(5, 6), torch.randint(100, (5,))
    with torch.no_grad():
        loss, _ = vocabulary_loss(head, states, labels)
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(functional.cross_entropy(head(states), labels).item(), abs=1e-6)


def test_in_bf16_the_loss_and_the_sums_over_chunks_stay_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    head, states, labels = nn.Linear(32, 200, bias=False), torch.randn(400, 32), torch.randint(200, (400,))
    expected = torch.autograd.grad(functional.cross_entropy(head(states), labels), head.weight)[0]
    monkeypatch.setattr(vocabulary, "_CHUNK", 200 * 4)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = vocabulary_loss(head, states, labels)
    assert loss.dtype == torch.float32
    (gradient,) = torch.autograd.grad(loss, head.weight)
    # A hundred chunks summed in bf16 would be off by more than a hundredth.
    assert ((gradient - expected).norm() / expected.norm()).item() < 4e-3
