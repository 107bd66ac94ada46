"""What a JSON object says of entities, under the keys of many tools: spans or tags, of which none is passed over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeGuard

from salin.corpus.formats.layout import is_tag
from salin.corpus.formats.source import BadSentence, Source
from salin.corpus.formats.spans import RawSpan
from salin.values import is_list, is_object

# Names that annotation tools and data sets use: spaCy, Prodigy, doccano (two versions), Label Studio, XTREME-UP.
_SPANS = ("entities", "spans", "ents", "annotations", "label", "labels")
_TAGS = ("ner_tags", "tags", "labels", "label")
# Tools for classification give a label to the whole text.
_OFTEN_OF_THE_TEXT = ("label", "labels")
_START = ("start", "start_offset", "start_char", "begin")
_END = ("end", "end_offset", "end_char")
_LABEL = ("label", "labels", "type", "entity", "entity_group", "tag")
_REMEDY = (
    'A span is {"start": 0, "end": 7, "label": "LOC"} or [0, 7, "LOC"], and spans stand in a list under "entities"'
)
_READ = {"text", "tokens", "words", "neighbours", *_SPANS, *_TAGS}


class Annotation(NamedTuple):
    """What stands in a file.

    Attributes:
        spans: In the order of the file.
        tags: One a token, as names or as numbers; None where there are none.
    """

    spans: list[RawSpan]
    tags: list[str] | list[int] | None


NO_ANNOTATION = Annotation([], None)


def annotation_of(record: Mapping[str, Any], number: int, source: Source) -> Annotation:
    """Finds spans or tags in an object.

    Args:
        record: The object.
        number: Its line.
        source: What to do where something that looks like annotation cannot be understood.

    Raises:
        DataError: As `source.on_error` says.
    """
    if record.get("answer") in ("reject", "ignore"):
        source.bad(f'the annotator\'s answer is "{record["answer"]}"', number, remedy="Export what was accepted alone")
    tokens = record.get("tokens")
    tags_key = next((key for key in _TAGS if is_strings(tokens) and _is_tags(record.get(key))), None)
    spans = _spans_of(record, tags_key)
    keys = [*([tags_key] if tags_key else []), *spans]
    if len(keys) > 1:
        source.bad(f'there is annotation under "{keys[0]}" and under "{keys[1]}"', number, remedy="Keep one of them")
    if not record.keys() & {*_SPANS, *_TAGS} and (
        unknown := [k for k in rest_of(record) if _looks_like(record[k], tokens)]
    ):
        source.bad(f'what stands under "{unknown[0]}" looks like annotation, but is not read', number, remedy=_REMEDY)
    if not spans:
        return Annotation([], record[tags_key] if tags_key else None)
    key, value = next(iter(spans.items()))
    if not is_list(value):
        source.bad(f'what stands under "{key}" is not a list of spans', number, remedy=_REMEDY)
        raise BadSentence
    if not isinstance(record.get("text"), str):
        source.bad(f'there are spans under "{key}" and no text', number, remedy="Add the text that they count in")
    return Annotation([span for item in value if (span := _span(item, number, source))], None)


def _spans_of(record: Mapping[str, Any], tags_key: str | None) -> dict[str, Any]:
    """What stands under the keys of spans; the same under two keys is given once."""
    filled = {key: record[key] for key in _SPANS if key != tags_key and record.get(key) not in (None, [], {}, "")}
    of_entities = {k: v for k, v in filled.items() if k not in _OFTEN_OF_THE_TEXT or _holds_spans(v)}
    spans = of_entities or ({} if tags_key else filled)
    different = any(value != other for value, other in pairwise(spans.values()))
    return spans if different else dict(list(spans.items())[:1])


def rest_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What an object says beside its text and annotation, such as `id` and `meta`."""
    return {key: value for key, value in record.items() if key not in _READ}


def _span(item: Any, number: int, source: Source) -> RawSpan | None:
    """One span as it stands in the file; None where it is left out."""
    span = _as_span(item)
    if span is None:
        found = json.dumps(item, ensure_ascii=False)[:80]
        source.bad(f"not a span: {found}", number, remedy=_REMEDY, repair="what is not a span left out")
    return span


def _as_span(item: Any) -> RawSpan | None:
    if is_list(item) and len(item) >= 3:
        item = {"start": item[0], "end": item[1], "label": item[2]}
    if not is_object(item):
        return None
    in_bytes = "start_byte" in item
    start = item["start_byte"] if in_bytes else _first(item, _START)
    end = _first(item, ("limit_byte", "end_byte")) if in_bytes else _first(item, _END)
    label = _first(item, _LABEL)
    label = label[0] if is_list(label) and label else label
    surface = item.get("text")
    if is_offset(start) and is_offset(end) and isinstance(label, str) and label.strip():
        return RawSpan(start, end, label.strip(), surface if isinstance(surface, str) else None, in_bytes)
    return None


def _holds_spans(value: Any) -> bool:
    return is_list(value) and any(is_object(item) or is_list(item) for item in value)


def _looks_like(value: Any, tokens: Any) -> bool:
    """Whether this would be annotation under another key."""
    if not is_list(value) or not value:
        return False
    as_tags = is_strings(value) and is_list(tokens) and len(value) == len(tokens) and all(map(is_tag, value))
    return as_tags or all(_as_span(item) is not None for item in value)


def _is_tags(value: Any) -> bool:
    return is_strings(value) or (is_list(value) and bool(value) and all(is_offset(item) for item in value))


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((record[key] for key in keys if key in record), None)


def is_offset(value: Any) -> TypeGuard[int]:
    """Whether this is a whole number (in JSON, `true` is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_strings(value: Any) -> TypeGuard[list[str]]:
    """Whether this is a list of strings with something in it."""
    return is_list(value) and bool(value) and all(isinstance(item, str) for item in value)
