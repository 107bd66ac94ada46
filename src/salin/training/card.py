"""The model card of a trained tagger: what it was made of, how, and how well it does on the data that chose it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from salin.corpus import Corpus
from salin.models import Tagger
from salin.values import is_object


def describe_data(corpora: Sequence[Corpus]) -> list[dict[str, Any]]:
    """Names, sizes and checksums of corpora, for a tagger's provenance."""
    return [
        {
            "name": corpus.name,
            "sentences": len(corpus),
            "entities": corpus.entity_count,
            "labels": list(corpus.labels),
            "sha256": corpus.checksum,
        }
        for corpus in corpora
    ]


def model_card(tagger: Tagger) -> str:
    """Writes the card from the tagger's own provenance, as Markdown.

    Args:
        tagger: With `method`, `data`, `dev`, `settings` and `figures` in its provenance.
    """
    made: Mapping[str, Any] = tagger.settings.provenance
    title = f"A tagger for {', '.join(tagger.labels)}, trained by salin ({made['method']})"
    figures: Mapping[str, float] = made["figures"]
    parts = [
        "---\nlibrary_name: salin\npipeline_tag: token-classification\n---",
        f"# {title}",
        "```python\nimport salin\n\ntagger = salin.Tagger.from_pretrained(\"this folder\")\n```",
        "## How well",
        f"F1 {100 * figures['f1']:.2f} on the development data at update {figures['step']:.0f}, strict entities, "
        f"tagged plainly. {'The loss on this data' if 'loss' in figures else 'This figure'} chose the checkpoint, so "
        "it is too high for new text, and it says nothing about any other language.",
        "## Data",
        markdown_table([("for", "name", "sentences", "entities", "labels", "SHA-256 of the content")], [
            *(_row("training", entry) for entry in made["data"]),
            *(_row("choice of the checkpoint", entry) for entry in made["dev"]),
        ]),
        "The licence of this data decides what may be done with the weights.",
        "## Settings",
        markdown_table([("setting", "value")], [("base", made["base"]), *flat_settings(made["settings"])]),
        f"Made with salin {made['salin']}.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _row(role: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    counts = f"{entry['sentences']:,}", f"{entry['entities']:,}"
    return role, str(entry["name"]), *counts, " ".join(entry["labels"]), f"`{entry['sha256']}`"


def flat_settings(settings: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Settings as rows of a table, those inside others as `loop.steps`."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if is_object(value):
            rows += flat_settings(value, f"{before}{name}.")
        else:
            rows.append((f"{before}{name}", str(value)))
    return rows


def markdown_table(head: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown.

    Args:
        head: One row.
        rows: The others, each of as many cells.
    """
    lines = [*head, ["---"] * len(head[0]), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
