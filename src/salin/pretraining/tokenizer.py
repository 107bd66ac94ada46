"""Training of a byte-level BPE tokenizer that reads words and running text alike."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

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


def train_tokenizer(lines: Iterable[str], vocabulary: int, *, max_length: int = 128) -> PreTrainedTokenizerFast:
    """Trains byte-level BPE whose pieces never cross a space, a punctuation mark or a Han character.

    Every such pre-token is marked as a beginning, so that the same characters give the same pieces whether they come
    as running text, as words (`is_split_into_words`) or without spaces between them.

    Args:
        lines: The text.
        vocabulary: The number of pieces, the 256 bytes and the special ones included.
        max_length: The longest input of the model to come, in pieces.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(f"{_ALONE}|{_PUNCTUATION}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    cls, sep = (
        (SPECIAL["cls_token"], tokenizer.token_to_id("[CLS]")),
        (SPECIAL["sep_token"], tokenizer.token_to_id("[SEP]")),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[cls, sep]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **SPECIAL)
