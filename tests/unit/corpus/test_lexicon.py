"""Word lists, and sentences switched with them."""

from __future__ import annotations

import gzip
import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Corpus, Entity, Sentence, Span, segment_words
from salin.corpus.lexicon import CodeSwitching, Lexicon, switch, switch_corpus
from salin.errors import DataError

WORDS = st.text(st.characters(categories=["L", "M", "N", "P"]), min_size=1, max_size=6)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("suffix", "opener"), [(".tsv", open), (".tsv.gz", gzip.open), (".tsv.xz", lzma.open)])
def test_reading(tmp_path: Path, suffix: str, opener: type) -> None:
    path = tmp_path / f"en-es{suffix}"
    content = "house\tcasa\n\nhouse\thogar\textra\nhouse\tcasa\r\nto go\tir\nrun\tto + infinitive\nempty\t \ncat\tgato"
    with opener(path, "wb") as file:
        file.write(b"\xef\xbb\xbf" + content.encode())
    lexicon = Lexicon.read(path)
    assert len(lexicon) == 2
    assert {lexicon.translate("house", random(seed)) for seed in range(20)} == {"casa", "hogar"}
    assert lexicon.translate("cat", random()) == "gato"
    assert lexicon.translate("run", random()) is None


def test_several_files_are_one_lexicon(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\tx\n")
    (tmp_path / "b.tsv").write_text("a\ty\nb\tz\n")
    lexicon = Lexicon.read(tmp_path / "a.tsv", tmp_path / "b.tsv")
    assert Counter(lexicon.translate("a", random(seed)) for seed in range(50)).keys() == {"x", "y"}
    assert len(lexicon) == 2


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv: no such lexicon"):
        Lexicon.read(tmp_path / "none.tsv")
    (tmp_path / "one.tsv").write_text("a\tb\nhouse casa\n")
    with pytest.raises(DataError, match=r"one\.tsv:2: a lexicon line has one column.*TAB"):
        Lexicon.read(tmp_path / "one.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"ni\xf1o\tchild\n")
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(b"a\tb\n" * 1000)[:-9])
    (tmp_path / "no.tsv.xz").write_bytes(b"a\tb\n")
    for name in ("latin.tsv", "cut.tsv.gz", "no.tsv.xz"):
        with pytest.raises(DataError, match=f"{name}: this lexicon cannot be read"):
            Lexicon.read(tmp_path / name)


@pytest.mark.parametrize(
    ("word", "translation"),
    [("house", "casa"), ("House", "Casa"), ("HOUSE", "CASA"), ("Turkey", "Turquía"), ("turkey", "pavo"), ("A", "Un")],
)
def test_capitals_are_taken_over(word: str, translation: str) -> None:
    lexicon = Lexicon({"house": ["casa"], "Turkey": ["Turquía"], "turkey": ["pavo"], "a": ["un"]})
    assert lexicon.translate(word, random()) == translation
    assert lexicon.translate("unknown", random()) is None


def test_entities_cover_what_their_words_became() -> None:
    sentence = Sentence.from_tokens(["The", "United", "States", "won", "."], ["O", "B-LOC", "I-LOC", "O", "O"])
    lexicon = Lexicon({"united": ["vereinigte"], "states": ["staaten von amerika"], "won": ["gewannen"]})
    switched = switch(sentence, lexicon, 1.0, random())
    assert switched.text == "The Vereinigte Staaten von amerika gewannen ."
    assert switched.entities == (Entity(4, 34, "Vereinigte Staaten von amerika", "LOC"),)
    assert switched.tags() == ["O", "B-LOC", "I-LOC", "I-LOC", "I-LOC", "O", "O"]


def test_text_without_spaces_stays_without() -> None:
    sentence = Sentence.from_tokens(["中国", "赢了"], ["B-LOC", "O"], glue="")
    switched = switch(sentence, Lexicon({"中国": ["日本国"]}), 1.0, random())
    assert switched.text == "日本国赢了"
    assert switched.tokens == ["日", "本", "国", "赢了"]
    assert switched.tags() == ["B-LOC", "I-LOC", "I-LOC", "O"]


@given(
    tokens=st.lists(WORDS, min_size=1, max_size=8),
    translations=st.dictionaries(WORDS, st.lists(WORDS, min_size=1, max_size=3), max_size=6),
    cuts=st.sets(st.integers(0, 8)),
    rate=st.sampled_from([0.0, 0.5, 1.0]),
    glue=st.sampled_from([" ", "", "\u3000"]),
)
def test_offsets_always_fit(
    tokens: list[str], translations: dict[str, list[str]], cuts: set[int], rate: float, glue: str
) -> None:
    known = {**translations, **{token: ["twee woorden"] for token in tokens[::3]}}
    places = sorted(cut for cut in cuts if cut <= len(tokens))
    spans = [Span(a, b, "PER") for a, b in zip(places[::2], places[1::2], strict=False)]
    sentence = Sentence.from_tokens(tokens, glue=glue).with_spans(spans)
    switched = switch(sentence, Lexicon(known), rate, random())
    assert len(switched.entities) == len(sentence.entities)
    assert all(entity.text == switched.text[entity.start : entity.end] for entity in switched.entities)
    assert len(switched.spans()) == len(spans)  # they begin and end with words
    ends = [0, *(end for _, end in switched.words)]
    assert all(before <= start < end for before, (start, end) in zip(ends, switched.words, strict=False))
    if rate == 0:
        assert switched == sentence


def test_a_corpus_is_translated_word_by_word_and_keeps_its_entities() -> None:
    corpus = Corpus(tuple(Sentence.from_tokens(["Ana", "saw", "Lisbon"], ["B-PER", "O", "B-LOC"]) for _ in range(50)))
    lexicon = Lexicon({"saw": ["vio"], "lisbon": ["Lisboa"]})
    (whole,) = {sentence.text for sentence in switch_corpus(corpus, lexicon, rate=1.0)}
    assert whole == "Ana vio Lisboa"
    partly = switch_corpus(corpus, lexicon, rate=0.5)
    assert {sentence.text for sentence in partly} == {
        "Ana saw Lisbon", "Ana vio Lisbon", "Ana saw Lisboa", "Ana vio Lisboa"
    }  # fmt: skip
    assert all(sentence.tags() == ["B-PER", "O", "B-LOC"] for sentence in partly)
    assert partly == switch_corpus(corpus, lexicon, rate=0.5) != switch_corpus(corpus, lexicon, rate=0.5, seed=1)


def test_rates() -> None:
    sentence = Sentence("a b c d", segment_words("a b c d"))
    lexicons = {
        "es": Lexicon({word: [word * 2] for word in "abcd"}),
        "nl": Lexicon({word: [word * 3] for word in "abcd"}),
    }
    switching, generator = CodeSwitching(lexicons, sentence_rate=0.7, word_rate=0.6), random()
    found = [switching(sentence, generator) for _ in range(1000)]
    same = sum(s is sentence for s in found)
    assert 250 < same < 350
    words = [len(word) for s in found if s is not sentence for word in s.tokens]
    assert 0.55 < np.mean([length > 1 for length in words]) < 0.65
    # A sentence takes all its translations from one language.
    assert not any({2, 3} <= {len(word) for word in s.tokens} for s in found)
    assert 0.4 < np.mean([length == 3 for length in words if length > 1]) < 0.6
    assert CodeSwitching({})(sentence, generator) is sentence
