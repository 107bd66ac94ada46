"""Annotation in JSONL: what cannot be understood is refused, never passed over; bytes are told from characters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Corpus, Entity, Sentence, iter_sentences, read, segment_words
from salin.corpus.formats import jsonl
from salin.corpus.formats.source import Source
from salin.errors import DataError

File = Callable[..., Path]
ANA = {"start": 0, "end": 3, "label": "PER"}


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(*records: dict[str, Any], name: str = "a.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        return path

    return make


def entities(corpus: Corpus) -> list[tuple[int, int, str, str]]:
    return [(e.start, e.end, e.text, e.label) for sentence in corpus for e in sentence.entities]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "Ana va", "entities": {"PER": [[0, 3]]}}, 'what stands under "entities" is not a list of spans'),
        ({"text": "Ana va", "entities": "Ana=PER"}, 'what stands under "entities" is not a list of spans'),
        ({"text": "Ana va", "label": "news"}, 'what stands under "label" is not a list of spans'),
        ({"text": "Ana va", "labels": ["PER", "O"]}, "not a span: \"PER\""),
        ({"text": "Ana va", "annotations": [{"result": []}]}, "not a span: "),
        ({"text": "Ana va", "named_entities": [ANA]}, 'what stands under "named_entities" looks like annotation'),
        ({"tokens": ["Ana", "va"], "bio": ["B-PER", "O"]}, 'what stands under "bio" looks like annotation'),
        ({"tokens": ["Ana", "va"], "spans": [ANA]}, 'there are spans under "spans" and no text'),
        ({"text": "Ana va", "entities": [ANA], "spans": [[4, 6, "X"]]}, 'under "entities" and under "spans"'),
        (
            {"text": "Ana va", "tokens": ["Ana", "va"], "tags": ["O", "O"], "spans": [ANA]},
            'there is annotation under "tags" and under "spans". Keep one of them',
        ),
        ({"text": "Ana va", "spans": [ANA], "answer": "reject"}, 'the annotator\'s answer is "reject"'),
        ({"text": "Ana, va", "tokens": ["Ana", "va"], "tags": ["B-PER", "O"]}, "the text is not its tokens"),
        ({"text": "Ana va", "words": [[0, 6]], "entities": [ANA]}, "an entity does not begin and end with a word"),
        ({"text": "Ana va", "words": [[0, 3]], "entities": [ANA]}, "the words are not .* only white space between"),
    ],
)  # fmt: skip
def test_annotation_is_never_passed_over(file: File, record: dict[str, Any], message: str) -> None:
    path = file({"text": "good"}, record)
    with pytest.raises(DataError, match=rf"a.jsonl:2: .*{message}"):
        read(path)
    assert [sentence.text for sentence in read(path, on_error="skip")] == ["good"]


@pytest.mark.parametrize(
    "record",
    [
        {"text": "Ana va", "entities": [], "spans": [ANA]},
        {"text": "Ana va", "entities": [ANA], "ents": [ANA]},
        {"text": "Ana va", "annotations": [ANA]},
        {"text": "Ana va", "entities": [ANA], "label": "news", "labels": ["news", "short"]},
        {"text": "Ana va", "spans": [ANA], "answer": "accept", "tokens": [{"text": "Ana", "start": 0, "end": 3}]},
        {"text": "Ana va", "ents": [ANA], "tokens": [{"start": 0, "end": 3, "tag": "NNP"}], "sents": [[0, 6]]},
        {"text": "Ana va", "words": [[0, 3], [4, 6]], "entities": None, "spans": [ANA]},
        {"tokens": ["Ana", "va"], "label": ["B-PER", "O"]},
        {"tokens": ["Ana", "va"], "tags": ["NNP", "VB"], "ner_tags": ["B-PER", "O"]},
    ],
)
def test_what_can_be_understood_is_read(file: File, record: dict[str, Any]) -> None:
    corpus = read(file(record))
    assert corpus[0].text == "Ana va"
    assert corpus[0].tokens == ["Ana", "va"]
    assert entities(corpus) == [(0, 3, "Ana", "PER")]


def test_no_annotation_is_no_error(file: File) -> None:
    corpus = read(file({"text": "a"}, {"text": "b", "entities": []}, {"text": "c", "label": None}, {"tokens": ["d"]}))
    assert [sentence.text for sentence in corpus] == ["a", "b", "c", "d"]


def test_repair_says_that_it_replaced_a_text_or_cut_words(file: File) -> None:
    corpus = read(
        file(
            {"text": "Ana, va", "tokens": ["Ana", "va"], "tags": ["B-PER", "O"]},
            {"text": "Ana lives", "words": [[0, 9]], "entities": [ANA]},
        ),
        on_error="repair",
    )
    assert corpus[1].words == ((0, 3), (3, 9))
    assert corpus.notes == (
        "repaired 1: a text that is not its tokens made of them (first at line 1)",
        "repaired 1: words cut at the edges of entities (first at line 2)",
    )


def test_text_to_be_tagged_may_hold_any_annotation(file: File) -> None:
    """It is not read, so nothing can be wrong with it, and no word is cut where it says that an entity ends."""
    path = file(
        {"text": "anti-Berlin", "entities": [[5, 11, "LOC"]]},
        {"text": "Ana va", "entities": "Ana=PER", "id": 7},
        {"tokens": ["Ana", "va"], "tags": [3, 4]},
        {"text": "Ana va", "spans": [[0, 99, "PER"]], "answer": "reject"},
    )
    sentences = list(iter_sentences(path, labelled=False))
    assert [sentence.tokens for sentence in sentences] == [["anti-Berlin"], *[["Ana", "va"]] * 3]
    assert not any(sentence.entities for sentence in sentences)


def test_what_else_an_object_says_is_kept(file: File) -> None:
    record = {"id": 7, "text": "Ana", "meta": {"page": 3}, "entities": [ANA], "neighbours": [], "words": [[0, 3]]}
    for labelled in (True, False):
        (sentence,) = iter_sentences(file(record), labelled=labelled)
        assert sentence.extra == {"id": 7, "meta": {"page": 3}}


# Bytes.
def test_bytes_without_a_sign_are_told_by_what_fits(file: File) -> None:
    """As characters this span would be `visitó Á`: repair must not make gold of that."""
    text = "José visitó Ávila."
    record = {"text": text, "entities": [[14, 20, "LOC"]]}
    message = (
        r"a.jsonl:1: the spans fit the text if their offsets count UTF-8 bytes, not if they count characters. "
        r"Say that they do \(--offsets bytes, or offsets='bytes' in Python\)"
    )
    with pytest.raises(DataError, match=message):
        read(file(record))
    assert [s.text for s in read(file(record, {"text": "good"}), on_error="repair")] == ["good"]
    assert entities(read(file(record), offsets="bytes")) == [(12, 17, "Ávila", "LOC")]


TEXTS = st.lists(
    st.sampled_from(["a", "É", "e\u0301", "北京", "👩‍👩‍👧", "שלום", "\u200b", "ไทย", " ", "\n", "🇵🇭"])
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=12,
).map("".join)


@given(text=TEXTS, data=st.data())
def test_byte_offsets_are_read_as_the_characters_that_they_mean(text: str, data: st.DataObject) -> None:
    edges = data.draw(st.lists(st.integers(0, len(text)), unique=True, max_size=6).map(sorted))
    spans = [(s, e) for s, e in zip(edges[::2], edges[1::2], strict=False) if text[s:e] == text[s:e].strip()]
    in_bytes = [[len(text[:edge].encode()) for edge in span] for span in spans]
    expected = Sentence(
        text,
        segment_words(text, [edge for span in spans for edge in span]),
        tuple(Entity(s, e, text[s:e], "X") for s, e in spans),
    )
    plain = {"text": text, "entities": [[s, e, "X"] for s, e in in_bytes]}
    named = {"text": text, "spans": [{"start_byte": s, "limit_byte": e, "label": "X"} for s, e in in_bytes]}
    with_surface = {
        "text": text,
        "entities": [
            {"start": b[0], "end": b[1], "label": "X", "text": text[s:e]}
            for b, (s, e) in zip(in_bytes, spans, strict=True)
        ],
    }
    for record, offsets in ((plain, "bytes"), (named, None), (with_surface, "bytes")):
        (found,) = jsonl.read(Source([json.dumps(record).encode()], "a"), offsets)
        assert (found.text, found.words, found.entities) == (text, expected.words, expected.entities)
