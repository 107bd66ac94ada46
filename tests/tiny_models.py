"""Tiny tokenizers and randomly initialised models of the architectures that salin is tested on, made in seconds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    ElectraConfig,
    ElectraModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

TEXT = [
    "Ginebra, 23 de mayo (EFECOM).",
    "The premier of the Netherlands met Maria Sousa in Lisbon on Friday.",
    "Si Juan dela Cruz miadto sa Sugbo kagahapon.",
    "中国总理访问德国。",
    "De minister-president sprak met Reuters over de begroting van 2024.",
    "Ajax won with 2-1 from PSV in Eindhoven, said coach Jan de Vries.",
] * 4
TOKENIZERS = ("wordpiece", "bpe", "bytelevel", "unigram")
ARCHITECTURES = ("bert", "electra", "xlm-roberta", "deberta-v2", "modernbert", "albert", "llama")
_SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
_OF_ARCHITECTURE = {
    "bert": "wordpiece",
    "electra": "wordpiece",
    "xlm-roberta": "unigram",
    "deberta-v2": "unigram",
    "modernbert": "bytelevel",
    "albert": "unigram",
    "llama": "bpe",
}


def _pieces(special: list[str]) -> dict[str, int]:
    """A WordPiece vocabulary of the text's characters, words, and parts of words."""
    words = sorted({word for line in TEXT for word in re.findall(r"\w+|[^\w\s]", line)})
    characters = sorted({character for word in words for character in word})
    pieces = [*special, *characters, *(f"##{character}" for character in characters), *words]
    pieces += [piece for word in words for piece in (word[:3], f"##{word[3:6]}") if word[3:6]]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _in_order(tokenizer: Tokenizer, special: list[str]) -> models.Unigram:
    """The pieces that were found, in an order and with scores that are the same in each run."""
    found = json.loads(tokenizer.to_str())["model"]["vocab"]
    pieces = {piece: round(score, 2) for piece, score in found}
    ordered = [*special, *sorted(piece for piece in pieces if piece not in special)]
    return models.Unigram([(piece, pieces[piece]) for piece in ordered], special.index("<unk>"), False)


def build_tokenizer(kind: str, *, specials_around: bool = True) -> PreTrainedTokenizerFast:
    """Trains one of `TOKENIZERS` on `TEXT`."""
    special = list(_SPECIAL.values())
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(_pieces(special), unk_token="<unk>"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = None  # its trainer breaks ties at random, so that each run of the tests would have other pieces
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    elif kind == "bytelevel":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=340, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    if trainer is not None:
        tokenizer.train_from_iterator(TEXT, trainer)
    if kind == "unigram":
        tokenizer.model = _in_order(tokenizer, special)
    if specials_around:
        ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_SPECIAL)


def build_model(architecture: str, folder: Path, *, layers: int = 3, positions: int = 64) -> Path:
    """Saves a random encoder or decoder with its tokenizer, without dropout, as a hub would hold it."""
    torch.manual_seed(7)
    tokenizer = build_tokenizer(_OF_ARCHITECTURE[architecture], specials_around=architecture != "llama")
    size = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "pad_token_id": tokenizer.pad_token_id,
        # Weights as large as trained ones, so that a step moves something.
        "initializer_range": 0.3,
    }
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "max_position_embeddings": positions}
    if architecture == "bert":
        model = BertModel(BertConfig(**size, **still))
    elif architecture == "electra":
        model = ElectraModel(ElectraConfig(**size, **still, embedding_size=8))
    elif architecture == "xlm-roberta":
        model = XLMRobertaModel(XLMRobertaConfig(**size, **{**still, "max_position_embeddings": positions + 6}))
    elif architecture == "deberta-v2":
        # The options of mDeBERTa-v3: relative positions in both directions through the layers' own projections.
        model = DebertaV2Model(
            DebertaV2Config(
                **size, **still, relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"],
                share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0,
                max_relative_positions=-1,
            )
        )  # fmt: skip
    elif architecture == "modernbert":
        tokens = {f"{name}_token_id": tokenizer.pad_token_id for name in ("cls", "sep", "bos", "eos")}
        model = ModernBertModel(
            ModernBertConfig(
                **size, **tokens, global_attn_every_n_layers=2, local_attention=8, max_position_embeddings=positions
            )
        )
    elif architecture == "albert":
        model = AlbertModel(AlbertConfig(**size, **still, embedding_size=8))
    else:
        model = LlamaModel(LlamaConfig(**size, num_key_value_heads=1, max_position_embeddings=positions))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_decoder(architecture: str, folder: Path) -> Path:
    """Saves a random `llama` or `gpt2` with its output layer, as a hub would hold it.

    That of Llama is a layer of its own, and its tokenizer begins each text with a piece; GPT-2's is the embeddings.
    """
    torch.manual_seed(7)
    tokenizer = build_tokenizer("bpe" if architecture == "llama" else "bytelevel", specials_around=False)
    tokenizer.bos_token, tokenizer.eos_token = "<s>", "</s>"
    for name in ("unk_token", "cls_token", "sep_token", "mask_token"):
        setattr(tokenizer, name, None)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    if architecture == "llama":
        first = [("<s>", tokenizer.bos_token_id)]
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=first
        )
        model = LlamaForCausalLM(
            LlamaConfig(
                **ends, vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                intermediate_size=32, num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=False,
            )
        )  # fmt: skip
    else:
        model = GPT2LMHeadModel(
            GPT2Config(**ends, vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2, n_positions=64)
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
