"""Words: what users of many scripts expect, and that no character is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus.words import cut_words, segment_words

PIECES = [
    "a", "É", "e\u0301", "ñ", "ß", "1", "9,5", ".", ",", "'", "’s", "-", "...", " ", "\n", "\t", "\u00a0", "\x1c",
    "\u3000", "北京", "カー", "が", "か\u3099", "ไทย", "ກໍ", "ខ្មែរ", "မြန်မာ", "한국", "한", "שלום", "مرحبا",
    "می\u200cخواهم",
    "हिन्दी", "\u200b", "\u200d",
    "\u200e", "\u200f", "\u2060", "\ufeff", "\u00ad", "\u0600", "\u0301", "👩‍👩‍👧", "🇵🇭", "👍🏽", "1️⃣",
    "🏴\U000e0067\U000e0062\U000e007f", "l'",
    "U.S.", "\x00",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"]), max_size=30).map("".join)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in segment_words(text)]


@given(TEXTS, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.lists(st.integers(0, 40), max_size=4))
def test_every_character_but_white_space_is_in_exactly_one_word(text: str, form: str, boundaries: list[int]) -> None:
    text = unicodedata.normalize(form, text)
    covered = [i for start, end in segment_words(text, boundaries) for i in range(start, end)]
    assert covered == [i for i, character in enumerate(text) if not character.isspace()]


@given(TEXTS, st.lists(st.integers(0, 40), max_size=4))
def test_no_word_runs_across_a_boundary(text: str, boundaries: list[int]) -> None:
    spans = segment_words(text, boundaries)
    assert not any(start < b < end for start, end in spans for b in boundaries)
    uncut = {s for s in segment_words(text) if not any(s[0] < b < s[1] for b in boundaries)}
    assert uncut <= set(spans)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short-lived U.S. officials, 1,000.5.", "short-lived|U.S.|officials|,|1,000.5|."),
        ("Reuters's 1996-08-30 we'll don't", "Reuters|'s|1996-08-30|we|'ll|don't"),
        ("J. Smith of AT&T, U.S.-based; plan B.", "J.|Smith|of|AT&T|,|U.S.-based|;|plan|B|."),
        ("6-3 6/2 and/or 10:30 10% $5", "6-3|6/2|and|/|or|10:30|10|%|$|5"),
        ("L'Allemagne d’aujourd'hui et O'Brien", "L'|Allemagne|d’|aujourd'hui|et|O'Brien"),
        ("'s-Hertogenbosch en 's avonds", "'s-Hertogenbosch|en|'s|avonds"),
        ("col·lecció wait... --", "col·lecció|wait|...|--"),
        ("我爱北京2024年。", "我|爱|北|京|2024|年|。"),
        ("トヨタ", "ト|ヨ|タ"),
        ("한국 사람", "한국|사람"),
        ("ดี", "ดี"),
        ("(שלום) می\u200cخواهم", "(|שלום|)|می\u200cخواهم"),
        ("हिन्दी में", "हिन्दी|में"),
        ("👩‍👩‍👧 🇵🇭!", "👩‍👩‍👧|🇵🇭|!"),
        ("cafe\u0301s", "cafe\u0301s"),
        ("#tag @user example.com", "#|tag|@|user|example.com"),
    ],
)
def test_words_by_example(text: str, expected: str) -> None:
    assert words(text) == expected.split("|")


def test_boundaries_cut_words() -> None:
    assert segment_words("anti-Berlin", [5, 0, 11]) == ((0, 5), (5, 11))


def test_given_words_are_cut_too() -> None:
    assert cut_words([(0, 9), (10, 12)], [3, 9, 11, 40]) == ((0, 3), (3, 9), (10, 11), (11, 12))
