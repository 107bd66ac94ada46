"""A chat model that is made in milliseconds and always gives the same answer, through its weights and no trick.

Its layers add nothing, so that each piece alone decides the next: after the mark of the assistant's turn comes one
piece that holds the whole answer, and then the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ANSWER = (
    '{"translation": "It rains in Lisbon.", '
    '"entities": [{"original": "Lisboa", "translated": "Lisbon", "label": "LOC"}], '
    '"phrases": [{"number": 1, "original": "Lisboa"}]}'
)
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_MARKS = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")


def build_chat_tokenizer(
    template: str | None = TEMPLATE,
    *,
    whole: Sequence[str] = (ANSWER,),
    normalizer: normalizers.Normalizer | None = None,
) -> PreTrainedTokenizerFast:
    """Bytes, the marks of turns, and one piece for each text that is to stay whole, as the answer is."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: number for number, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in _MARKS])
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_tokens([AddedToken(text) for text in whole])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    fast.chat_template = template
    return fast


def build_chat_model(
    folder: Path, *, template: str | None = TEMPLATE, random: bool = False, positions: int = 8192
) -> Path:
    """Saves the model and its tokenizer as a hub would hold them.

    Args:
        folder: Where to.
        template: The chat template, if any.
        random: Whether its weights are random instead, so that what it writes depends on all that it reads.
        positions: Its context.
    """
    torch.manual_seed(3)
    tokenizer = build_chat_tokenizer(template)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=positions, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None, pad_token_id=tokenizer.pad_token_id, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    # As many folders of chat models say.
    model.generation_config.do_sample, model.generation_config.temperature = True, 5.0
    if not random:
        _always_answer(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@torch.no_grad()
def _always_answer(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    assistant, answer, end = (tokenizer.convert_tokens_to_ids(piece) for piece in ("<|assistant|>", ANSWER, "<|end|>"))
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    pieces, outputs = model.model.embed_tokens.weight.zero_(), model.lm_head.weight.zero_()
    pieces[:, 2] = 1
    pieces[[assistant, answer], 2] = 0
    pieces[assistant, 0] = pieces[answer, 1] = 1
    outputs[answer, 0] = outputs[end, 1] = 10
