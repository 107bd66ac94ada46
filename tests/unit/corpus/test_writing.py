"""What is written is read back the same; what cannot be written leaves nothing behind."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salin.corpus import Corpus, Entity, Sentence, read, segment_words, write
from salin.errors import DataError, SettingError

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")
PIECES = st.sampled_from(
    ["Ana", "[x]", "\\", "#", "北京", "e\u0301", "👩‍👩‍👧", "שלום", "\u200b", "\r\n", " ", "\t", "\u2028", '"', "]("]
)
LABELS = st.sampled_from(["PER", "LOC", "work-of-art", "Ü"])


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    """Any text with entities anywhere in it, as a JSONL file may hold."""
    text = draw(st.lists(PIECES | CHARACTERS, min_size=1, max_size=12).map("".join).filter(str.strip))
    edges = draw(st.lists(st.integers(0, len(text)), unique=True, max_size=6).map(sorted))
    spans = [(s, e) for s, e in zip(edges[::2], edges[1::2], strict=False) if text[s:e] == text[s:e].strip()]
    entities = tuple(Entity(s, e, text[s:e], draw(LABELS)) for s, e in spans)
    return Sentence(text, segment_words(text, [edge for span in spans for edge in span]), entities)


@st.composite
def tagged_tokens(draw: st.DrawFn) -> Sentence:
    """Tokens as a CoNLL file may hold them."""
    token = st.text(CHARACTERS.filter(lambda c: not c.isspace()), min_size=1, max_size=6).filter(
        lambda t: not t.startswith("-DOCSTART-")
    )
    tokens = draw(st.lists(token | st.sampled_from(["#", "1", "\u00a0", "O"]), min_size=1, max_size=8))
    tags = draw(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-x-y"]), min_size=len(tokens), max_size=len(tokens)))
    return Sentence.from_tokens(tokens, tags)


def round_trip(batch: list[Sentence], path: Path, format: str) -> Corpus:
    # Through a stream, since a path is synced to the disk each time.
    stream = io.StringIO()
    assert write(batch, stream, format) == len(batch)
    path.write_bytes(stream.getvalue().encode())
    return read(path, format=format)


def content(corpus: Corpus) -> list[tuple[object, ...]]:
    return [(s.text, s.words, s.entities) for s in corpus]


@pytest.mark.parametrize("format", ["jsonl", "inline"])
@given(batch=st.lists(sentences(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_formats_round_trip(tmp_path: Path, format: str, batch: list[Sentence]) -> None:
    corpus = round_trip(batch, tmp_path / f"a.{format}", format)
    assert content(corpus) == content(Corpus(tuple(batch)))
    assert corpus.checksum == Corpus(tuple(batch)).checksum


@given(batch=st.lists(tagged_tokens(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_conll_round_trips_words_and_tags(tmp_path: Path, batch: list[Sentence]) -> None:
    corpus = round_trip(batch, tmp_path / "a.conll", "conll")
    assert [(s.tokens, s.tags()) for s in corpus] == [(s.tokens, s.tags()) for s in batch]


@given(batch=st.lists(tagged_tokens(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_jsonl_keeps_foreign_words(tmp_path: Path, batch: list[Sentence]) -> None:
    if all(e.text == e.text.strip() for s in batch for e in s.entities):
        corpus = round_trip(batch, tmp_path / "a.jsonl", "jsonl")
        assert content(corpus) == content(Corpus(tuple(batch)))


def test_each_format_by_example() -> None:
    sentence = Sentence.from_tokens(["Ana", "[", "Río", "]"], ["B-PER", "O", "B-LOC", "O"])
    expected = {
        "conll": "Ana\tB-PER\n[\tO\nRío\tB-LOC\n]\tO\n\n",
        "inline": "[Ana](PER) \\[ [Río](LOC) \\]\n",
        "text": "[Ana](PER) [ [Río](LOC) ]\n",
        "jsonl": '{"text": "Ana [ Río ]", "entities": [{"start": 0, "end": 3, "text": "Ana", "label": "PER"}, '
        '{"start": 6, "end": 9, "text": "Río", "label": "LOC"}]}\n',
    }
    for format, line in expected.items():
        stream = io.StringIO()
        assert write([sentence], stream, format) == 1
        assert stream.getvalue() == line


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_packed_files_are_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    write([Sentence.from_tokens(["Ana"], ["B-PER"])], path, "jsonl")
    assert read(path)[0].entities[0].text == "Ana"


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("old", "utf-8")
    off_word = Sentence("Berliner", ((0, 8),), (Entity(0, 6, "Berlin", "LOC"),))
    with pytest.raises(DataError, match=r"does not begin and end with a word. Cut its words there"):
        write([Sentence.from_tokens(["ok"]), off_word], path, "conll")
    with pytest.raises(DataError, match=r"the word 'a.tb' of .* cannot stand in a CoNLL file. Write JSONL instead"):
        write([Sentence("a\tb", ((0, 3),))], path, "conll")
    with pytest.raises(DataError, match=r"the label 'A\)' cannot stand in a mark"):
        write([Sentence("ab", ((0, 2),), (Entity(0, 2, "ab", "A)"),))], path, "inline")
    with pytest.raises(SettingError, match="no format 'xml'"):
        write([], path, "xml")  # type: ignore[arg-type]
    assert path.read_text("utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.conll"]
