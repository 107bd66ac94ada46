"""Presets: the published sizes, small encoders, and a recipe's own numbers in their place."""

from __future__ import annotations

import json

import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from salin.models.loading import is_decoder, load_tokenizer, resolve
from salin.pretraining.presets import PRESETS, ModelSettings, build
from tiny_models import build_tokenizer

SPECIAL = {"pad_token": "0", "cls_token": "1", "sep_token": "2", "mask_token": "3", "unk_token": "4"}


def tokenizer_of(pieces: int) -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({str(number): number for number in range(pieces)}, unk_token="4"))
    return PreTrainedTokenizerFast(tokenizer_object=words, **SPECIAL)


@pytest.fixture(scope="module")
def published_vocabulary() -> PreTrainedTokenizerFast:
    return tokenizer_of(50_304)


@pytest.mark.parametrize(
    ("preset", "hidden", "millions"),
    [
        ("decoder-tiny", 96, 11.28),
        ("decoder-small", 384, 64.6),
        ("decoder-medium", 768, 181.1),
        ("decoder-large", 1536, 569.8),
    ],
)
def test_published_decoders_have_the_published_sizes(
    preset: str, hidden: int, millions: float, published_vocabulary: PreTrainedTokenizerFast
) -> None:
    with torch.device("meta"):
        model = build(preset, published_vocabulary)
    count = model.num_parameters()
    assert count / 1e6 == pytest.approx(millions, rel=5e-4)
    # SPECS 2.1: embeddings and output, then in each block attention, SwiGLU and two norms; one norm at the end.
    assert count == 2 * 50_304 * hidden + 12 * (8 * hidden**2 // 3 + 12 * hidden**2 + 2 * hidden) + hidden


def test_published_decoders_are_built_as_published(published_vocabulary: PreTrainedTokenizerFast) -> None:
    with torch.device("meta"):
        model = build("decoder-tiny", published_vocabulary)
    config = model.config
    assert (config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads) == (12, 12, 4)
    assert (config.rms_norm_eps, config.max_position_embeddings) == (1e-6, 2048)
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 1e4}
    assert not [name for name, _ in model.named_parameters() if name.endswith("bias")]
    assert model.get_input_embeddings().weight is not model.get_output_embeddings().weight


def test_salin_tiny_is_the_size_of_the_bundled_encoder() -> None:
    folder = resolve("salin-tiny-encoder")
    bundled = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        config = build("salin-tiny", load_tokenizer(folder)).config.to_dict()
    differing = {name for name in bundled if bundled[name] != config.get(name)}
    assert differing <= {"dtype", "architectures", "transformers_version", "_name_or_path"}


@pytest.mark.parametrize("preset", ["encoder-cpu", "bert-tiny", "salin-tiny", "decoder-cpu"])
def test_small_presets_score_the_vocabulary(preset: str) -> None:
    tokenizer = build_tokenizer("bytelevel")
    model = build(ModelSettings(preset=preset, layers=2, hidden=48, feed_forward=48), tokenizer)  # type: ignore[call-arg]
    ids = torch.randint(5, 100, (2, 7))
    assert model(input_ids=ids).logits.shape == (2, 7, len(tokenizer))
    assert model.config.pad_token_id == tokenizer.pad_token_id


@pytest.mark.parametrize(
    ("architecture", "sees_the_right"),
    [("bert", True), ("electra", True), ("modernbert", True), ("llama", False)],
)
def test_only_decoders_are_blind_to_what_follows(architecture: str, sees_the_right: bool) -> None:
    sizes = {"vocabulary": 99, "hidden": 8, "layers": 2, "heads": 2, "feed_forward": 8, "positions": 9}
    settings = ModelSettings.model_validate({"architecture": architecture, **sizes})
    model = build(settings, build_tokenizer("bytelevel")).eval()
    assert is_decoder(model.config) is not sees_the_right
    one, other = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[5, 6, 7, 9]])
    first, second = (model.base_model(input_ids=ids).last_hidden_state[:, :3] for ids in (one, other))
    assert torch.allclose(first, second) is not sees_the_right


def test_sizes_of_a_preset_are_replaced_one_by_one() -> None:
    settings = ModelSettings.model_validate({"preset": "encoder-cpu", "layers": 3, "dropout": 0.1})
    given = {"preset": "encoder-cpu", "layers": 3, "dropout": 0.1}
    assert settings.model_dump() == {**PRESETS["encoder-cpu"], **given, "key_value_heads": None, "embedding": None}


def test_factorised_embeddings_store_less_of_each_piece() -> None:
    tokenizer = build_tokenizer("bytelevel")
    sizes = {"architecture": "electra", "vocabulary": 99, "hidden": 16, "layers": 1, "heads": 2}
    settings = ModelSettings.model_validate({**sizes, "embedding": 4, "feed_forward": 8, "positions": 9})
    model = build(settings, tokenizer)
    stored = model.get_input_embeddings().weight
    assert stored.shape == (len(tokenizer), 4)
    assert model.get_output_embeddings().weight is stored
    assert model.base_model(input_ids=torch.tensor([[5, 6]])).last_hidden_state.shape == (1, 2, 16)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"preset": "decoder-huge"}, "there is no preset 'decoder-huge'; there are: decoder-tiny"),
        ({"preset": "salin-tiny", "hidden": 257}, "257 cannot be divided among 4 heads"),
        ({"preset": "salin-tiny", "key_value_heads": 2}, "4 heads of modernbert cannot share 2"),
        ({"preset": "decoder-tiny", "dropout": 0.1}, "llama has no dropout"),
        ({"preset": "salin-tiny", "embedding": 64}, "embeddings of modernbert are as large as hidden"),
        ({"hidden": 8}, "vocabulary"),
    ],
)
def test_what_makes_no_model_is_named(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ModelSettings.model_validate(given)
