"""How far languages are from a text, which is nearest, and how often that is the right one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from salin.analysis.source_choice import (
    MEASURES,
    SENTENCES,
    TOGETHER,
    RankedSource,
    TextProfile,
    largest_first,
    rank_sources,
    script_of,
)
from salin.analysis.source_hits import LARGEST, RANDOM, HitRate, TargetTruth, hit_rates
from salin.corpus import Sentence
from salin.errors import DataError
from salin.models import Tagger
from salin.retrieval import SentenceVectors, VectorSettings

DUTCH = ("De premier sprak met Reuters", "Jan woont in Eindhoven")
AFRIKAANS = ("Die premier praat met Reuters", "Jan woon in Pretoria")
SERBIAN = ("Премијер је говорио", "Јован живи у Београду")


def sentences(lines: Sequence[str]) -> list[Sentence]:
    return [Sentence.from_tokens(line.split(), ["O"] * len(line.split())) for line in lines]


def profile(lines: Sequence[str], vector: Sequence[float] = (1.0, 0.0)) -> TextProfile:
    """With the same vector for every sentence."""

    def vectors(some: Sequence[Sentence]) -> Tensor:
        return torch.tensor([list(vector)] * len(some))

    return TextProfile.of(sentences(lines), vectors)


def test_distances_of_a_text_from_itself_are_zero() -> None:
    others = {"same": profile(DUTCH), "other": profile(SERBIAN, (0.0, 1.0))}
    same, other = rank_sources(profile(DUTCH), others)
    assert same.name == "same"
    assert list(same.distances.values()) == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert list(other.distances)[:3] == list(MEASURES)[:3]
    assert [other.distances[name] for name in ("words", "n-grams", "script")] == [1, 1, 1]
    assert other.distances["representation"] > 1, "on the other side of their mean"


def test_words_are_those_of_the_target() -> None:
    """Of nine words of the target five are in the source; what more the source has changes nothing."""
    found = rank_sources(profile(DUTCH), {"af": profile(AFRIKAANS), "more": profile((*AFRIKAANS, "een twee drie"))})
    assert {source.distances["words"] for source in found} == {1 - 5 / 9}


def test_the_nearest_by_all_measures_comes_first_and_equals_share_a_rank() -> None:
    found = rank_sources(profile(DUTCH), {"sr": profile(SERBIAN, (0.0, 1.0)), "af": profile(AFRIKAANS)})
    assert [source.name for source in found] == ["af", "sr"]
    assert [source.ranks[TOGETHER] for source in found] == [1, 2]
    alike = rank_sources(profile(DUTCH), {"one": profile(AFRIKAANS), "two": profile(AFRIKAANS)})
    assert [source.ranks["script"] for source in alike] == [1.5, 1.5]


def test_sources_that_are_alike_come_by_their_sizes() -> None:
    found = largest_first(ranked(one=1.5, two=1.5, far=3), {"one": 10, "two": 20, "far": 30})
    assert [source.name for source in found] == ["two", "one", "far"]


def test_a_large_corpus_is_looked_at_from_its_first_sentence_to_its_last() -> None:
    """One and a half times as many sentences as are looked at, the second half of them in another script."""
    half = 3 * SENTENCES // 4
    assert profile(("a",) * half + ("ж",) * half).scripts == {"LATIN": SENTENCES // 2, "CYRILLIC": SENTENCES // 2}


def test_numbers_and_signs_are_no_words() -> None:
    with pytest.raises(DataError, match="no words"):
        profile(("2-1 , 23",))
    assert profile(("Ajax 2-1",)).words == {"ajax": 1}


@pytest.mark.parametrize(("letter", "script"), [("a", "LATIN"), ("ñ", "LATIN"), ("ж", "CYRILLIC"), ("中", "CJK")])
def test_scripts(letter: str, script: str) -> None:
    assert script_of(letter) == script


def test_representations_are_those_of_an_encoder(model_folder: Callable[[str], Path]) -> None:
    """The same text is nearer than another, whatever random weights make of it."""
    vectors = SentenceVectors(VectorSettings.parse("mean-last"), Tagger.on_encoder(model_folder("bert"), ["PER"]))
    made = {name: TextProfile.of(sentences(lines), vectors) for name, lines in {"nl": DUTCH, "af": AFRIKAANS}.items()}
    found = {source.name: source.distances["representation"] for source in rank_sources(made["nl"], made)}
    assert found["nl"] == pytest.approx(0, abs=1e-5)
    assert found["af"] > 0.1


def ranked(**ranks: float) -> list[RankedSource]:
    every = {name: dict.fromkeys((*MEASURES, TOGETHER), rank) for name, rank in ranks.items()}
    return [RankedSource(name, {}, of_all) for name, of_all in every.items()]


def rates(*targets: TargetTruth) -> dict[str, HitRate]:
    return {rate.chooser: rate for rate in hit_rates(targets)}


def test_a_hit_is_the_best_source_named_first() -> None:
    sizes = {"en": 1000, "es": 500, "nl": 100, "hr": 10}
    right = TargetTruth("pt", ranked(es=1, en=2, nl=3, hr=4), {"es": 0.6, "en": 0.5, "nl": 0.4, "hr": 0.3}, sizes)
    wrong = TargetTruth("sr", ranked(es=1, en=2, nl=3, hr=4), {"es": 0.2, "en": 0.4, "nl": 0.3, "hr": 0.7}, sizes)
    found = rates(right, wrong)
    assert found[TOGETHER].best == 0.5
    assert found[TOGETHER].among == 0.5, "hr is only the fourth"
    assert found[TOGETHER].lost == pytest.approx(0.25), "nothing in the first target, half of F1 in the second"
    assert found[TOGETHER].correlation == pytest.approx((1.0 - 0.8) / 2)
    assert found[LARGEST].lost == pytest.approx((0.1 + 0.3) / 2)
    assert found[RANDOM].best == 0.25
    assert found[RANDOM].among == 0.75
    assert found[RANDOM].lost == pytest.approx((0.15 + 0.3) / 2)


def test_of_sources_that_are_alike_the_largest_is_taken() -> None:
    truth = TargetTruth("pt", ranked(es=1.5, en=1.5), {"es": 0.6, "en": 0.5}, {"es": 10, "en": 20})
    found = rates(truth)
    assert found["script"].best == 0
    assert found["script"].correlation is None, "there is no order to compare"
