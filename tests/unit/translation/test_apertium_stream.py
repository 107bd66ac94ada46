"""Nothing in a sentence is a command to Apertium, and each word of a translation says where it came from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.translation.apertium_stream import escape, mark_words, read_translation
from salin.translation.translator import Translation

ANALYSIS = r"^Estados Unidos/Estados Unidos<np><loc>$ ^no/no<adv>$ \[^va/ir<vblex>/*va$\]^./.<sent>$"
ORIGINAL = "Estados Unidos no [va]."


def linked(translation: Translation, original: str) -> list[tuple[str, str]]:
    return [(translation.text[a:b], original[c:d]) for a, b, c, d in translation.links]


def test_every_analysed_word_is_marked_and_known_by_its_place() -> None:
    marked = mark_words(ANALYSIS, ORIGINAL, first=5)
    assert marked.stream.startswith("[[t:s:5]]^Estados Unidos/Estados Unidos<np><loc>$[[/]] [[t:s:6]]^no/")
    assert [ORIGINAL[start:end] for start, end in marked.spans] == ["Estados Unidos", "no", "va", "."]


def test_a_translation_is_read_with_what_came_from_what() -> None:
    marked = mark_words(ANALYSIS, ORIGINAL, first=5)
    stream = r"[[t:s:6]]Not[[/]] \[the [[t:s:5; t:s:7]]United States[[/]]\][[t:s:8]].[[/]]"
    translation = read_translation(stream, marked)
    assert translation.text == "Not [the United States]."
    assert linked(translation, ORIGINAL) == [
        ("Not", "no"), ("United States", "Estados Unidos"), ("United States", "va"), (".", "."),
    ]  # fmt: skip


def test_the_same_word_twice_is_two_places() -> None:
    marked = mark_words("^Ana/*Ana$ ^y/y<cnj>$ ^Ana/*Ana$", "Ana y Ana", first=0)
    assert marked.spans == ((0, 3), (4, 5), (6, 9))


def test_marks_of_another_sentence_are_noticed() -> None:
    marked = mark_words(ANALYSIS, ORIGINAL, first=5)
    with pytest.raises(ValueError, match="another sentence"):
        read_translation("[[t:s:4]]Not[[/]]", marked)


@given(text=st.text())
def test_what_goes_in_escaped_comes_out_as_it_was(text: str) -> None:
    """But for control characters, each of which becomes a space, so that nothing moves."""
    stream = escape(text)
    assert "\0" not in stream and "\n" not in stream
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]^$]", stream)
    back = read_translation(stream, mark_words(stream, text, first=0)).text
    assert len(back) == len(text)
    assert all(a == b or (b == " " and not a.isprintable()) for a, b in zip(text, back, strict=True))


def test_a_mark_in_a_sentence_is_text() -> None:
    text = "[[t:s:0]]x[[/]] [<STREAMCMD:SETVAR:y>]"
    translation = read_translation(escape(text), mark_words("", text, first=0))
    assert translation == Translation(text)
