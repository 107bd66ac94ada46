"""Several languages in one tagger: how often each is seen, and fine-tuning on one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Corpus
from salin.models import Tagger
from salin.training.development import Development
from salin.training.direct import DirectBatches, train_direct
from salin.training.finetune import finetune
from salin.training.loop import LoopSettings
from salin.training.methods import MethodSettings
from salin.training.polyglot import LanguageEpochs, epochs_of, sentences_by_language
from salin.training.processes import Processes
from tiny_corpora import DEV, TRAIN, corpus

ENGLISH = replace(corpus(TRAIN, name="english"), language="en")
DUTCH = replace(corpus(("Jan/B-PER won/O", "Ajax/B-ORG won/O"), name="dutch"), language="nl")
MORE_ENGLISH = replace(corpus(DEV, name="more"), language="en")
UNKNOWN = corpus(("Maria/B-PER",), name="unknown")


def seen(epochs: Callable[[int], list[int]], passes: int, size: int, count: int) -> list[int]:
    """The sentences of some whole passes."""
    steps = passes * count // size
    assert steps * size == passes * count
    return [index for step in range(steps) for index in epochs(step)]


def test_a_language_is_one_however_many_corpora_it_has() -> None:
    found = sentences_by_language([ENGLISH, DUTCH, MORE_ENGLISH, UNKNOWN])
    assert found == ((*range(8), 10, 11), (8, 9), (12,))
    assert sentences_by_language([UNKNOWN, UNKNOWN]) == ((0,), (1,)), "nobody knows that they are of one language"


def test_sizes_decide_unless_another_temperature_is_asked_for() -> None:
    """The plain union, as published, is what direct training has always drawn: each sentence once a pass."""
    plain = epochs_of([ENGLISH, DUTCH], size=5, seed=3)
    assert not isinstance(plain, LanguageEpochs)
    assert sorted(seen(plain, passes=1, size=5, count=10)) == list(range(10))
    alone = epochs_of([ENGLISH, MORE_ENGLISH], size=5, seed=3, temperature=9)
    assert not isinstance(alone, LanguageEpochs), "one language has nothing to be weighed against"


def test_a_high_temperature_draws_languages_alike() -> None:
    epochs = epochs_of([ENGLISH, DUTCH], size=5, seed=3, temperature=1e9)
    found = Counter(index >= len(ENGLISH) for index in seen(epochs, passes=8, size=5, count=10))
    assert found == {False: 40, True: 40}


def test_a_temperature_between_draws_by_its_power() -> None:
    """8 and 2 sentences at temperature 3: as the cube roots of 4 and 1."""
    epochs = epochs_of([ENGLISH, DUTCH], size=5, seed=3, temperature=3)
    share = Counter(index >= len(ENGLISH) for index in seen(epochs, passes=1, size=5, count=10))[True] / 10
    assert share == pytest.approx(1 / (1 + 4 ** (1 / 3)), abs=0.05)


@given(sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5), temperature=st.floats(1.01, 20))
def test_within_a_language_no_sentence_is_preferred(sizes: list[int], temperature: float) -> None:
    sources = [Corpus(TRAIN_SENTENCES[:1] * size, language=f"x{number}") for number, size in enumerate(sizes)]
    count = sum(sizes)
    epochs = epochs_of(sources, size=count, seed=1, temperature=temperature)
    assert isinstance(epochs, LanguageEpochs)
    drawn = Counter(index for step in range(7) for index in epochs(step))
    for language, share in zip(epochs.languages, epochs.shares, strict=True):
        often = [drawn[index] for index in language]
        assert max(often) - min(often) <= 1 or sum(epochs.shares) > count
        assert share >= 1


TRAIN_SENTENCES = ENGLISH.sentences


def test_steps_are_functions_of_the_seed_and_the_step() -> None:
    first, again, other = (epochs_of([ENGLISH, DUTCH], 4, seed, 2.0) for seed in (1, 1, 2))
    wanted = [first(step) for step in range(9)]
    assert [again(step) for step in reversed(range(9))] == wanted[::-1], "in whatever order they are asked for"
    assert [other(step) for step in range(9)] != wanted


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    torch.manual_seed(3)
    return Tagger.on_encoder(model_folder("bert"), ["LOC", "ORG", "PER"])


def settings(steps: int, **changes: object) -> MethodSettings:
    loop = LoopSettings(steps=steps, learning_rate=3e-3, log_every=5, evaluate_every=5)
    return MethodSettings(**{"loop": loop, "batch": 4, **changes})


def test_the_temperature_reaches_the_training(tagger: Tagger) -> None:
    plain, even = (
        DirectBatches.of(tagger, [ENGLISH, DUTCH], settings(5, sampling_temperature=t)).epochs for t in (1, 5)
    )
    assert not isinstance(plain, LanguageEpochs)
    assert isinstance(even, LanguageEpochs)


def test_a_polyglot_tagger_is_fine_tuned_until_the_loss_on_dev_stops_falling(tagger: Tagger, tmp_path: Path) -> None:
    """The language's own dev is at last no better: the run ends early, and keeps the weights of its best loss."""
    train_direct(tagger, [ENGLISH, DUTCH], [MORE_ENGLISH, DUTCH], settings(10))
    dev = replace(corpus(("Maria/B-ORG sprak/O met/O Jan/B-LOC",), name="dev"), language="nl")
    loop = LoopSettings(steps=400, learning_rate=3e-3, warmup=0, evaluate_every=5, patience=3, log_every=5)
    figures = finetune(tagger, DUTCH, dev, settings(1, loop=loop, select="loss"), folder=tmp_path)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert figures["step"] + 3 * 5 < 400, "it stopped"
    assert f'"step": {figures["step"] + 3 * 5:.0f}' in lines[-1], "after three evaluations in vain"
    again = Development.of(dev).figures(tagger, Processes.here(), loss=True)
    assert again["loss"] == pytest.approx(figures["loss"], rel=1e-5), "these are the weights that it kept"
