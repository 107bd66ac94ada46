"""The pieces of a tokenizer that stand for no text."""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast

from salin.errors import SettingError


def padding_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """What fills a row behind its end.

    Raises:
        SettingError: When the tokenizer has no padding token.
    """
    return _first(tokenizer, "pad_token_id")


def hidden_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """What stands for a piece that is hidden: the mask, or where there is none the unknown piece, or the padding piece.

    Raises:
        SettingError: When the tokenizer has none of them.
    """
    return _first(tokenizer, "mask_token_id", "unk_token_id", "pad_token_id")


def empty_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """What stands for a word that the tokenizer leaves nothing of (a zero-width space alone).

    Raises:
        SettingError: When the tokenizer has no special token that could.
    """
    return _first(tokenizer, "unk_token_id", "mask_token_id", "eos_token_id", "pad_token_id")


def opening_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """What a row begins with.

    Raises:
        SettingError: When the tokenizer has neither a classification nor a beginning token.
    """
    return _first(tokenizer, "cls_token_id", "bos_token_id")


def closing_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """What stands behind a text.

    Raises:
        SettingError: When the tokenizer has neither a separator nor an end token.
    """
    return _first(tokenizer, "sep_token_id", "eos_token_id")


def _first(tokenizer: PreTrainedTokenizerFast, *names: str) -> int:
    for name in names:
        piece: object = getattr(tokenizer, name, None)
        if isinstance(piece, int):
            return piece
    raise SettingError(f"the tokenizer has none of: {', '.join(name.removesuffix('_id') for name in names)}")
