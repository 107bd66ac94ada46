"""What a step trains on: every example once a pass, masked and switched, decided by seed and step alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus.lexicon import CodeSwitching, Lexicon
from salin.encoding import Window, Windower
from salin.models.labelled import LabelledSentences
from salin.models.settings import TaggerSettings
from salin.training.examples import EntityMasking, Epochs, Examples
from tiny_corpora import TRAIN, corpus, labelled
from tiny_models import TOKENIZERS, build_tokenizer

SETTINGS = TaggerSettings(labels=("LOC", "ORG", "PER"))
NL = Lexicon({"won": ["heeft gewonnen"], "premier": ["minister-president"]})
SWITCHING = CodeSwitching({"nl": NL}, 1.0, 1.0)


@given(
    count=st.integers(1, 40),
    size=st.integers(1, 50),
    seed=st.integers(0, 5),
    lengths=st.none() | st.lists(st.integers(1, 9), min_size=40, max_size=40),
)
def test_each_example_comes_once_a_pass(count: int, size: int, seed: int, lengths: list[int] | None) -> None:
    epochs = Epochs(count, size, seed, tuple(lengths[:count]) if lengths else None)
    steps = -(-3 * count // size)
    drawn = [example for step in range(steps) for example in epochs(step)]
    assert all(len(epochs(step)) == size for step in range(steps))
    for start in range(0, 3 * count, count):
        assert sorted(drawn[start : start + count]) == list(range(count))
    # A step does not depend on the steps before it.
    assert epochs(steps - 1) == Epochs(count, size, seed, epochs.lengths)(steps - 1)


def test_the_order_depends_on_pass_and_seed() -> None:
    orders = {tuple(Epochs(50, 50, seed)(step)) for seed in (1, 2) for step in (0, 1)}
    assert len(orders) == 4


def test_like_lengths_come_together_and_the_order_stays_random() -> None:
    lengths = tuple(np.random.default_rng(0).integers(1, 100, 400).tolist())
    epochs = Epochs(400, 8, 1, lengths)
    steps = [[lengths[i] for i in epochs(step)] for step in range(50)]
    assert np.mean([max(step) - min(step) for step in steps]) < 5
    means = [np.mean(step) for step in steps]
    assert abs(np.corrcoef(means, range(50))[0, 1]) < 0.5


@pytest.fixture(params=TOKENIZERS)
def windower(request: pytest.FixtureRequest) -> Windower:
    return Windower(build_tokenizer(request.param))


def test_every_piece_of_a_hidden_word_is_replaced(windower: Windower) -> None:
    sentence = labelled(TRAIN[4])
    tags = [SETTINGS.tags.index(tag) for tag in sentence.tags()]
    (window,) = windower.windows([sentence])
    masking = EntityMasking(1.0, windower.hidden)
    hidden = masking(window, tags, np.random.default_rng(0))
    assert masking.piece == windower.tokenizer.mask_token_id
    for before, after, word in zip(window.pieces, hidden.pieces, window.words, strict=True):
        assert after == (masking.piece if word >= 0 and tags[word] else before)
    assert replace(hidden, pieces=window.pieces) == window


def test_the_rate_is_that_of_entity_words() -> None:
    windower = Windower(build_tokenizer("wordpiece"))
    sentence = labelled("Jan/B-PER de/I-PER Vries/I-PER won/O in/O Lisbon/B-LOC")
    tags = [SETTINGS.tags.index(tag) for tag in sentence.tags()]
    (window,) = windower.windows([sentence])
    masking, random, hidden = EntityMasking(0.2, 4), np.random.default_rng(0), Counter()
    for _ in range(1000):
        pieces = masking(window, tags, random).pieces
        hidden.update({word for word, piece in zip(window.words, pieces, strict=True) if piece == 4})
    assert set(hidden) == {0, 1, 2, 5}
    assert all(150 < count < 250 for count in hidden.values())
    assert EntityMasking(0.0, 4)(window, tags, random) is window


def test_tokenizers_without_a_mask_have_a_replacement() -> None:
    tokenizer = build_tokenizer("bpe")
    tokenizer.mask_token = None
    assert Windower(tokenizer).hidden == tokenizer.unk_token_id
    tokenizer.unk_token = None
    assert Windower(tokenizer).hidden == tokenizer.pad_token_id


def examples(windower: Windower, switching: CodeSwitching | None = None) -> Examples:
    labelled_sentences = LabelledSentences.from_corpora([corpus()], SETTINGS)
    return Examples(labelled_sentences, windower, SETTINGS, switching)


def test_windows_carry_the_tags_of_their_sentence(windower: Windower) -> None:
    found = examples(windower).windows([3, 0, 3], np.random.default_rng(0))
    assert [len(windows) for windows in found] == [1, 1, 1]
    for index, ((window, (tags, mask)),) in zip((3, 0, 3), found, strict=True):
        assert mask is None
        assert [SETTINGS.tags[tag] for tag in tags] == labelled(TRAIN[index]).tags()
        assert window.owned == tuple(range(len(tags)))


def test_lengths_are_those_of_the_windows(windower: Windower, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few sentences are encoded at a time."""
    made = examples(windower)
    rows = made.windows(range(len(made.labelled)), np.random.default_rng(0))
    expected = [sum(len(window) for window, _ in row) for row in rows]
    assert made.lengths() == expected
    monkeypatch.setattr("salin.training.examples._ENCODED_TOGETHER", 2)
    assert made.lengths() == expected


def test_a_switched_sentence_keeps_its_entities(windower: Windower) -> None:
    made = examples(windower, SWITCHING)
    (((window, (tags, _)),),) = made.windows([0], np.random.default_rng(0), lexicons=[NL])
    assert [SETTINGS.tags[tag] for tag in tags] == ["B-PER", "I-PER", "I-PER", "O", "O"]
    assert window.owned == (0, 1, 2, 3, 4)
    (((plain, _),),) = made.windows([0], np.random.default_rng(0))
    assert plain == examples(windower).windows([0], np.random.default_rng(0))[0][0][0]


def test_what_a_corpus_does_not_annotate_is_masked() -> None:
    people = corpus(("Jan/B-PER in/O Lisbon/O",))
    both = LabelledSentences.from_corpora([corpus(), people], SETTINGS)
    made = Examples(both, Windower(build_tokenizer("wordpiece")), SETTINGS)
    (((_, (_, full)),), ((_, (_, partial)),)) = made.windows([0, len(TRAIN)], np.random.default_rng(0))
    assert bool(full.all())
    assert partial.tolist() == [True, False, False, False, False, True, True]


def test_only_sentences_of_the_language_that_lexicons_translate_from_are_switched() -> None:
    danish, english = (replace(corpus(), language=code) for code in ("da", "en"))
    both = LabelledSentences.from_corpora([danish, english], SETTINGS)
    everything = range(2 * len(TRAIN))
    for language, switched in (("en", {"en"}), (None, {"da", "en"})):
        switching = replace(SWITCHING, language=language)
        made, random = (
            Examples(both, Windower(build_tokenizer("wordpiece")), SETTINGS, switching),
            np.random.default_rng(0),
        )
        found = made.windows(everything, random, lexicons=made.draw(len(everything), random))
        plain = made.windows(everything, random)
        changed = {both.languages[i] for i in everything if found[i][0][0].pieces != plain[i][0][0].pieces}
        assert changed == switched


def test_masking_sees_windows_of_long_sentences() -> None:
    windower = Windower(build_tokenizer("wordpiece"), 16)
    long = LabelledSentences.from_corpora([corpus((" ".join(TRAIN),))], SETTINGS)
    made = Examples(long, windower, SETTINGS)
    hide: Callable[..., Window] = EntityMasking(1.0, 4)
    (windows,) = made.windows([0], np.random.default_rng(0), hide=hide)
    assert len(windows) > 3
    for window, (tags, _) in windows:
        for word, head in zip(window.owned, window.heads, strict=True):
            assert (window.pieces[head] == 4) == (tags[word] != 0)


def test_nothing_here_draws_from_global_random_numbers(tmp_path: Path) -> None:
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    windower = Windower(build_tokenizer("wordpiece"))
    made, random = examples(windower, SWITCHING), np.random.default_rng(0)
    made.windows([0, 1], random, lexicons=made.draw(2, random), hide=EntityMasking(0.5, 4))
    Epochs(10, 3, 0)(5)
    assert torch.equal(state, torch.get_rng_state())
    assert (numpy_state == np.random.get_state()[1]).all()  # noqa: NPY002
