"""Span JSONL: one object a line, a text with character or byte offsets, or tokens with tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Literal, TypeGuard

from salin.corpus.formats.source import BadSentence, Source
from salin.corpus.formats.spans import RawSpan, clean_spans
from salin.corpus.joining import join_tokens, writes_without_spaces
from salin.corpus.schemes import split_tag, tags_to_spans
from salin.corpus.sentence import Entity, Neighbour, Sentence
from salin.corpus.words import segment_words

Offsets = Literal["characters", "bytes"]

# Names that annotation tools and data sets use: spaCy, Prodigy, doccano (two versions), Label Studio, XTREME-UP.
_SPANS = ("entities", "spans", "label", "labels", "ents")
_TAGS = ("tags", "ner_tags", "labels")
_START = ("start", "start_offset", "start_char", "begin")
_END = ("end", "end_offset", "end_char")
_LABEL = ("label", "labels", "type", "entity", "entity_group", "tag")
_REMEDY = (
    'A line is {"text": ..., "entities": [{"start": 0, "end": 7, "label": "LOC"}]} or {"tokens": ..., "tags": ...}'
)


def read(source: Source, offsets: Offsets | None = None) -> Iterator[Sentence]:
    """Reads one sentence (or document) an object, lazily.

    Spans stand under `entities`, `spans`, `ents`, `label` or `labels`, as objects or as `[start, end, label]`; tokens
    under `tokens` with `tags` or `ner_tags` of any scheme. Words come from `words` (`[[start, end], ...]`, which
    [write][salin.corpus.formats.jsonl.write] adds where they are not the usual ones), or are found in the text and cut
    at the edges of entities.

    Args:
        source: The lines.
        offsets: What offsets count. None tells it per object: bytes under the keys `start_byte` and `limit_byte`, and
            where a span gives its text and only bytes fit it; else characters.

    Yields:
        A sentence with words and entities.

    Raises:
        DataError: As `source.on_error` says.
    """
    for number, line in source.lines():
        if not line.strip():
            continue
        try:
            source.check([number])
            yield _sentence(_parse(line, number, source), number, source, offsets)
        except BadSentence:
            continue


def _parse(line: str, number: int, source: Source) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        source.bad(f"not JSON: {error}", number, remedy="JSONL has one whole object a line")
        raise BadSentence from error
    if not _is_object(record):
        source.bad("not a JSON object", number, remedy=_REMEDY)
        raise BadSentence
    return _encodable(record, number, source) if "\\ud" in line.lower() else record


def _encodable(record: dict[str, Any], number: int, source: Source) -> dict[str, Any]:
    """JSON can escape half a surrogate pair, which is no character and cannot be written to any file."""
    dumped = json.dumps(record, ensure_ascii=False)
    whole = dumped.encode("utf-8", "replace").decode("utf-8")
    if whole == dumped:
        return record
    source.bad("half of a surrogate pair", number, repair="half of a surrogate pair read as ?")
    return json.loads(whole)


def _sentence(record: Mapping[str, Any], number: int, source: Source, offsets: Offsets | None) -> Sentence:
    origin = f"{source.name}:{number}"
    tokens = record.get("tokens")
    tags = next((record[key] for key in _TAGS if _is_strings(record.get(key)) or _is_numbers(record.get(key))), None)
    if _is_strings(tokens) and (tags is not None or not isinstance(record.get("text"), str)):
        return _from_tokens(tokens, tags, record.get("text"), number, source)
    text = record.get("text")
    if not isinstance(text, str):
        source.bad("there is no text and no list of tokens", number, remedy=_REMEDY)
        raise BadSentence
    raw: list[Any] = next((record[key] for key in _SPANS if _is_list(record.get(key))), list[Any]())
    spans = clean_spans([s for item in raw if (s := _span(item, number, source))], text, number, source, offsets)
    words = _words(record.get("words"), text, number, source)
    if words is None:
        words = segment_words(text, [edge for start, end, _ in spans for edge in (start, end)])
    return Sentence(text, words, tuple(Entity(s, e, text[s:e], label) for s, e, label in spans), origin=origin)


def _from_tokens(tokens: list[str], tags: Any, text: Any, number: int, source: Source) -> Sentence:
    if any(not token.strip() for token in tokens):
        source.bad("a token is empty", number)
    if _is_numbers(tags):
        source.bad(
            "the tags are numbers", number, remedy='Write their names, such as "B-PER"', repair="numbers read as O"
        )
        tags = None
    tags = list(tags) if tags else ["O"] * len(tokens)
    if len(tags) != len(tokens):
        repair = "missing tags read as O" if len(tags) < len(tokens) else ""
        source.bad(f"{len(tokens)} tokens but {len(tags)} tags", number, remedy="Give one tag a token", repair=repair)
        tags += ["O"] * (len(tokens) - len(tags))
    for position, tag in enumerate(tags):
        try:
            letter, label = split_tag(tag)
            if letter != "O" and not label:
                raise ValueError(f"the tag {tag!r} has no type")
        except ValueError as error:
            source.bad(str(error), number, remedy="A tag is O or such as B-PER", repair="an unknown tag read as O")
            tags[position] = "O"
    source.tags.append(tags)
    original = text if isinstance(text, str) else None
    joined, words = join_tokens(tokens, spaced=not writes_without_spaces(tokens), text=original)
    return Sentence(joined, words, origin=f"{source.name}:{number}").with_spans(tags_to_spans(tags))


def _span(item: Any, number: int, source: Source) -> RawSpan | None:
    """One span as it stands in the file; None where it is left out."""
    if _is_list(item) and len(item) >= 3:
        item = {"start": item[0], "end": item[1], "label": item[2]}
    if _is_object(item):
        in_bytes = "start_byte" in item
        start = item["start_byte"] if in_bytes else _first(item, _START)
        end = _first(item, ("limit_byte", "end_byte")) if in_bytes else _first(item, _END)
        label = _first(item, _LABEL)
        label = label[0] if _is_list(label) and label else label
        surface = item.get("text")
        if _is_offset(start) and _is_offset(end) and isinstance(label, str) and label.strip():
            return RawSpan(start, end, label.strip(), surface if isinstance(surface, str) else None, in_bytes)
    source.bad(
        f"not a span: {json.dumps(item, ensure_ascii=False)[:80]}",
        number,
        remedy='A span is {"start": 0, "end": 7, "label": "LOC"} or [0, 7, "LOC"]',
        repair="what is not a span left out",
    )
    return None


def _words(value: Any, text: str, number: int, source: Source) -> tuple[tuple[int, int], ...] | None:
    if value is None:
        return None
    position = 0
    words: list[tuple[int, int]] = []
    for item in value if _is_list(value) else [None]:
        if not (_is_list(item) and len(item) == 2 and all(map(_is_offset, item))):
            break
        if not position <= item[0] < item[1] <= len(text):
            break
        position = item[1]
        words.append((item[0], item[1]))
    else:
        return tuple(words)
    source.bad("the words are not [start, end] in order", number, repair="words found anew")
    return None


def write(sentences: Iterable[Sentence], file: IO[str]) -> int:
    """Writes `{"text", "entities": [{"start", "end", "text", "label", "score"}]}`, offsets in characters.

    `score` is left out where there is none. `words` is added where they are not those that reading would find, and
    `neighbours` where a tagger learned from any: `[{"text", "similarity", "entities"}]`, most similar first.

    Returns:
        How many sentences were written.
    """
    count = 0
    for sentence in sentences:
        record: dict[str, Any] = {"text": sentence.text, "entities": [_as_dict(e) for e in sentence.entities]}
        edges = [edge for e in sentence.entities for edge in (e.start, e.end)]
        if sentence.words != segment_words(sentence.text, edges):
            record["words"] = sentence.words
        if sentence.neighbours:
            record["neighbours"] = [_neighbour(neighbour) for neighbour in sentence.neighbours]
        file.write(_line(record))
        count += 1
    return count


def _line(record: Mapping[str, Any]) -> str:
    line = json.dumps(record, ensure_ascii=False)
    # Half of a surrogate pair can stand in JSON, escaped, but not in UTF-8.
    if not line.isascii() and any("\ud800" <= character <= "\udfff" for character in line):
        line = json.dumps(record)
    return line + "\n"


def _neighbour(neighbour: Neighbour) -> dict[str, Any]:
    sentence = neighbour.sentence
    similarity = round(neighbour.similarity, 6)
    return {"text": sentence.text, "similarity": similarity, "entities": [_as_dict(e) for e in sentence.entities]}


def _as_dict(entity: Entity) -> dict[str, Any]:
    record = {"start": entity.start, "end": entity.end, "text": entity.text, "label": entity.label}
    return record if entity.score is None else {**record, "score": round(entity.score, 6)}


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((record[key] for key in keys if key in record), None)


def _is_offset(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_strings(value: Any) -> TypeGuard[list[str]]:
    return _is_list(value) and bool(value) and all(isinstance(item, str) for item in value)


def _is_numbers(value: Any) -> TypeGuard[list[int]]:
    return _is_list(value) and bool(value) and all(_is_offset(item) for item in value)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
