"""Training of a tokenizer on bytes, BPE or unigram, that reads words and running text alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TokenizerKind = Literal["bpe", "unigram"]
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
# Characters of scripts that are written without spaces stand alone, as they do in salin's words.
_ALONE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_PUNCTUATION = r"[^\p{L}\p{M}\p{N}\s]"


def train_tokenizer(
    lines: Iterable[str], vocabulary: int, *, max_length: int = 128, kind: TokenizerKind = "bpe"
) -> PreTrainedTokenizerFast:
    """Trains a tokenizer whose pieces, made of bytes, never cross a space, a punctuation mark or a Han character.

    Every such pre-token is marked as a beginning, so that the same characters give the same pieces whether they come
    as running text, as words (`is_split_into_words`) or without spaces between them.

    Args:
        lines: The text.
        vocabulary: The number of pieces, the 256 bytes and the special ones included.
        max_length: The longest input of the model to come, in pieces.
        kind: `"bpe"` merges the most frequent pairs (Sennrich et al. 2016); `"unigram"` keeps the pieces that make the
            text most probable (Kudo 2018).
    """
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = list(SPECIAL.values())
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=alphabet,
            unk_token=SPECIAL["unk_token"],
            show_progress=False,
        )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(f"{_ALONE}|{_PUNCTUATION}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainer)
    cls, sep = (
        (SPECIAL["cls_token"], tokenizer.token_to_id("[CLS]")),
        (SPECIAL["sep_token"], tokenizer.token_to_id("[SEP]")),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[cls, sep]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **SPECIAL)
