"""What is written is read back the same; what cannot be written leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salin.corpus import SCHEMES, Corpus, Entity, Sentence, iter_sentences, read, segment_words, write
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


def round_trip(batch: list[Sentence], path: Path, format: Any, **settings: Any) -> Corpus:
    # Through a stream, since a path is synced to the disk each time.
    stream = io.StringIO()
    assert write(batch, stream, format, **settings) == len(batch)
    path.write_bytes(stream.getvalue().encode())
    return read(path, format={"conllu": "conll", "uner": "conll"}.get(format, format))


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


@pytest.mark.parametrize("scheme", [None, *SCHEMES])
@pytest.mark.parametrize("format", ["conll", "conllu", "uner"])
@given(batch=st.lists(tagged_tokens(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_formats_with_columns_round_trip_in_every_scheme(
    tmp_path: Path, format: str, scheme: str | None, batch: list[Sentence]
) -> None:
    corpus = round_trip(batch, tmp_path / "a.conll", format, scheme=scheme)
    assert [(s.tokens, s.tags()) for s in corpus] == [(s.tokens, s.tags()) for s in batch]


@pytest.mark.parametrize("format", ["conllu", "uner"])
@given(batch=st.lists(sentences(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_conllu_keeps_the_text_but_for_line_breaks(tmp_path: Path, format: str, batch: list[Sentence]) -> None:
    corpus = round_trip(batch, tmp_path / "a.conllu", format)
    expected = [on_one_line(sentence.text).strip() for sentence in batch]
    assert [s.text for s in corpus] == expected
    assert [s.tokens for s in corpus] == [s.tokens for s in batch]
    assert [[(e.text, e.label) for e in s.entities] for s in corpus] == [
        [(on_one_line(e.text), e.label) for e in s.entities] for s in batch
    ]


def on_one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


@given(batch=st.lists(sentences(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_round_trip(tmp_path: Path, batch: list[Sentence]) -> None:
    corpus = round_trip(batch, tmp_path / "a.jsonl", "jsonl", offsets="bytes")
    assert content(corpus) == content(Corpus(tuple(batch)))


def test_each_format_by_example() -> None:
    sentence = Sentence.from_tokens(["Ana", "[", "Río", "]"], ["B-PER", "O", "B-LOC", "O"])
    expected = {
        "conll": "Ana\tB-PER\n[\tO\nRío\tB-LOC\n]\tO\n\n",
        "uner": "# sent_id = 1\n# text = Ana [ Río ]\n"
        "1\tAna\tB-PER\t-\t-\n2\t[\tO\t-\t-\n3\tRío\tB-LOC\t-\t-\n4\t]\tO\t-\t-\n\n",
        "inline": "[Ana](PER) \\[ [Río](LOC) \\]\n",
        "text": "[Ana](PER) [ [Río](LOC) ]\n",
        "jsonl": '{"text": "Ana [ Río ]", "entities": [{"start": 0, "end": 3, "text": "Ana", "label": "PER"}, '
        '{"start": 6, "end": 9, "text": "Río", "label": "LOC"}]}\n',
    }
    for format, line in expected.items():
        stream = io.StringIO()
        assert write([sentence], stream, format) == 1
        assert stream.getvalue() == line


def test_conllu_by_example() -> None:
    stream = io.StringIO()
    sentence = Sentence("Ana\nva.", ((0, 3), (4, 6), (6, 7)), (Entity(0, 3, "Ana", "PER"),))
    assert write([sentence, Sentence("", ())], stream, "conllu", scheme="BIOES") == 1
    empty = 7 * "_\t"
    assert stream.getvalue() == (
        "# sent_id = 1\n# text = Ana va.\n"
        f"1\tAna\t{empty}NER=S-PER\n2\tva\t{empty}NER=O|SpaceAfter=No\n3\t.\t{empty}NER=O\n\n"
    )


def test_bytes_have_keys_of_their_own() -> None:
    stream = io.StringIO()
    write([Sentence("Río Ö", ((0, 3), (4, 5)), (Entity(4, 5, "Ö", "LOC", 0.5),))], stream, "jsonl", offsets="bytes")
    (entity,) = json.loads(stream.getvalue())["entities"]
    assert entity == {"start_byte": 5, "limit_byte": 7, "text": "Ö", "label": "LOC", "score": 0.5}


def test_jsonl_says_where_a_sentence_came_from(tmp_path: Path) -> None:
    """So that what comes out can be joined with what went in, also when it is read and written again."""
    (tmp_path / "a.txt").write_text("One. Two.\n\nÜber drei.\n", "utf-8")
    write(iter_sentences(tmp_path / "a.txt"), tmp_path / "b.jsonl", "jsonl")
    (tmp_path / "c.jsonl").write_text('{"id": 7, "meta": {"p": [1]}, "text": "x", "entities": []}\n', "utf-8")
    write([*iter_sentences(tmp_path / "b.jsonl"), *iter_sentences(tmp_path / "c.jsonl")], tmp_path / "d.jsonl", "jsonl")
    records = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text("utf-8").splitlines()]
    assert [list(record)[:2] for record in records] == [["text", "entities"]] * 4
    assert [record["origin"] for record in records] == [
        f"{tmp_path}/a.txt:1", f"{tmp_path}/a.txt:1", f"{tmp_path}/a.txt:3", f"{tmp_path}/c.jsonl:1"
    ]  # fmt: skip
    assert [record.get("offset") for record in records] == [0, 5, 11, None]
    assert (records[3]["id"], records[3]["meta"]) == (7, {"p": [1]})


def test_what_a_sentence_brought_never_replaces_what_is_written() -> None:
    stream = io.StringIO()
    write([Sentence("Ana", ((0, 3),), extra={"text": "old", "entities": [1], "id": 3})], stream, "jsonl")
    assert json.loads(stream.getvalue()) == {"text": "Ana", "entities": [], "id": 3}


HALF = "Ana \udcff"


def test_half_a_surrogate_pair_is_no_crash() -> None:
    """A terminal gives one for each byte that is not UTF-8."""
    sentence = Sentence(HALF, segment_words(HALF))
    stream = io.StringIO()
    write([sentence], stream, "text")
    assert stream.getvalue() == "Ana ?\n"
    for format in ("conll", "conllu", "uner"):
        with pytest.raises(DataError, match=r"the word '.udcff' .* cannot stand in a CoNLL file. Write JSONL instead"):
            write([sentence], io.StringIO(), format)
    with pytest.raises(DataError, match="half of a surrogate pair"):
        write([sentence], io.StringIO(), "inline")


@pytest.mark.parametrize("label", ["a\tb", "a\nb", "a b", "", "\ud800"])
@pytest.mark.parametrize("format", ["conll", "conllu", "uner"])
def test_a_label_that_would_break_a_line_is_refused(format: Any, label: str) -> None:
    sentence = Sentence("Ana", ((0, 3),), (Entity(0, 3, "Ana", label),))
    with pytest.raises(DataError, match=r"the label .* cannot stand in a CoNLL file. Rename it \(--map, or map_labels"):
        write([sentence], io.StringIO(), format)


def test_settings_of_other_formats_are_refused() -> None:
    with pytest.raises(SettingError, match="jsonl has no tags, so no scheme: choose conll, conllu, uner"):
        write([], io.StringIO(), "jsonl", scheme="BIOES")
    with pytest.raises(SettingError, match="no scheme 'IOB'; there are IOB1"):
        write([], io.StringIO(), "conll", scheme="IOB")
    with pytest.raises(SettingError, match="conll has no offsets: choose jsonl"):
        write([], io.StringIO(), "conll", offsets="bytes")
    with pytest.raises(DataError, match=r"'B-a\|b' cannot stand in CoNLL-U"):
        write([Sentence("Ana", ((0, 3),), (Entity(0, 3, "Ana", "a|b"),))], io.StringIO(), "conllu")


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
