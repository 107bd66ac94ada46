"""Sentence vectors: what they are made of, and that nothing else moves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from salin.corpus import Sentence
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.hidden import hidden_states
from salin.retrieval import SentenceVectors, VectorSettings
from salin.retrieval.vectors import centre
from tiny_corpora import TRAIN, labelled
from tiny_models import ARCHITECTURES, build_model

SENTENCES = [labelled(line) for line in TRAIN]


@pytest.fixture(scope="module")
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    torch.manual_seed(0)
    return Tagger.on_encoder(model_folder("bert"), ["PER"], max_length=32)


def vectors(tagger: Tagger, settings: str, sentences: list[Sentence] = SENTENCES) -> torch.Tensor:
    return SentenceVectors(VectorSettings.parse(settings), tagger)(sentences)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("ngrams", VectorSettings("ngrams")),
        ("mean-2", VectorSettings("mean", 2)),
        ("cls-last", VectorSettings("cls", -1)),
        ("mean-0-centred", VectorSettings("mean", 0, centred=True)),
        ("cls-last@salin-tiny-encoder", VectorSettings("cls", -1, encoder="salin-tiny-encoder")),
        (
            "mean-12-centred@google-bert/bert-base-cased",
            VectorSettings("mean", 12, True, "google-bert/bert-base-cased"),
        ),
    ],
)
def test_settings_as_text(text: str, settings: VectorSettings) -> None:
    assert VectorSettings.parse(text) == settings
    assert str(settings) == text


@given(
    st.builds(
        VectorSettings,
        st.sampled_from(["cls", "mean"]),
        st.integers(-1, 40),
        st.booleans(),
        st.none() | st.text("ab/.-@_1", min_size=1),
    )
)
def test_settings_come_back(settings: VectorSettings) -> None:
    assert VectorSettings.parse(str(settings)) == settings


@pytest.mark.parametrize("text", ["", "mean", "max-2", "mean--1", "mean-2-", "mean-2-centered", "cls-last@", "NGRAMS"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="no sentence vectors"):
        VectorSettings.parse(text)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_vectors_of_every_architecture(model_folder: Callable[[str], Path], architecture: str) -> None:
    tagger = Tagger.on_encoder(model_folder(architecture), ["PER"])
    blocks = tagger.network.classifier.config.num_hidden_layers
    for layer in ("0", "1", str(blocks), "last"):
        found = vectors(tagger, f"mean-{layer}")
        assert found.shape == (len(SENTENCES), 16)
        assert torch.allclose(found.norm(dim=1), torch.ones(len(SENTENCES)))
    assert torch.equal(vectors(tagger, "mean-last"), vectors(tagger, f"mean-{blocks}"))
    assert not torch.allclose(vectors(tagger, "mean-0"), vectors(tagger, "mean-1"))
    with pytest.raises(SettingError, match=f"layer {blocks + 1} asked of an encoder with {blocks} blocks"):
        vectors(tagger, f"mean-{blocks + 1}")


def test_cls_and_mean_by_hand(tagger: Tagger) -> None:
    sentence = SENTENCES[1]
    (window,) = tagger.windower.windows([sentence])
    ids = torch.tensor([window.pieces])
    with torch.no_grad():
        states = hidden_states(tagger.network.classifier.base_model, ids, torch.ones_like(ids), 2)[0]
    assert torch.allclose(vectors(tagger, "cls-2", [sentence])[0], functional.normalize(states[0], dim=0), atol=1e-6)
    mean = functional.normalize(states[1:-1].mean(0), dim=0)  # special pieces take no part
    assert torch.allclose(vectors(tagger, "mean-2", [sentence])[0], mean, atol=1e-6)


@pytest.mark.parametrize("settings", ["mean-1", "cls-last", "ngrams"])
def test_a_vector_does_not_depend_on_what_is_beside(tagger: Tagger, settings: str) -> None:
    together = vectors(tagger, settings)
    alone = torch.cat([vectors(tagger, settings, [sentence]) for sentence in SENTENCES])
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.equal(together, vectors(tagger, settings))


@pytest.mark.parametrize("settings", ["mean-1", "ngrams"])
def test_a_sentence_without_words_has_no_direction(tagger: Tagger, settings: str) -> None:
    found = vectors(tagger, settings, [Sentence("", ()), SENTENCES[0]])
    assert found[0].norm() == 0
    assert found[1].norm() == pytest.approx(1)
    assert vectors(tagger, settings, []).shape == (0, found.shape[1])


def test_a_long_sentence_is_represented_by_its_first_window(tagger: Tagger) -> None:
    long = [labelled(" ".join(TRAIN[i:] * 2)) for i in range(3)]
    assert len(tagger.windower.windows(long)) > 6
    found = vectors(tagger, "mean-1", long)
    assert torch.allclose(found.norm(dim=1), torch.ones(3))


def test_vectors_follow_the_weights(model_folder: Callable[[str], Path]) -> None:
    tagger = Tagger.on_encoder(model_folder("bert"), ["PER"])
    made = SentenceVectors(VectorSettings.parse("mean-1"), tagger)
    before = made(SENTENCES)
    with torch.no_grad():
        for parameter in tagger.network.parameters():
            parameter.mul_(1.3)
    assert not torch.allclose(before, made(SENTENCES))


def test_another_encoder(tagger: Tagger, model_folder: Callable[[str], Path]) -> None:
    other = Tagger.on_encoder(model_folder("albert"), ["PER"], max_length=32)
    named = vectors(tagger, f"mean-last@{model_folder('albert')}")
    assert torch.allclose(named, vectors(other, "mean-last"), atol=1e-6)


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_an_encoder_that_reads_less_than_the_tagger_gets_shorter_windows(
    model_folder: Callable[[str], Path], tmp_path: Path, architecture: str
) -> None:
    small = build_model(architecture, tmp_path / "small", positions=32)
    tagger = Tagger.on_encoder(model_folder("albert"), ["PER"], max_length=60)
    long = labelled(" ".join(TRAIN))
    found = vectors(tagger, f"mean-last@{small}", [long, *SENTENCES])
    # As a tagger on that encoder would make them, whose windows are as long as its positions.
    assert torch.allclose(found, vectors(Tagger.on_encoder(small, ["PER"]), "mean-last", [long, *SENTENCES]), atol=1e-6)
    assert found[0].norm() == pytest.approx(1)


def test_ngrams_know_what_looks_alike(tagger: Tagger) -> None:
    lines = ["Ajax won from PSV", "Ajax wins from PSV", "中国总理访问德国", "a\ud800"]
    found = vectors(tagger, "ngrams", [Sentence.from_tokens(line.split()) for line in lines])
    assert found[0] @ found[1] > 0.5 > 0.1 > found[0] @ found[2]
    # The same on every machine and in every run, unlike Python's own hashes.
    assert found[0].nonzero()[:3, 0].tolist() == [13, 28, 45]


def test_centring_takes_off_what_all_share() -> None:
    shared = torch.tensor([1.0, 0, 0])
    found = functional.normalize(shared * 5 + torch.eye(3)[[1, 2]])
    apart = centre(found, found.mean(0))
    assert found[0] @ found[1] > 0.9
    assert apart[0] @ apart[1] == pytest.approx(-1)
