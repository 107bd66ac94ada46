"""How well a tokenizer fits each language: into how many pieces it cuts a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from salin.corpus import segment_words
from salin.evaluation.figures import BLUE, new_figure
from salin.pretraining.text import PlainText

# Of a language with nothing held out, so many lines of training text stand in.
_LINES = 200


@dataclass(frozen=True, slots=True)
class Fertility:
    """Counts of one language.

    Attributes:
        words: As salin's taggers see them: one for each Han character, for instance.
        pieces: That the tokenizer cuts them into.
        held_out: Whether the text is such that the tokenizer was not trained on it.
    """

    words: int
    pieces: int
    held_out: bool

    @property
    def pieces_per_word(self) -> float:
        """At least 1 for a tokenizer that cuts words; 1 is best."""
        return self.pieces / self.words if self.words else 0.0


def measure_fertility(
    tokenizer: PreTrainedTokenizerFast, plain: PlainText, held_out: Mapping[str, PlainText]
) -> dict[str, Fertility]:
    """Pieces per word of each language, on held-out text wherever there is some.

    Args:
        tokenizer: A trained one.
        plain: The text, for its languages.
        held_out: What was held out of each.
    """
    measured: dict[str, Fertility] = {}
    for language in plain.languages:
        held = held_out.get(language)
        lines = (held or plain).lines[language]
        words = pieces = 0
        for line in islice(lines, None if held else _LINES):
            words += len(segment_words(line))
            pieces += len(tokenizer(line, add_special_tokens=False, verbose=False)["input_ids"])
        measured[language] = Fertility(words, pieces, held is not None)
    return measured


def plot_fertility(measured: Mapping[str, Fertility], file: Path) -> None:
    """Draws one bar a language.

    Raises:
        SettingError: When matplotlib is not installed.
    """
    ordered = sorted(measured, key=lambda language: -measured[language].pieces_per_word)
    with new_figure(file, 5, 0.8 + 0.18 * len(ordered)) as figure:
        panel = figure.subplots()
        values = [measured[language].pieces_per_word for language in ordered]
        panel.barh(np.arange(len(ordered)), values, color=BLUE, height=0.7)
        panel.set_yticks(np.arange(len(ordered)), ordered)
        panel.grid(axis="x")
        panel.set_xlabel("pieces per word")
