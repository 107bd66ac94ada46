"""The bundled models are there, small, safe, and do what the README promises."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

import salin
from salin.corpus.catalogue import sha256_of
from salin.models.checksum import weights_checksum
from salin.models.loading import load_config
from salin.models.safety import check_folder

ASSETS = Path(str(files("salin"))) / "assets"
SCORES = Path(__file__).parents[2] / "results" / "bundled.json"
LANGUAGES = ("en", "es", "nl", "de", "fr", "zh", "tl", "ceb")


@pytest.mark.parametrize("name", ["salin-tiny", "salin-tiny-encoder"])
def test_a_bundled_folder_is_safe_and_small(name: str) -> None:
    check_folder(ASSETS / name)
    assert load_config(ASSETS / name).model_type == "modernbert"
    assert (ASSETS / name / "model.safetensors").stat().st_size < 20_000_000


@pytest.fixture(scope="module")
def tagger() -> salin.Tagger:
    return salin.Tagger.from_pretrained("salin-tiny")


def test_the_tagger_finds_names_in_languages_it_has_no_labels_of(tagger: salin.Tagger) -> None:
    """A smoke test with a wide margin; the model card has the figures."""
    spanish = salin.load_open_corpus("es", "test")
    assert salin.evaluate(tagger, spanish).micro.f1 > 0.25


def test_the_scores_of_the_card_belong_to_these_weights() -> None:
    made = json.loads(SCORES.read_text("utf-8"))
    assert made["weights"] == sha256_of(ASSETS / "salin-tiny" / "model.safetensors")
    card = (ASSETS / "salin-tiny" / "README.md").read_text("utf-8")
    for row in made["scores"]:
        assert f"| {row['test']} | {100 * row['plain']['f1']:.1f} [" in card


def test_the_scores_of_the_card_are_measured_again(tagger: salin.Tagger) -> None:
    french = next(row for row in json.loads(SCORES.read_text("utf-8"))["scores"] if row["test"].endswith("fr"))
    corpus = salin.load_open_corpus("fr", "test")
    assert salin.evaluate(tagger, corpus, labels=tagger.labels).micro.f1 == pytest.approx(
        french["plain"]["f1"], abs=0.02
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_offsets_hold_in_every_language(tagger: salin.Tagger, language: str) -> None:
    text = " ".join(sentence.text for sentence in salin.load_open_corpus(language, "test")[:20])
    tagged = tagger.tag(text, language=language)
    assert tagged.text == text
    assert all(text[e.start : e.end] == e.text and 0 <= (e.score or 0) <= 1 for e in tagged.entities)


def test_adaptation_comes_with_its_neighbours_and_leaves_no_trace(tagger: salin.Tagger) -> None:
    before = weights_checksum(tagger.network)
    adapter = salin.Adapter(tagger, salin.load_open_corpus("en", "train").only(tagger.labels))
    tagged = adapter.tag(["Ginebra, 23 may (EFECOM).", "La ministra llegó a Madrid."], language="es")
    assert all(len(sentence.neighbours) == adapter.k for sentence in tagged)
    assert weights_checksum(tagger.network) == before


def test_the_wheel_stays_small() -> None:
    size = sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file())
    assert size < 40_000_000
