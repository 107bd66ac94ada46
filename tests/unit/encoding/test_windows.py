"""Words to windows, for four kinds of tokenizer: each word is decided once, where it has most context."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from salin.corpus import Sentence, segment_words
from salin.encoding import Window, Windower
from salin.errors import SettingError
from tiny_models import TOKENIZERS, build_tokenizer

LONG = Sentence.from_tokens(
    ["De", "minister-president", "sprak", "met", "Reuters", "over", "de", "begroting", "van", "2024", "."] * 4
)
tokenizer_of = cache(build_tokenizer)

# Text of every script and with everything that clings to characters without being one.
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    "aAzdeé 中国日本กำ한אבעسلام\u200b\u200d\u200e\u200f\u202e\ufeff\u0301\u0327\u00ad\ufe0f👩🏽\u200d🚀🇵🇭ﬁ½İß\t\n\x00"
)
TEXTS = st.text(CHARACTERS, max_size=60)


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return tokenizer_of(request.param)


def test_a_short_sentence_is_one_window_with_the_special_pieces_around(tokenizer: PreTrainedTokenizerFast) -> None:
    (window,) = Windower(tokenizer).windows([Sentence.from_tokens(["Maria", "met", "Jan"])])
    assert (window.pieces[0], window.pieces[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert (window.words[0], window.words[-1]) == (-1, -1)
    assert window.owned == (0, 1, 2)
    assert [window.words[head] for head in window.heads] == [0, 1, 2]
    assert list(window.words[1:-1]) == sorted(window.words[1:-1])
    assert "".join(tokenizer.decode(window.pieces[1:-1]).split()) == "MariametJan"


@pytest.mark.parametrize("kind", [*TOKENIZERS, "without-unknown"])
@pytest.mark.parametrize("template", ["<s> $A </s>", "<s> $A", "$A </s>", "<s> <s> $A </s>", None])
def test_what_stands_around_a_sequence_is_the_tokenizers_own(kind: str, template: str | None) -> None:
    """Also where the tokenizer leaves nothing of most words, having neither their letters nor an unknown piece."""
    tokenizer = without_unknown_piece() if kind == "without-unknown" else build_tokenizer(kind)
    ids = tokenizer.convert_tokens_to_ids(["<s>", "</s>"])
    if template is None:
        tokenizer.backend_tokenizer.post_processor = None
    else:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=list(zip(["<s>", "</s>"], ids, strict=True))
        )
    before, _, behind = (template or "$A").partition("$A")
    (window,) = Windower(tokenizer).windows([Sentence.from_tokens(["a", "zz", "a"])])
    inside = slice(len(before.split()), len(window) - len(behind.split()))
    assert window.owned == (0, 1, 2)
    assert {window.words[head] for head in window.heads} == set(window.words[inside]) == {0, 1, 2}
    assert window.words[: inside.start] == (-1,) * inside.start
    assert window.words[inside.stop :] == (-1,) * len(behind.split())
    assert tokenizer.convert_ids_to_tokens(window.pieces[: inside.start]) == before.split()
    assert tokenizer.convert_ids_to_tokens(window.pieces[inside.stop :]) == behind.split()


def without_unknown_piece() -> PreTrainedTokenizerFast:
    """A tokenizer that knows the letter z alone."""
    tokenizer = Tokenizer(models.BPE({"<s>": 0, "</s>": 1, "<pad>": 2, "z": 3}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", cls_token="<s>", sep_token="</s>")


@pytest.mark.parametrize("overlap", [None, 0, 1, 7])
@pytest.mark.parametrize("max_length", [10, 16, 31])
def test_a_word_is_decided_where_it_has_most_context(
    tokenizer: PreTrainedTokenizerFast, max_length: int, overlap: int | None
) -> None:
    windower = Windower(tokenizer, max_length, overlap)
    windows = windower.windows([LONG])
    check_windows(windows, [LONG], windower)
    _, words = _whole(tokenizer)
    for window in windows:
        for word in window.owned:
            contexts = [_context(other, words.index(word), words) for other in windows]
            assert _context(window, words.index(word), words) == max(contexts)


def test_a_window_is_a_stretch_of_the_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    pieces, words = _whole(tokenizer)
    for window in Windower(tokenizer, 12, 3).windows([LONG]):
        stretch = slice(_start(window, words), _start(window, words) + 10)
        assert window.pieces[1:-1] == tuple(pieces[stretch])
        assert window.words[1:-1] == tuple(words[stretch])


@given(texts=st.lists(TEXTS, max_size=4), max_length=st.integers(5, 20), kind=st.sampled_from(TOKENIZERS))
def test_any_text_is_aligned(texts: list[str], max_length: int, kind: str) -> None:
    sentences = [Sentence(text, segment_words(text)) for text in texts]
    windower = Windower(tokenizer_of(kind), max_length)
    check_windows(windower.windows(sentences), sentences, windower)


@given(tokens=st.lists(TEXTS, min_size=1, max_size=6), kind=st.sampled_from(TOKENIZERS))
def test_any_tokens_are_aligned_even_those_of_which_nothing_is_left(tokens: list[str], kind: str) -> None:
    sentence = Sentence.from_tokens(tokens)
    windower = Windower(tokenizer_of(kind), 9)
    check_windows(windower.windows([sentence]), [sentence], windower)


def test_a_word_of_which_the_tokenizer_leaves_nothing_still_has_a_place() -> None:
    tokenizer = tokenizer_of("wordpiece")
    assert tokenizer(["\u200b"], is_split_into_words=True, add_special_tokens=False)["input_ids"] == []
    tokens = ["\u200b", "Jan", "\u200b", "\u200b", "won", "\u200b"]
    (window,) = Windower(tokenizer).windows([Sentence.from_tokens(tokens)])
    assert window.owned == (0, 1, 2, 3, 4, 5)
    at_heads = [window.pieces[head] for head in window.heads]
    assert [piece == tokenizer.unk_token_id for piece in at_heads] == [token == "\u200b" for token in tokens]


def test_a_lone_surrogate_is_read_as_an_unknown_character(tokenizer: PreTrainedTokenizerFast) -> None:
    windower = Windower(tokenizer)
    broken, readable = (Sentence.from_tokens(["Jan", f"a{c}", "won"]) for c in "\ud800\ufffd")
    assert windower.windows([broken]) == windower.windows([readable])


def test_a_word_longer_than_a_window(tokenizer: PreTrainedTokenizerFast) -> None:
    sentence = Sentence.from_tokens(["Jan", "z" * 100, "won", "2-1"])
    windower = Windower(tokenizer, 12)
    windows = windower.windows([sentence])
    check_windows(windows, [sentence], windower)


def test_windows_of_several_sentences(tokenizer: PreTrainedTokenizerFast) -> None:
    short, empty = Sentence.from_tokens(["Jan"]), Sentence("  ", ())
    windower = Windower(tokenizer, 16)
    windows = windower.windows([empty, short, LONG, empty, short])
    assert [window.sentence for window in windows if window.owned[0] == 0] == [1, 2, 4]
    assert [window.sentence for window in windows] == sorted(window.sentence for window in windows)
    check_windows(windows, [empty, short, LONG, empty, short], windower)
    assert windower.windows([]) == windower.windows([empty]) == []


def test_overflow_can_be_refused() -> None:
    windower = Windower(tokenizer_of("wordpiece"), 16, on_overflow="error")
    assert len(windower.windows([Sentence.from_tokens(["Jan", "won"])])) == 1
    with pytest.raises(SettingError, match=r"'De minister-president.*' *: \d+ pieces do not fit a window of 14"):
        windower.windows([LONG])


@pytest.mark.parametrize("overlap", [14, 200, -1])
def test_windows_that_would_not_move_on_are_refused(overlap: int) -> None:
    with pytest.raises(SettingError, match="at most 13"):
        Windower(tokenizer_of("bpe"), 16, overlap)


def test_a_slow_tokenizer_is_refused() -> None:
    with pytest.raises(SettingError, match="fast tokenizer"):
        Windower(object())


def check_windows(windows: list[Window], sentences: list[Sentence], windower: Windower) -> None:
    """What holds for the windows of any sentences."""
    owned: list[list[int]] = [[] for _ in sentences]
    for window in windows:
        assert len(window) <= windower.max_length
        assert len(window.pieces) == len(window.words)
        assert len(window.owned) == len(window.heads) > 0
        for word, head in zip(window.owned, window.heads, strict=True):
            assert window.words[head] == word
            assert window.words[head - 1] != word  # the first piece of the word, not a later one
        owned[window.sentence].extend(window.owned)
    assert owned == [list(range(len(sentence.words))) for sentence in sentences]


def _whole(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """All pieces of LONG with their words."""
    (window,) = Windower(tokenizer, 10_000).windows([LONG])
    return list(window.pieces[1:-1]), list(window.words[1:-1])


def _start(window: Window, words: list[int]) -> int:
    """Where a window begins in the whole: it holds the first pieces of the words it decides."""
    return words.index(window.owned[0]) + 1 - window.heads[0]


def _context(window: Window, place: int, words: list[int]) -> int:
    """Pieces on the poorer side of a place, where the ends of the sentence are no lack; -1 outside of the window."""
    start = _start(window, words)
    stop = start + len(window) - 2
    if not start <= place < stop:
        return -1
    before = place - start if start else len(words)
    after = stop - 1 - place if stop < len(words) else len(words)
    return min(before, after)
