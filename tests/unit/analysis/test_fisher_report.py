"""What languages share and what fine-tuning moved, against slow sums over the same halves of sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import svg_files
from salin.analysis import movement
from salin.analysis.fisher import fisher_information
from salin.analysis.fisher_figure import plot_fisher
from salin.analysis.fisher_report import FisherReport, fisher_report
from salin.analysis.fisher_table import movement_table, overlap_table
from salin.analysis.layers import ALL, layers_of
from salin.analysis.movement import binned, correlation, distances
from salin.errors import DataError, ModelError, SettingError
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from tiny_corpora import DEV, TRAIN, corpus

ENGLISH = corpus(TRAIN[:6], name="en")
DUTCH = corpus((TRAIN[6], *DEV, TRAIN[7], "Ajax/B-ORG sprak/O met/O Jan/B-PER"), name="nl")


def fresh(encoder: Path, labels: str = "LOC ORG PER") -> Tagger:
    torch.manual_seed(4)
    return Tagger.on_encoder(encoder, labels.split(), head="crf")


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(model_folder("bert"))


@pytest.fixture
def tuned(model_folder: Callable[[str], Path]) -> Tagger:
    """One whose first block alone has moved, by 0.5 everywhere but at its biases."""
    made = fresh(model_folder("bert"))
    with torch.no_grad():
        for name in layers_of(made.network)["block 0"]:
            if not name.endswith("bias"):
                made.network.get_parameter(name).add_(0.5)
    return made


@pytest.fixture
def report(tagger: Tagger, tuned: Tagger) -> FisherReport:
    return fisher_report(tagger, {"en": ENGLISH, "nl": DUTCH}, {"nl": lambda: tuned}, top=0.2)


def information(tagger: Tagger, sentences: object, chosen: list[int], names: tuple[str, ...]) -> np.ndarray:
    labelled = LabelledSentences.from_corpora([sentences], tagger.settings)
    found = fisher_information(tagger, labelled, chosen)
    return np.concatenate([found[name].flatten().numpy() for name in names])


def highest(values: np.ndarray, share: float) -> set[int]:
    count = round(share * len(values))
    return {int(place) for place in np.argsort(values)[::-1][:count] if values[place] > 0}


def test_two_languages_are_compared_by_halves_of_as_many_sentences(tagger: Tagger, report: FisherReport) -> None:
    """English has six sentences, Dutch five: of each four are taken, two in each half."""
    assert report.sentences == 4
    halves = {"en": (ENGLISH, [0, 3], [1, 4]), "nl": (DUTCH, [0, 2], [1, 3])}
    for layer in ("block 1", "head", ALL):
        names = layers_of(tagger.network).get(layer) or tuple(n for n, _ in tagger.network.named_parameters())
        tops = {
            code: [highest(information(tagger, sentences, half, names), 0.2) for half in both]
            for code, (sentences, *both) in halves.items()
        }
        for first, second in (("en", "nl"), ("nl", "nl")):
            crossed = [
                len(tops[first][one] & tops[second][1 - one]) / min(len(tops[first][one]), len(tops[second][1 - one]))
                for one in (0, 1)
            ]
            (found,) = [o for o in report.overlaps if (o.layer, o.first, o.second) == (layer, first, second)]
            assert found.measured.overlap == pytest.approx(np.mean(crossed), abs=0.02), (layer, first, second)
    (head,) = [o for o in report.overlaps if (o.layer, o.first, o.second) == ("head", "en", "nl")]
    assert head.measured.chance == pytest.approx(0.2, abs=0.01)


def test_the_same_sentences_under_two_names_are_as_alike_as_two_halves(tagger: Tagger) -> None:
    found = fisher_report(tagger, {"en": ENGLISH, "again": ENGLISH})
    by = {(o.layer, o.first, o.second): o.measured for o in found.overlaps}
    for layer in (*found.layers, ALL):
        assert by[layer, "en", "again"] == by[layer, "en", "en"] == by[layer, "again", "again"]
    assert any(measured.overlap < 1 for measured in by.values()), "since their sentences differ"


def test_the_information_of_layers_is_all_of_it(tagger: Tagger, report: FisherReport) -> None:
    assert sum(report.layers.values()) == sum(p.numel() for p in tagger.network.parameters())
    for code in ("en", "nl"):
        own = {one.layer: one for one in report.importance if one.language == code}
        assert list(own) == list(report.layers)
        assert sum(one.share for one in own.values()) == pytest.approx(1)
        ratio = own["head"].share / own["block 0"].share
        assert ratio == pytest.approx(
            own["head"].mean * report.layers["head"] / (own["block 0"].mean * report.layers["block 0"])
        )


def test_what_fine_tuning_moved(tagger: Tagger, tuned: Tagger, report: FisherReport) -> None:
    by = {one.layer: one for one in report.movements}
    assert {one.language for one in report.movements} == {"nl"} and list(by) == list(report.layers)
    assert [layer for layer, one in by.items() if one.distance] == ["block 0"]
    assert by["head"].before == {"en": None, "nl": None}, "nothing moved there, so there is no order"
    names, chosen = layers_of(tagger.network)["block 0"], [0, 2, 1, 3]
    old, new = (
        torch.cat([one.network.get_parameter(name).detach().flatten() for name in names]).numpy()
        for one in (tagger, tuned)
    )
    moved = np.abs(new - old)
    assert set(moved.round(5)) == {0.0, 0.5}
    assert by["block 0"].distance == pytest.approx(moved.mean(), rel=1e-4)
    before, after = (information(one, DUTCH, chosen, names) for one in (tagger, tuned))
    assert by["block 0"].before["nl"] == pytest.approx(spearmanr(before, moved).statistic, abs=1e-3)
    assert by["block 0"].after == pytest.approx(spearmanr(after, moved).statistic, abs=1e-3)
    assert by["block 0"].stays == pytest.approx(spearmanr(before, after).statistic, abs=1e-3)
    assert 0 <= by["block 0"].kept.overlap < 1


def test_large_layers_are_sampled(
    tagger: Tagger, tuned: Tagger, report: FisherReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movement, "_RANKED", 1000)
    sampled = fisher_report(tagger, {"en": ENGLISH, "nl": DUTCH}, {"nl": lambda: tuned}, top=0.2)
    one, other = (next(m for m in found.movements if m.layer == "block 0") for found in (report, sampled))
    assert report.layers["block 0"] > 1000
    assert one.stays != other.stays
    assert other.stays == pytest.approx(one.stays, abs=0.1)
    assert other.distance == one.distance


def test_parts_are_of_equal_size_from_the_least_important_on() -> None:
    importance = np.array([5, 1, 3, 2, 4, 0], dtype=np.float32)
    moved = np.array([50, 10, 30, 20, 40, 0], dtype=np.float32)
    assert binned(importance, moved) == (0, 10, 20, 30, 40, 50)
    twice = binned(np.arange(20, dtype=np.float32), np.arange(20, dtype=np.float32))
    assert twice == tuple(2 * place + 0.5 for place in range(10))


def test_a_correlation_of_what_is_always_the_same_is_none() -> None:
    one, same = np.array([1, 2, 3], dtype=np.float32), np.ones(3, dtype=np.float32)
    assert (correlation(one, same), correlation(same, one)) == (None, None)
    assert (correlation(one, 2 * one), correlation(one, -one)) == (1.0, -1.0)


def test_what_cannot_be_compared_is_refused(tagger: Tagger, model_folder: Callable[[str], Path]) -> None:
    with pytest.raises(SettingError, match="above 0 and below 1"):
        fisher_report(tagger, {"en": ENGLISH}, top=1.0)
    with pytest.raises(SettingError, match="a fine-tuned tagger of es, but no corpus"):
        fisher_report(tagger, {"en": ENGLISH}, {"es": lambda: tagger})
    with pytest.raises(DataError, match="fewer than two sentences"):
        fisher_report(tagger, {"en": ENGLISH[:1]})
    with pytest.raises(ModelError, match="other labels or other parameters"):
        distances(tagger, fresh(model_folder("llama")))
    with pytest.raises(ModelError, match="other labels or other parameters"):
        distances(tagger, fresh(model_folder("bert"), "LOC ORG MISC"))


def test_tables_and_figure(report: FisherReport, tmp_path: Path) -> None:
    table = overlap_table([report, report], "shared")
    assert [row[0] for row in table.rows] == [*report.layers, ALL]
    row = next(row for row in table.rows if row[0] == "block 1")
    (pair,) = [o.measured for o in report.overlaps if (o.layer, o.first, o.second) == ("block 1", "en", "nl")]
    halves = [o.measured.overlap for o in report.overlaps if o.layer == "block 1" and o.first == o.second]
    assert row[4:] == (f"{100 * pair.overlap:.1f}", f"{100 * pair.overlap:.1f} (en nl)",
                       f"{100 * pair.overlap:.1f} (en nl)", f"{100 * np.mean(halves):.1f}")  # fmt: skip
    assert "means over 2 seeds" in table.footer[0]
    moved = movement_table([report], "moved")
    assert ("nl", "block 0") in [row[:2] for row in moved.rows]
    assert next(row for row in moved.rows if row[1] == "head")[3] == ""

    plot_fisher([report], tmp_path / "fisher.svg")
    texts = svg_files.texts(tmp_path / "fisher.svg")
    assert {"block 0", "en", "nl"} <= set(texts)
    assert sum(text.startswith("block 1 (chance") for text in texts) == 1
    assert f"{100 * pair.overlap:.0f}" in texts
    assert len(svg_files.dots(tmp_path / "fisher.svg", "moved-block-0-nl")) == 10


def test_a_report_without_fine_tuning_is_drawn(tagger: Tagger, tmp_path: Path) -> None:
    found = fisher_report(tagger, {"en": ENGLISH, "nl": DUTCH})
    assert asdict(found)["movements"] == ()
    plot_fisher([found], tmp_path / "fisher.svg")
    assert "importance before, tenths" not in svg_files.texts(tmp_path / "fisher.svg")
