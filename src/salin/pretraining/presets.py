"""Sizes of language models by name, and the models themselves with fresh weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field, model_validator
from transformers import (
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from salin.encoding import closing_piece, opening_piece, padding_piece
from salin.settings import AsBefore, StrictSettings

Architecture = Literal["bert", "electra", "modernbert", "llama"]


def _decoder(hidden: int, vocabulary: int = 50_304, positions: int = 2048) -> dict[str, Any]:
    """Africa et al. 2025: 12 blocks of 12 heads, each three of which share keys and values (SPECS 2.1)."""
    return {
        "architecture": "llama", "vocabulary": vocabulary, "hidden": hidden, "layers": 12, "heads": 12,
        "key_value_heads": 4, "feed_forward": 4 * hidden, "positions": positions,
    }  # fmt: skip


def _encoder(
    architecture: Architecture, vocabulary: int, hidden: int, layers: int, feed_forward: int
) -> dict[str, Any]:
    return {
        "architecture": architecture, "vocabulary": vocabulary, "hidden": hidden, "layers": layers, "heads": 4,
        "feed_forward": feed_forward, "positions": 128,
    }  # fmt: skip


#: The published decoders; `*-cpu`, which stand in for the smallest of them where there is no GPU; small encoders.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "decoder-tiny": _decoder(96),
    "decoder-small": _decoder(384),
    "decoder-medium": _decoder(768),
    "decoder-large": _decoder(1536),
    "decoder-cpu": _decoder(96, vocabulary=16_000, positions=128),
    "encoder-cpu": _encoder("bert", 16_000, 96, 6, 384),
    "bert-tiny": _encoder("bert", 20_000, 256, 4, 1024),
    # A gated layer has three matrices where a plain one has two: as many parameters a block as in bert-tiny.
    "salin-tiny": _encoder("modernbert", 20_000, 256, 5, 704),
}


class ModelSettings(StrictSettings):
    """The kind and the size of a language model: all of it, or a preset and what differs from it.

    Attributes:
        preset: Whose sizes hold where none is given.
        architecture: `bert`, `electra` and `modernbert` are encoders, `llama` is a decoder (RMSNorm, rotary positions,
            SwiGLU, no biases, embeddings of its own for the output). Blocks of `electra` are those of `bert`.
        vocabulary: Pieces of the tokenizer that is trained.
        hidden: The size of a piece's vector in the blocks.
        embedding: The size of what is stored for each piece of the vocabulary, which a layer brings to `hidden`:
            factorised embeddings, so that a large vocabulary costs little; `electra` alone. None is `hidden`.
        layers: Blocks.
        heads: Attention heads of a block.
        key_value_heads: How many of them have keys and values of their own; `llama` alone. None is all.
        feed_forward: The inner size of a block's feed-forward layer; for gated ones of each of its halves.
        positions: The longest row.
        dropout: Of hidden states and of attention; `llama` has none.
    """

    preset: str | None = None
    architecture: Architecture = "bert"
    vocabulary: int = Field(gt=0)
    hidden: int = Field(gt=0)
    embedding: Annotated[int | None, AsBefore(None)] = Field(None, gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_value_heads: int | None = Field(None, gt=0)
    feed_forward: int = Field(gt=0)
    positions: int = Field(gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _over_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        settings = cast(dict[str, Any], given)
        name = settings.get("preset")
        if name is None:
            return settings
        if name not in PRESETS:
            raise ValueError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
        return {**PRESETS[name], **settings}

    @model_validator(mode="after")
    def _fits(self) -> ModelSettings:
        if self.hidden % self.heads:
            raise ValueError(f"hidden = {self.hidden} cannot be divided among {self.heads} heads")
        shared = self.key_value_heads
        if shared is not None and (self.architecture != "llama" or self.heads % shared):
            raise ValueError(f"{self.heads} heads of {self.architecture} cannot share {shared} keys and values")
        if self.embedding is not None and self.architecture != "electra":
            raise ValueError(f"embeddings of {self.architecture} are as large as hidden; those of electra need not be")
        if self.dropout and self.architecture == "llama":
            raise ValueError("llama has no dropout")
        return self

    @property
    def embedding_size(self) -> int:
        """The size of what is stored for a piece."""
        return self.embedding or self.hidden


def build(settings: ModelSettings | str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A language model with its head and fresh weights, drawn from torch's random numbers.

    Args:
        settings: Its kind and size, or the name of a preset.
        tokenizer: Its pieces are the vocabulary, however many the settings asked for.

    Returns:
        A `*ForMaskedLM`, or a `LlamaForCausalLM`.
    """
    if isinstance(settings, str):
        settings = ModelSettings.model_validate({"preset": settings})
    size: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": settings.hidden,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.feed_forward,
        "max_position_embeddings": settings.positions,
        "pad_token_id": padding_piece(tokenizer),
    }
    # Else a config has the numbers of the vocabulary that its kind of model was first made for.
    ends: dict[str, Any] = {"bos_token_id": opening_piece(tokenizer), "eos_token_id": closing_piece(tokenizer)}
    match settings.architecture:
        case "bert":
            return BertForMaskedLM(BertConfig(**size, **_dropout_of_bert(settings), type_vocab_size=1))
        case "electra":
            factors: dict[str, Any] = {"embedding_size": settings.embedding_size, "type_vocab_size": 1}
            return ElectraForMaskedLM(ElectraConfig(**size, **_dropout_of_bert(settings), **factors))
        case "modernbert":
            names = "embedding_dropout", "attention_dropout", "mlp_dropout"
            size |= dict.fromkeys(names, settings.dropout)
            return ModernBertForMaskedLM(
                ModernBertConfig(**size, **ends, cls_token_id=ends["bos_token_id"], sep_token_id=ends["eos_token_id"])
            )
        case "llama":
            shared = settings.key_value_heads or settings.heads
            return LlamaForCausalLM(
                LlamaConfig(
                    **size, **ends, num_key_value_heads=shared, head_dim=settings.hidden // settings.heads,
                    rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1e4},
                    tie_word_embeddings=False, use_cache=False,
                )
            )  # fmt: skip


def _dropout_of_bert(settings: ModelSettings) -> dict[str, Any]:
    return dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), settings.dropout)
