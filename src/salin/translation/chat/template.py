"""A conversation as the text that a model on this machine reads, by the chat template of its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from salin.translation.chat.conversation import Message, without_system

#: For models without a chat template: each message behind a mark of who speaks, a line for itself, and what ends a text
#: behind an answer. Such marks cannot stand in text that is fenced.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)


def prompt_text(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> str:
    """A conversation up to where the answer begins.

    Args:
        tokenizer: With a chat template.
        messages: The question last.
    """
    return _rendered(tokenizer, messages, answering=True)


def answer_text(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], answer: str) -> str:
    """What a model that gives an answer writes behind `prompt_text`: the answer, and what ends its turn.

    Args:
        tokenizer: With a chat template.
        messages: The question last.
        answer: What is said to it.
    """
    prompt, whole = prompt_text(tokenizer, messages), _rendered(tokenizer, (*messages, ("assistant", answer)))
    # A template may leave out of a finished turn what it begins a new one with: then the turn ends as a text does.
    behind = whole.removeprefix(prompt) if whole.startswith(prompt) else answer
    return behind if answer in behind and behind.strip() != answer else answer + str(tokenizer.eos_token or "")


def pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The pieces of a text that holds its special ones already."""
    return cast("list[int]", tokenizer(text, add_special_tokens=False)["input_ids"])


def _rendered(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], *, answering: bool = False) -> str:
    try:
        return _filled_in(tokenizer, messages, answering)
    except TemplateError:
        # Some templates know no system message.
        return _filled_in(tokenizer, without_system(messages), answering)


def _filled_in(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], answering: bool) -> str:
    conversation = [{"role": role, "content": text} for role, text in messages]
    return cast("str", tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=answering))
