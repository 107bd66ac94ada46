"""The model card of a pretrained encoder: what it read, how long, with what settings, and its loss on held-out text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salin.evaluation.signature import installed_version
from salin.pretraining.curves import PretrainingLog
from salin.pretraining.fertility import Fertility
from salin.pretraining.run_cost import RunCost
from salin.pretraining.settings import PretrainingSettings
from salin.pretraining.store import TextStore
from salin.training.card import flat_settings, markdown_table

# Problems of the text that the card names; the store's description has all.
_NAMED = 20


def pretraining_card(
    settings: PretrainingSettings,
    store: TextStore,
    fertility: Mapping[str, Fertility],
    log: PretrainingLog,
    cost: RunCost,
    before: Mapping[str, Any],
    *,
    decodes: bool,
) -> str:
    """Writes the card as Markdown.

    Args:
        settings: The recipe.
        store: The text.
        fertility: Of the tokenizer, by language.
        log: Of the run.
        cost: Of the run.
        before: The loss on held-out text before the first step, by objective and language; empty for a new model.
        decodes: Whether it is a decoder.
    """
    random = "with random weights" + (" and embeddings from skip-gram" if settings.skipgram is not None else "")
    begun = f"It went on from {settings.base}." if settings.base else f"It began {random}."
    task = "text-generation" if decodes else "fill-mask"
    parts = [
        f"---\nlibrary_name: salin\npipeline_tag: {task}\n---",
        "# A language model pretrained by salin",
        f"{cost.parameters:,} parameters. {begun} It makes a tagger with `salin train --encoder FOLDER`.",
        "## How well",
        _losses(log, before),
        "## Data",
        markdown_table(
            [("text", "language", "lines", "held out", "characters", "pieces per word")],
            [
                (name, code, f"{about['lines']:,}", f"{about['held_out']:,}", f"{about['characters']:,}",
                 f"{fertility[code].pieces_per_word:.2f}" if code in fertility else "")
                for name in store.collections for code, about in store.counts(name).items()
            ],
        ),
        f"{_translations(settings)}SHA-256 of all sources: `{store.checksum}`. The licence of this text decides what "
        "may be done with the weights.",
        *_problems(store),
        "## Cost",
        markdown_table(
            [("objective", "tokens")],
            [(name.removesuffix("_tokens"), f"{count:,}") for name, count in cost.tokens.items() if name != "tokens"],
        ),
        cost.told(),
        "## Settings",
        markdown_table([("setting", "value")], flat_settings(settings.described())),
        f"Made with salin {installed_version('salin')}.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _losses(log: PretrainingLog, before: Mapping[str, Any]) -> str:
    if not log.languages:
        return "No text was held out: a language has to have a hundred lines for that."
    columns = [
        column
        for name, losses in sorted(log.languages.items())
        for column in ([(f"{name} before", before[name])] if name in before else []) + [(name, losses)]
    ]
    codes = sorted({code for losses in log.languages.values() for code in losses})
    rows = [(code, *(_shown(losses.get(code)) for _, losses in columns)) for code in codes]
    head = "language", *(name for name, _ in columns)
    return "Loss in nats on text that was not trained on:\n\n" + markdown_table([head], rows)


def _shown(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.3f}"


def _translations(settings: PretrainingSettings) -> str:
    sets = ", ".join(sorted(settings.text.sets))
    return f"Translations: {sets}. " if sets else ""


def _problems(store: TextStore) -> list[str]:
    """What was wrong with the text, as a part of the card where anything was."""
    problems: list[tuple[Any, ...]] = [(file["name"], told) for file in store.files for told in file["problems"]]
    if not problems:
        return []
    lines = [f"- {name}: {told}" for name, told in problems[:_NAMED]]
    more = [f"- and {len(problems) - _NAMED:,} more"] if len(problems) > _NAMED else []
    return ["What was left out or replaced:", "\n".join([*lines, *more])]
