"""A causal language model on this machine: its chat template, greedy, several conversations at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from salin.errors import ModelError
from salin.models.checksum import folder_checksum
from salin.models.loading import load_language_model, load_tokenizer, quiet, resolve
from salin.translation.chat.conversation import Reply, Request, readable
from salin.translation.chat.template import pieces, prompt_text
from salin.translation.translator import Usage
from salin.values import is_list

TOO_LONG = "longer than the model's context"


class LocalChat:
    """A model and its tokenizer.

    Args:
        model: A decoder that writes text.
        tokenizer: Its tokenizer, with a chat template.
        identity: What tells its answers from another model's.
        batch: How many conversations go through it at once.

    Attributes:
        identity: As given.
        usage: What it has cost so far.

    Raises:
        ModelError: When there is no chat template.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, identity: str, *, batch: int = 8):
        if not tokenizer.chat_template:
            raise ModelError(f"{tokenizer.name_or_path}: no chat template, so it is no chat model. Name another")
        self.identity, self.usage = identity, Usage()
        self._model, self._tokenizer, self._batch = model, tokenizer, batch
        self._context = context_of(model)
        self._ends = end_tokens(model, tokenizer)

    @classmethod
    def from_pretrained(cls, name: str, *, batch: int = 8) -> LocalChat:
        """Loads a folder or a Hugging Face id, of which no code is ever run.

        Args:
            name: The folder or id.
            batch: How many conversations go through the model at once.

        Raises:
            ModelError: When there is no such model, it is unsafe or damaged, or has no chat template.
        """
        folder = resolve(name)
        model, tokenizer = load_language_model(folder), load_tokenizer(folder, for_words=False)
        if torch.cuda.is_available():
            model.to("cuda")  # pyright: ignore[reportArgumentType]: its own stubs hide what Module.to takes
        return cls(model, tokenizer, f"transformers {folder_checksum(folder)}", batch=batch)

    def ask(self, requests: Sequence[Request], answered: Callable[[int, Reply], None]) -> None:
        """Asks in batches of conversations of like length.

        Args:
            requests: Independent calls. Schemas are not enforced: the prompts say what form the answer has.
            answered: Called with the number of a request as soon as there is a reply, once for each.
        """
        prompts = [pieces(self._tokenizer, prompt_text(self._tokenizer, request.messages)) for request in requests]
        fitting: list[int] = []
        for number, prompt in enumerate(prompts):
            if len(prompt) + requests[number].max_tokens <= self._context:
                fitting.append(number)
            else:
                answered(number, Reply(None, TOO_LONG))
        # Greatest length of the answer first, since a batch shares it; then like length, since rows are padded.
        fitting.sort(key=lambda number: (requests[number].max_tokens, len(prompts[number])))
        for start in range(0, len(fitting), self._batch):
            numbers = fitting[start : start + self._batch]
            length = max(requests[number].max_tokens for number in numbers)
            written = self._write([prompts[number] for number in numbers], length)
            for number, tokens in zip(numbers, written, strict=True):
                most = requests[number].max_tokens
                answered(number, self._reply(tokens[:most], most, sent=len(prompts[number])))

    @torch.inference_mode()
    def _write(self, prompts: Sequence[list[int]], length: int) -> list[list[int]]:
        """What the model writes behind each prompt, without what pads it."""
        width, device, pad = max(map(len, prompts)), self._model.device, self._ends[0]
        ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
        # Made anew: the folder's own would sample, at the temperature that its makers like.
        config = GenerationConfig(do_sample=False, max_new_tokens=length, eos_token_id=self._ends, pad_token_id=pad)
        generate = cast(Any, self._model).generate
        with quiet():
            written = generate(input_ids=ids, attention_mask=mask, generation_config=config)[:, width:].tolist()
        self.usage.calls += len(prompts)
        self.usage.prompt_tokens += sum(map(len, prompts))
        return written

    def _reply(self, tokens: list[int], max_tokens: int, sent: int) -> Reply:
        ended = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        received = len(tokens) if ended is None else ended + 1
        self.usage.completion_tokens += received
        text = cast("str", self._tokenizer.decode(tokens[:ended], skip_special_tokens=True))
        return Reply(readable(text), cut=ended is None and len(tokens) >= max_tokens, tokens=(sent, received))


def context_of(model: PreTrainedModel) -> int:
    """How many pieces a model reads, its own answer among them."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or 2**31)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens that end an answer: a model may have several.

    Raises:
        ModelError: When none does.
    """
    values: list[Any] = [tokenizer.eos_token_id, getattr(model.generation_config, "eos_token_id", None)]
    ends = [end for value in values for end in (value if is_list(value) else [value]) if isinstance(end, int)]
    if not ends:
        raise ModelError(f"{tokenizer.name_or_path}: no token ends its answers. Add eos_token to its tokenizer")
    return list(dict.fromkeys(ends))
