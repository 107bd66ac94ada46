"""Label maps: `MISC=O,GPE=LOC` renames entity types, or drops them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from salin.errors import SettingError

#: What a label is mapped to so that its entities are dropped.
OUTSIDE = "O"


def parse_label_map(text: str, known: Iterable[str] | None = None) -> dict[str, str]:
    """Reads a label map from the command line.

    Args:
        text: `"MISC=O,GPE=LOC"`; `O` drops the entities of a type.
        known: The labels that exist, where that is known.

    Returns:
        From each label named to its new label.

    Raises:
        SettingError: When the text is not a label map, a label stands twice, or is none of `known`.
    """
    mapping: dict[str, str] = {}
    for part in text.split(","):
        old, equals, new = (piece.strip() for piece in part.partition("="))
        if not (old and equals and new):
            raise SettingError(f"{part.strip()!r} is not a label map. Write OLD=NEW,OLD=NEW; NEW is O to drop a label")
        if old in mapping:
            raise SettingError(f"the label map names {old!r} twice")
        mapping[old] = new
    if known is not None:
        check_label_map(mapping, known)
    return mapping


def check_label_map(mapping: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuses a map of labels that do not exist.

    Dropping a label that a corpus does not have is allowed, so that one map serves several corpora, unless the name
    looks like a slip for one that it has.

    Raises:
        SettingError: With the nearest existing label.
    """
    labels = sorted(set(known))
    for old, new in mapping.items():
        if old in labels:
            continue
        by_case = {label.lower(): label for label in labels}
        near = [by_case[match] for match in get_close_matches(old.lower(), by_case, n=1)]
        if new == OUTSIDE and not near:
            continue
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise SettingError(f"there is no label {old!r}{hint} The labels are {', '.join(labels) or 'none'}")


def dropping(labels: Iterable[str]) -> str:
    """The label map, as text, that drops these."""
    return ",".join(f"{label}={OUTSIDE}" for label in labels)


def map_label(label: str, mapping: Mapping[str, str]) -> str | None:
    """The new label, or None where its entities are dropped."""
    new = mapping.get(label, label)
    return None if new == OUTSIDE else new
