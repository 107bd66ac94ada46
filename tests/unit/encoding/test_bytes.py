"""Sentences as bytes: every word is there, in order, and its bytes lead back to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Sentence
from salin.encoding import Bytes, ByteWindower
from salin.encoding.bytes import BOUNDARY, HIDDEN

WORDS = st.lists(st.text(st.characters(exclude_categories=()), min_size=1, max_size=8), max_size=6)


def test_a_sentence_is_one_window_of_bytes_with_boundaries_between_its_words() -> None:
    (window,) = ByteWindower(Bytes()).windows([Sentence.from_tokens(["in", "Ñu"])])
    assert window.pieces == (ord("i"), ord("n"), BOUNDARY, 0xC3, 0x91, ord("u"))
    assert window.words == (0, 0, -1, 1, 1, 1)
    assert (window.sentence, window.owned, window.heads) == (0, (0, 1), (0, 3))


def test_languages_without_spaces_have_boundaries_too() -> None:
    (window,) = ByteWindower(Bytes()).windows([Sentence.from_tokens(["北", "京"], glue="")])
    assert window.pieces == (*"北".encode(), BOUNDARY, *"京".encode())


def test_a_long_word_is_shown_in_part_and_stays_a_word() -> None:
    (window,) = ByteWindower(Bytes(longest=4)).windows([Sentence.from_tokens(["Llanfairpwll", "a"])])
    assert window.pieces == (*b"Llan", BOUNDARY, *b"a")
    assert window.owned == (0, 1)


def test_a_word_without_characters_has_a_piece_all_the_same() -> None:
    (window,) = ByteWindower(Bytes()).windows([Sentence.from_tokens(["a", "", "b"])])
    assert window.pieces == (ord("a"), BOUNDARY, HIDDEN, BOUNDARY, ord("b"))


@given(st.lists(WORDS, max_size=4))
def test_bytes_lead_back_to_words(tokens: list[list[str]]) -> None:
    """Any characters: halves of surrogate pairs, spaces inside a word, controls."""
    sentences = [Sentence.from_tokens(words) for words in tokens]
    windower = ByteWindower(Bytes())
    windows = windower.windows(sentences)
    assert [window.sentence for window in windows] == [i for i, words in enumerate(tokens) if words]
    for window in windows:
        found = [bytearray() for _ in tokens[window.sentence]]
        for piece, word in zip(window.pieces, window.words, strict=True):
            if word >= 0:
                found[word].append(piece)
            else:
                assert piece == BOUNDARY
        assert [bytes(word).decode("utf-8", "surrogatepass") for word in found] == tokens[window.sentence]
        assert [window.words[head] for head in window.heads] == list(window.owned) == list(range(len(found)))
        assert all(head == 0 or window.words[head - 1] == -1 for head in window.heads)
        assert max(window.pieces) < len(windower.alphabet)
