"""The card of a fine-tuned language model: of what it was made, how, and how well it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salin.training.card import flat_settings, markdown_table

_COLUMNS = ("file", "names", "sentences", "translated", "sha256")
_TASKS = {"back": "bring names back", "forward": "translate and list names"}


def tuning_card(
    description: Mapping[str, Any],
    *,
    figures: Mapping[str, Any],
    before: Mapping[str, Any],
    examples: Mapping[str, int],
    held_out: Mapping[str, int],
) -> str:
    """Writes the card as Markdown.

    Args:
        description: `base`, `pairs`, `settings` and `salin`.
        figures: Of the chosen checkpoint on what was held out: `loss`, `exact` by task, `step`.
        before: The same without training.
        examples: How many of each task it was trained on.
        held_out: How many of each task chose the checkpoint.
    """
    parts = [
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\n---",
        "# A language model that brings names back, fine-tuned by salin",
        f"It began as {description['base']}; the matrices that were trained are merged into its weights. Use it with "
        "`salin translate --with transformers:FOLDER`.",
        "## How well",
        markdown_table(
            [("question", "trained on", "held out", "word for word before", "word for word now")],
            [
                (_TASKS[task], f"{examples.get(task, 0):,}", f"{count:,}",
                 _percent(before["exact"][task]), _percent(figures["exact"][task]))
                for task, count in held_out.items()
            ],
        ),
        "Per cent of the questions about pairs that were held out, whose names it was not trained on. The loss of "
        f"their answers went from {before['loss']:.3f} to {figures['loss']:.3f} nats a piece. It chose the checkpoint "
        f"(update {figures['step']:.0f}), so these figures are a little too high for new text. A translation that "
        "differs from the one in the pairs counts as wrong here.",
        "## Data",
        markdown_table(
            [("pairs", "names", "sentences", "with a translation", "SHA-256 of the file")],
            [tuple(_shown(description["pairs"][key]) for key in _COLUMNS)],
        ),
        "The licences of the base model and of the pairs decide what may be done with the weights. Text of Wikipedia "
        "is under CC BY-SA 4.0.",
        "## Settings",
        markdown_table([("setting", "value")], flat_settings(description["settings"])),
        f"Made with salin {description['salin']}.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
