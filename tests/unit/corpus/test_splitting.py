"""Sentences: offsets are exact, nothing is lost, line breaks mean what a reader thinks they mean."""

from __future__ import annotations

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus.splitting import split_sentences

TEXTS = st.lists(
    st.sampled_from(
        ["A b. ", "Dr. ", "No! ", "他走了。", "“x.” ", "\n", "\r\n", "\n\n", "\t", "é", "🎉", "\x1c", "\ud800"]
    )
    | st.text(max_size=5),
    max_size=20,
).map("".join)  # fmt: skip


def sentences(text: str, language: str = "en") -> list[str]:
    return [sentence.text for _, sentence in split_sentences(text, language)]


@given(TEXTS, st.sampled_from(["en", "zh", "tl", "nowhere", ""]))
def test_offsets_are_exact_and_only_white_space_lies_between(text: str, language: str) -> None:
    position = 0
    for offset, sentence in split_sentences(text, language):
        assert sentence.text
        assert sentence.text == sentence.text.strip()
        assert text[offset : offset + len(sentence.text)] == sentence.text
        assert not text[position:offset].strip()
        assert all(sentence.text[start:end].strip() for start, end in sentence.words)
        position = offset + len(sentence.text)
    assert not text[position:].strip()


def test_abbreviations_do_not_end_a_sentence() -> None:
    assert sentences("Mr. Smith met J. Doe. They talked.") == ["Mr. Smith met J. Doe.", "They talked."]
    assert sentences("他说：“你好。”他走了。天黑了！", "zh") == ["他说：“你好。”", "他走了。", "天黑了！"]


def test_a_headline_ends_with_its_line() -> None:
    assert sentences("Ginebra wins\nManila votes\n\nCebu") == ["Ginebra wins", "Manila votes", "Cebu"]


def test_lower_case_goes_on() -> None:
    assert sentences("He went to\r\nparis. Then home.") == ["He went to\r\nparis.", "Then home."]


def test_hard_wrapped_text_is_joined() -> None:
    text = (
        "The quick brown fox jumped over the lazy dog when President\n"
        "Maria Sousa was there and everyone clapped.\n"
        "The end."
    )
    assert sentences(text) == [
        "The quick brown fox jumped over the lazy dog when President\nMaria Sousa was there and everyone clapped.",
        "The end.",
    ]


def test_a_long_paragraph_takes_time_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library, whose time grows with the square of what it is given, is given a bounded number of characters."""
    given_to_library: list[int] = []
    boundaries = sentencex.get_sentence_boundaries

    def counted(language: str, text: str) -> object:
        given_to_library.append(len(text))
        return boundaries(language, text)

    monkeypatch.setattr(sentencex, "get_sentence_boundaries", counted)
    text = "你好。" * 20_000
    assert sum(1 for _ in split_sentences(text, "zh")) == 20_000
    assert max(given_to_library) <= 10_000
    assert sum(given_to_library) < 2 * len(text)


@pytest.mark.parametrize("unit", ["word ", "x", "e\u0301"])
def test_text_without_any_sentence_end_is_cut_between_words_or_clusters(unit: str) -> None:
    text = unit * 30_000
    parts = sentences(text)
    assert all(len(part) <= 10_000 for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert all(part.startswith(unit.strip()) for part in parts)


def test_nothing_gives_nothing() -> None:
    assert sentences("") == sentences(" \n\t") == []
