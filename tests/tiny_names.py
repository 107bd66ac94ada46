"""A made-up language whose names are English ones in a cipher, and a tiny Llama that can only copy English names.

The language: consonants and vowels change places among themselves, and a name gets an ending that depends on its last
letter: `Tarok` is `Diferos`, `Talu` is `Dikan`. What the Llama has learned before is how a question is answered, and to
give the English name back: as small models do, for which nothing of a foreign sentence looks like `Tarok`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, normalizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from salin.training.loop import LoopSettings, fit
from salin.translation import Phrases
from salin.translation.chat import prompts
from salin.translation.chat.answers import write_phrases
from salin.translation.tuning.batches import AnswerBatches, answer_loss
from salin.translation.tuning.examples import ExampleMaker
from salin.translation.tuning.pairs import AlignedName, AlignedSentence
from tiny_chat import build_chat_tokenizer

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_CIPHER = str.maketrans(_CONSONANTS + _VOWELS, "pvtsrknmgfzdbl" + "iouea")
# English sentences and what they are in the language; names go where the numbers stand. Each word has a letter that no
# name has, so that it can be a piece of its own.
_FRAMES = (
    ("{0} saw {1} .", "{0} hora {1} ."),
    ("{0} went with {1} .", "wilu {0} cha {1} ."),
    ("why {1} watches {0}", "{1} yna {0} jem"),
)


def foreign(name: str) -> str:
    """What a name is in the language."""
    stem = name.lower().translate(_CIPHER).capitalize()
    return stem + ("n" if stem[-1] in _VOWELS else "os")


def names(count: int, seed: int) -> list[str]:
    """Different English names of four to six letters, in random order."""
    random = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        kinds = ("CVCV", "CVCVC", "VCVCV", "CVCVCV")[random.integers(4)]
        letters = [random.choice(list(_CONSONANTS if kind == "C" else _VOWELS)) for kind in kinds]
        found["".join(letters).capitalize()] = None
    return list(found)


@dataclass(frozen=True)
class NamedSentence:
    """A sentence with two names, of which one is asked for."""

    sentence: str
    translation: str
    english: str

    @property
    def original(self) -> str:
        return foreign(self.english)

    @property
    def question(self) -> Phrases:
        return Phrases(self.sentence, self.translation, (self.english,))

    def pair(self) -> str:
        """As a line of a file of pairs."""
        name = {"english": self.english, "original": self.original, "label": "PER"}
        return json.dumps({**name, "sentence": self.sentence, "translation": self.translation}) + "\n"


def named_sentences(known: Sequence[str], count: int, seed: int) -> list[NamedSentence]:
    """Sentences in which the names stand two by two."""
    random = np.random.default_rng(seed)
    found: list[NamedSentence] = []
    for _ in range(count):
        two = [known[int(place)] for place in random.choice(len(known), 2, replace=False)]
        english, other = _FRAMES[random.integers(len(_FRAMES))]
        sentence, translation = other.format(*map(foreign, two)), english.format(*two)
        found.append(NamedSentence(sentence, translation, two[int(random.integers(2))]))
    return found


def build_copying_model(folder: Path, *, steps: int = 600) -> Path:
    """Trains the Llama for some seconds to give English names back, and saves it as a hub would hold it."""
    tokenizer = _tokenizer()
    torch.manual_seed(1)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=512, pad_token_id=None,
            bos_token_id=None, eos_token_id=tokenizer.eos_token_id, tie_word_embeddings=False,
        )
    )  # fmt: skip
    copied = [
        AlignedSentence(one.sentence, (AlignedName(one.english, one.english, "PER"),), one.translation)
        for one in named_sentences(names(2000, seed=1), 4000, seed=1)
    ]
    make = ExampleMaker(tokenizer, [tokenizer.eos_token_id], ["PER"], None, 512)
    examples = [example for example in make(copied)[0] if example.task == "back"]
    batches = AnswerBatches(examples, 32, tokenizer.pad_token_id, 1)
    settings = LoopSettings(steps=steps, learning_rate=3e-3, weight_decay=0.0, log_every=100)
    fit(model, batches, answer_loss, settings)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    """Letters, and one piece for each stretch of a question that is always the same, so that questions are short."""
    marks = "\ue000", "\ue001", "\ue002"
    (_, system), (_, user) = prompts.back(*marks[:2], marks[2:], None)
    fixed = [*_stretches(user, marks), *_stretches(write_phrases([marks[0]]), marks)]
    words = sorted({word for pair in _FRAMES for text in pair for word in re.findall(r"\w{2,}", text)})
    # What the fence says is another word in each question, and nothing to learn.
    fence = normalizers.Replace(Regex("TEXT-[0-9a-f]{16}"), "TEXT")
    return build_chat_tokenizer(whole=[system, *fixed, *words], normalizer=fence)


def _stretches(text: str, marks: Sequence[str]) -> list[str]:
    return [part for part in re.split("[" + "".join(marks) + "]", re.sub("TEXT-[0-9a-f]{16}", "TEXT", text)) if part]
