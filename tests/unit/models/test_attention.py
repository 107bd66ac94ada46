"""Plain attention, with which models train in bf16: what torch's fused attention gives, in less time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, PreTrainedModel

from salin.models.attention import PLAIN, training_attention


def network(folder: Path) -> PreTrainedModel:
    torch.manual_seed(2)
    return AutoModel.from_pretrained(folder).train()


def states(model: PreTrainedModel) -> torch.Tensor:
    """Of one full row and one that is half padding."""
    ids = torch.arange(2 * 24).view(2, 24) % 90 + 5
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0
    return model(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]


@pytest.mark.parametrize("architecture", ["bert", "electra", "xlm-roberta", "modernbert", "llama"])
def test_it_gives_the_same_states_and_gradients(model_folder: Callable[[str], Path], architecture: str) -> None:
    found: list[tuple[torch.Tensor, ...]] = []
    for precision in ("fp32", "bf16"):  # what chooses the implementation; both are computed in fp32 here
        model = network(model_folder(architecture))
        with training_attention(model, 128, precision):
            assert (model.config._attn_implementation == PLAIN) is (precision == "bf16")
            result = states(model)
        result.backward(torch.randn(result.shape, generator=torch.Generator().manual_seed(1)))
        embeddings = model.get_input_embeddings().weight.grad
        assert isinstance(embeddings, torch.Tensor)
        found.append((result.detach(), embeddings))
    (fused, of_fused), (plain, of_plain) = found
    assert torch.allclose(fused, plain, atol=1e-5)
    assert torch.allclose(of_fused, of_plain, rtol=1e-3, atol=1e-4)


def test_padding_outside_of_a_sliding_window_gives_no_nan(model_folder: Callable[[str], Path]) -> None:
    """A padded place far from the last word sees nothing at all."""
    model = network(model_folder("modernbert"))
    ids = torch.arange(2 * 200).view(2, 200) % 90 + 5
    mask = torch.ones_like(ids)
    mask[1, 3:] = 0
    with training_attention(model, 200, "bf16"), torch.autocast("cpu", torch.bfloat16):
        found = model(input_ids=ids, attention_mask=mask).last_hidden_state
    found.float()[mask.bool()].sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
    assert bool(found.isfinite().all())


def test_dropout_falls_on_its_weights(model_folder: Callable[[str], Path]) -> None:
    model = network(model_folder("bert"))
    for layer in model.encoder.layer:
        layer.attention.self.dropout.p = 0.5
    with training_attention(model, 128, "bf16"):
        first, again = states(model).detach(), states(model).detach()
        model.eval()
        assert torch.equal(states(model), states(model))
    assert not torch.allclose(first, again)


@pytest.mark.parametrize(("length", "precision"), [(128, "fp32"), (512, "bf16")])
def test_elsewhere_a_model_keeps_what_it_has(model_folder: Callable[[str], Path], length: int, precision: str) -> None:
    model = network(model_folder("bert"))
    before = model.config._attn_implementation
    with training_attention(model, length, precision):
        assert model.config._attn_implementation == before


def test_afterwards_it_is_as_before(model_folder: Callable[[str], Path]) -> None:
    model = network(model_folder("bert"))
    before = model.config._attn_implementation
    with pytest.raises(RuntimeError), training_attention(model, 128, "bf16"):
        raise RuntimeError
    assert model.config._attn_implementation == before
