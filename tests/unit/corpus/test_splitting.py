"""Sentences: offsets are exact, nothing is lost, line breaks mean what a reader thinks they mean."""

from __future__ import annotations

import unicodedata

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus.splitting import split_sentences

TEXTS = st.lists(
    st.sampled_from(
        [
            *("A b. ", "Dr. ", "No! ", "他走了。", "“x.” ", "\n", "\r\n", "\n\n", "\t", "é", "🎉", "\x1c", "\ud800"),
            *("e\u0301. ", "שלום. ", "هل؟ ", "मैं। ", "\u200b", "\u200d", "\u200f", "\ufeff", "\u00ad", "👩‍👩‍👧 "),
        ]
    )
    | st.text(max_size=5),
    max_size=20,
).map("".join)  # fmt: skip


def sentences(text: str, language: str = "en") -> list[str]:
    return [sentence.text for _, sentence in split_sentences(text, language)]


@given(TEXTS, st.sampled_from(["en", "zh", "ar", "tl", "nowhere", ""]), st.sampled_from(["NFC", "NFD"]))
def test_offsets_are_exact_and_only_white_space_lies_between(text: str, language: str, form: str) -> None:
    text = unicodedata.normalize(form, text)
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


WRAPPED = """\
The committee, which had met in Geneva every spring since Maria
Sousa and her colleagues founded it, decided on Tuesday that no
further money would be given to the harbour of Cebu until those
who built it had shown what became of the first. The mayor said
nothing. A spokesman for the builders called it (in a letter to
the Tribune) a decision of people who had never seen a harbour."""


@pytest.mark.parametrize("indent", ["", "    "])
def test_prose_that_was_wrapped_is_joined(indent: str) -> None:
    found = sentences(WRAPPED.replace("\n", f"\n{indent}"))
    assert [text.split()[-1] for text in found] == ["first.", "nothing.", "harbour."]
    assert " ".join(" ".join(found).split()) == WRAPPED.replace("\n", " ")


def test_prose_wrapped_by_hand_is_joined_where_it_goes_on_in_lower_case() -> None:
    text = (
        "b) Convey the object code in, or embodied in, a\n"
        "   product, accompanied by a written offer that is\n"
        "   valid for three years; or c) give it to those of\n"
        "   you who ask.\n"
        "Copyright of the Free Society\n"
        "Version 3"
    )
    assert [" ".join(found.split()) for found in sentences(text)] == [
        "b) Convey the object code in, or embodied in, a product, accompanied by a written offer that is "
        "valid for three years; or c) give it to those of you who ask.",
        "Copyright of the Free Society",
        "Version 3",
    ]


LINES = {
    "lower case": [f"{'and so on ' * (n % 9 + 1)}to manila" for n in range(3000)],
    "lower case with stops": [f"{'so on ' * (n % 9 + 4)}to cebu{'!' * (n % 5 == 0)}" for n in range(300)],
    "lower case after one capital": ["Ana", *(f"{'and so on ' * (n % 9 + 1)}to manila" for n in range(300))],
    "titles of one width": [f"Report {n:03} of Maria Sousa to the city of Cebu{'s' * (n % 4)}" for n in range(300)],
    "titles in lower case": [f"report {n:03} of maria sousa to the city of cebu{'s' * (n % 4)}" for n in range(300)],
    "titles that ask": [f"Would Maria {n:03} ever go to the city of Cebu{'?' * (n % 3 == 0)}" for n in range(300)],
    "titles in Chinese": [f"第{n:03}号报告关于日内瓦和宿务之间的贸易{'以及其他一些事情' * 3}" for n in range(300)],
    "titles in Arabic": [f"تقرير رقم {n:03} عن مدينة جنيف وعن مدينة سيبو وغيرها من المدن" for n in range(300)],
    "messages": ["Ana went home", "lol", "nice to see her", "Manila next", "who knows"],
    "a list": ["Ingredients", "salt", "sugar", "flour", "Method", "stir"],
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_lines_that_are_no_wrapped_prose_stay_apart(lines: list[str]) -> None:
    assert sentences("\n".join(lines)) == lines


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


@pytest.mark.parametrize("place", range(9_980, 10_010, 4))
def test_a_long_sentence_stays_whole_and_the_next_is_found_behind_it(place: int) -> None:
    """A name may stand anywhere in it."""
    long = (
        "and so on " * (place // 10) + "x" * (place % 10) + " Ana Maria Pérez de la Cruz " + "lives on " * 3_000 + "."
    )
    assert sentences(f"It began. {long} Then it ended.") == ["It began.", long, "Then it ended."]


@pytest.mark.parametrize("unit", ["word ", "x", "e\u0301"])
def test_text_without_any_sentence_end_is_cut_between_words_or_clusters_and_said_to_be(
    unit: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = unit * 60_000
    parts = sentences(text)
    assert all(len(part) <= 100_000 for part in parts)
    said = "no sentence ends in 100,000 characters, so the text was cut at character"
    assert caplog.messages == [f"{said} {place}" for place in cuts_of(text)]
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert all(part.startswith(unit.strip()) for part in parts)


def cuts_of(text: str) -> list[int]:
    cuts: list[int] = []
    assert len(list(split_sentences(text, on_cut=cuts.append))) == len(cuts) + 1
    return cuts


def test_nothing_gives_nothing() -> None:
    assert sentences("") == sentences(" \n\t") == []
