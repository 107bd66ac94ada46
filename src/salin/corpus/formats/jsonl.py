"""Span JSONL: one object a line, a text with character or byte offsets, or tokens with tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import IO, Any, Literal

from salin.corpus.formats.annotation import (
    NO_ANNOTATION,
    Annotation,
    annotation_of,
    is_offset,
    is_strings,
    rest_of,
)
from salin.corpus.formats.source import BadSentence, Source
from salin.corpus.formats.spans import byte_offsets, clean_spans
from salin.corpus.joining import join_tokens, writes_without_spaces
from salin.corpus.schemes import split_tag, tags_to_spans
from salin.corpus.sentence import Entity, Sentence
from salin.corpus.words import cut_words, segment_words
from salin.values import is_list, is_object

Offsets = Literal["characters", "bytes"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_REMEDY = (
    'A line is {"text": ..., "entities": [{"start": 0, "end": 7, "label": "LOC"}]} or {"tokens": ..., "tags": ...}'
)


def read(source: Source, offsets: Offsets | None = None, *, labelled: bool = True) -> Iterator[Sentence]:
    """Reads one sentence (or document) an object, lazily.

    Spans stand under `entities`, `spans`, `ents`, `annotations`, `label` or `labels`, as objects or as
    `[start, end, label]`; tokens under `tokens` with `tags`, `ner_tags`, `label` or `labels` of any scheme. What looks
    like annotation and cannot be understood is a bad line. Words come from `words` (`[[start, end], ...]`, in
    characters, which [write][salin.corpus.formats.jsonl.write] adds where they are not the usual ones), or are found
    in the text and cut at the edges of entities. All other keys are kept in the sentence's `extra`.

    Args:
        source: The lines.
        offsets: What offsets count. None tells it per object: bytes under the keys `start_byte` and `limit_byte`, and
            where a span gives its text and only bytes fit it; else characters.
        labelled: False for text to be tagged: no spans or tags are read.

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
            record = _parse(line, number, source)
            annotation = annotation_of(record, number, source) if labelled else NO_ANNOTATION
            sentence = _sentence(record, annotation, number, source, offsets)
            yield replace(sentence, origin=f"{source.name}:{number}", extra=rest_of(record))
        except BadSentence:
            continue


def _parse(line: str, number: int, source: Source) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        source.bad(f"not JSON: {error}", number, remedy="JSONL has one whole object a line")
        raise BadSentence from error
    if not is_object(record):
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


def _sentence(
    record: Mapping[str, Any], annotation: Annotation, number: int, source: Source, offsets: Offsets | None
) -> Sentence:
    tokens, text = record.get("tokens"), record.get("text")
    if is_strings(tokens) and (annotation.tags is not None or not isinstance(text, str)):
        return _from_tokens(tokens, annotation.tags, text, number, source)
    if not isinstance(text, str):
        source.bad("there is no text and no list of tokens", number, remedy=_REMEDY)
        raise BadSentence
    spans = clean_spans(annotation.spans, text, number, source, offsets)
    words = _words(
        record.get("words"), text, [edge for start, end, _ in spans for edge in (start, end)], number, source
    )
    return Sentence(text, words, tuple(Entity(s, e, text[s:e], label) for s, e, label in spans))


def _from_tokens(
    tokens: list[str], tags: list[str] | list[int] | None, text: Any, number: int, source: Source
) -> Sentence:
    if any(not token.strip() for token in tokens):
        source.bad("a token is empty", number)
    names = _tag_names(tags, len(tokens), number, source)
    original = text if isinstance(text, str) else None
    joined, words = join_tokens(tokens, spaced=not writes_without_spaces(tokens), text=original)
    if original is not None and joined != original:
        source.bad(
            "the text is not its tokens with white space between them",
            number,
            remedy="Give tokens as they stand in the text, or leave the text out",
            repair="a text that is not its tokens made of them",
        )
    sentence = Sentence(joined, words)
    if names is None:
        return sentence
    source.tags.append(names)
    return sentence.with_spans(tags_to_spans(names))


def _tag_names(tags: list[str] | list[int] | None, length: int, number: int, source: Source) -> list[str] | None:
    """One sound tag a token; None where there are none."""
    if tags is None:
        return None
    names = [tag for tag in tags if isinstance(tag, str)]
    if len(names) < len(tags):
        source.bad(
            "the tags are numbers", number, remedy='Write their names, such as "B-PER"', repair="numbers read as O"
        )
        names = ["O"] * length
    if len(names) != length:
        repair = "missing tags read as O" if len(names) < length else ""
        source.bad(f"{length} tokens but {len(names)} tags", number, remedy="Give one tag a token", repair=repair)
        names += ["O"] * (length - len(names))
    for position, tag in enumerate(names):
        try:
            letter, label = split_tag(tag)
            if letter != "O" and not label:
                raise ValueError(f"the tag {tag!r} has no type")
        except ValueError as error:
            source.bad(str(error), number, remedy="A tag is O or such as B-PER", repair="an unknown tag read as O")
            names[position] = "O"
    return names


def _words(value: Any, text: str, edges: list[int], number: int, source: Source) -> tuple[tuple[int, int], ...]:
    """The words that the object gives, or else those of the text, cut at the edges of entities."""
    if value is None:
        return segment_words(text, edges)
    given = _given_words(value, text)
    if given is None:
        source.bad(
            "the words are not [start, end] in order, with only white space between", number, repair="words found anew"
        )
        return segment_words(text, edges)
    words = cut_words(given, edges)
    if words != given:
        source.bad(
            "an entity does not begin and end with a word",
            number,
            remedy="Leave the words out to have them found and cut",
            repair="words cut at the edges of entities",
        )
    return words


def _given_words(value: Any, text: str) -> tuple[tuple[int, int], ...] | None:
    if not is_list(value):
        return None
    position, words = 0, list[tuple[int, int]]()
    for item in value:
        if not (is_list(item) and len(item) == 2 and is_offset(item[0]) and is_offset(item[1])):
            return None
        start, end = item
        if not position <= start < end <= len(text) or text[position:start].strip():
            return None
        position = end
        words.append((start, end))
    return None if text[position:].strip() else tuple(words)


def write(sentences: Iterable[Sentence], file: IO[str], offsets: Offsets = "characters") -> int:
    """Writes `{"text", "entities": [{"start", "end", "text", "label", "score"}], "origin"}`.

    Offsets in bytes (of UTF-8) stand under `start_byte` and `limit_byte`, so that they are never taken for characters.
    `score` is left out where there is none, and so is `origin` (file and line). `words` is added where they are not
    those that reading would find, `neighbours` where a tagger learned from any
    (`[{"text", "similarity", "entities"}]`, most similar first), and what the sentence has as `extra`: the `id` and
    `meta` of the object that it was read from, or its `offset` in a text.

    Returns:
        How many sentences were written.
    """
    count = 0
    for sentence in sentences:
        file.write(_line(as_record(sentence, offsets)))
        count += 1
    return count


def as_record(sentence: Sentence, offsets: Offsets = "characters") -> dict[str, Any]:
    """The object that [write][salin.corpus.formats.jsonl.write] makes a line of."""
    record: dict[str, Any] = {"text": sentence.text, "entities": _entities(sentence, offsets)}
    edges = [edge for e in sentence.entities for edge in (e.start, e.end)]
    if sentence.words != segment_words(sentence.text, edges):
        record["words"] = sentence.words
    if sentence.neighbours:
        record["neighbours"] = [
            {
                "text": neighbour.sentence.text,
                "similarity": round(neighbour.similarity, 6),
                "entities": _entities(neighbour.sentence, offsets),
            }
            for neighbour in sentence.neighbours
        ]
    # What was written and read again keeps its first origin, where its `offset` counts.
    origin = {"origin": sentence.origin} if sentence.origin else {}
    return {**record, **origin, **sentence.extra, **record}


def _line(record: Mapping[str, Any]) -> str:
    line = json.dumps(record, ensure_ascii=False)
    # Half of a surrogate pair can stand in JSON, escaped, but not in UTF-8.
    if not line.isascii() and _SURROGATE.search(line):
        line = json.dumps(record)
    return line + "\n"


def _entities(sentence: Sentence, offsets: Offsets) -> list[dict[str, Any]]:
    in_bytes = offsets == "bytes"
    start, end = ("start_byte", "limit_byte") if in_bytes else ("start", "end")
    place = byte_offsets(sentence.text) if in_bytes else range(len(sentence.text) + 1)
    return [
        {start: place[e.start], end: place[e.end], "text": e.text, "label": e.label}
        | ({} if e.score is None else {"score": round(e.score, 6)})
        for e in sentence.entities
    ]
