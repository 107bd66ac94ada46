"""Pruning keeps exactly the stated share, scores what is left, and puts everything back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import svg_files
from salin.analysis.layers import ALL
from salin.analysis.magnitude import magnitude_masks, prunable, prunable_layers, pruned
from salin.analysis.mask_overlap import mask_overlaps
from salin.analysis.pruning import PrunedScore, PruningTest, Retraining, pruned_scores
from salin.analysis.pruning_figure import plot_pruning
from salin.analysis.pruning_table import mask_table, pruning_table
from salin.errors import SettingError
from salin.evaluation import evaluate
from salin.models import Tagger
from salin.models.checksum import weights_checksum
from salin.training.direct import train_direct
from salin.training.loop import LoopSettings
from salin.training.methods import MethodSettings
from tiny_corpora import DEV, TRAIN, corpus

BYTES = "byte-bilstm:byte_embedding=6,byte_hidden=5,word_hidden=7"
SETTINGS = MethodSettings(loop=LoopSettings(steps=40, learning_rate=5e-3, evaluate_every=20), batch=8, select="loss")


def fresh(encoder: str | Path, seed: int = 2) -> Tagger:
    torch.manual_seed(seed)
    return Tagger.on_encoder(encoder, ["LOC", "ORG", "PER"])


@pytest.fixture(params=["bert", "llama", BYTES])
def tagger(request: pytest.FixtureRequest, model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(request.param if request.param == BYTES else model_folder(request.param))


@pytest.fixture
def trained(model_folder: Callable[[str], Path]) -> Tagger:
    made = fresh(model_folder("bert"))
    train_direct(made, [corpus()], corpus(DEV), SETTINGS)
    return made


def test_weights_of_linear_and_recurrent_layers_are_pruned_alone(tagger: Tagger) -> None:
    names = set(prunable(tagger.network))
    every = dict(tagger.network.named_parameters())
    assert names
    assert all(every[name].dim() == 2 for name in names)
    assert not [name for name in names if "embed" in name or "norm" in name.lower() or name.startswith("crf")]
    left = {name for name in every if name not in names}
    assert all(every[name].dim() == 1 or "embed" in name or name == "crf.between" for name in left)
    assert {name for some in prunable_layers(tagger.network).values() for name in some} == names


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9])
def test_exactly_the_smallest_weights_of_all_are_left_out(tagger: Tagger, sparsity: float) -> None:
    masks, weights = magnitude_masks(tagger.network, sparsity, "global"), prunable(tagger.network)
    assert {name: mask.shape for name, mask in masks.items()} == {name: w.shape for name, w in weights.items()}
    magnitudes = sorted((abs(v), bool(k)) for name, w in weights.items()
                        for v, k in zip(w.flatten().tolist(), masks[name].flatten().tolist(), strict=True))  # fmt: skip
    count = round(sparsity * len(magnitudes))
    assert [kept for _, kept in magnitudes] == [False] * count + [True] * (len(magnitudes) - count)


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
def test_each_layer_loses_its_share(tagger: Tagger, sparsity: float) -> None:
    masks, weights = magnitude_masks(tagger.network, sparsity, "layer"), prunable(tagger.network)
    for layer, names in prunable_layers(tagger.network).items():
        values = torch.cat([weights[name].detach().flatten() for name in names]).abs()
        kept = torch.cat([masks[name].flatten() for name in names])
        assert int((~kept).sum()) == round(sparsity * len(values)), layer
        assert float(values[~kept].max()) <= float(values[kept].min())
    whole = magnitude_masks(tagger.network, sparsity, "global")
    assert any(not torch.equal(whole[name], mask) for name, mask in masks.items())


def test_equal_weights_do_not_change_the_share(model_folder: Callable[[str], Path]) -> None:
    made = fresh(model_folder("bert"))
    with torch.no_grad():
        for weight in prunable(made.network).values():
            weight.fill_(-1)
    masks = magnitude_masks(made.network, 0.3, "global")
    count = sum(mask.numel() for mask in masks.values())
    assert sum(int((~mask).sum()) for mask in masks.values()) == round(0.3 * count)


def test_a_share_that_is_none_is_refused(tagger: Tagger) -> None:
    for wrong in (-0.1, 1.0):
        with pytest.raises(SettingError, match="from 0 to less than 1"):
            magnitude_masks(tagger.network, wrong, "global")


def test_weights_are_put_back_also_after_an_error(tagger: Tagger) -> None:
    before, masks = weights_checksum(tagger.network), magnitude_masks(tagger.network, 0.5, "global")
    left: list[bool] = []

    def interrupted() -> None:
        with pruned(tagger.network, masks):
            left.extend(bool(w[~masks[name]].any()) for name, w in prunable(tagger.network).items())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(left)
    assert weights_checksum(tagger.network) == before


def test_scores_over_sparsity(trained: Tagger) -> None:
    """Each is what evaluating a copy with these weights zeroed gives; at 0 it is the tagger as it is."""
    before, test = weights_checksum(trained.network), corpus(TRAIN)
    found = pruned_scores(trained, {"en": PruningTest(test)}, [0.5, 0.97])
    assert weights_checksum(trained.network) == before
    assert [(one.scope, one.sparsity) for one in found] == [
        (scope, sparsity) for scope in ("global", "layer") for sparsity in (0.0, 0.5, 0.97)
    ]
    assert found[0].f1 == evaluate(trained, test).micro.f1 > 0.5
    assert found[2].f1 < found[0].f1
    masks = magnitude_masks(trained.network, 0.5, "global")
    with torch.no_grad():
        for name, weight in prunable(trained.network).items():
            weight *= masks[name]
    result = evaluate(trained, test)
    assert (found[1].f1, found[1].low, found[1].high) == (result.micro.f1, result.interval.low, result.interval.high)


def test_labels_that_do_not_count(trained: Tagger) -> None:
    tests = {"all": PruningTest(corpus(TRAIN)), "people": PruningTest(corpus(TRAIN), ["PER"])}
    found = {one.test: one.f1 for one in pruned_scores(trained, tests, []) if one.scope == "global"}
    assert found["people"] == evaluate(trained, corpus(TRAIN), labels=["PER"]).micro.f1


def test_training_again_brings_something_back_and_leaves_no_trace(trained: Tagger) -> None:
    before, settings = weights_checksum(trained.network), trained.settings
    again = Retraining([corpus()], [corpus(DEV)], SETTINGS, [0.8])
    told: list[str] = []
    found = pruned_scores(
        trained, {"en": PruningTest(corpus(TRAIN))}, [0.8, 0.9], again, title="mono", tell=told.append
    )
    by = {(one.scope, one.retrained, one.sparsity): one.f1 for one in found}
    assert [key for key in by if key[1]] == [("global", True, 0.8), ("layer", True, 0.8)]
    assert by["global", True, 0.8] > by["global", False, 0.8]
    assert (weights_checksum(trained.network), trained.settings) == (before, settings)
    assert told[0] == "mono: 80% left out, global"


def test_overlaps_of_masks_are_those_of_sets(model_folder: Callable[[str], Path]) -> None:
    taggers = {"one": fresh(model_folder("bert"), 1), "other": fresh(model_folder("bert"), 2)}
    with torch.no_grad():
        for weight in prunable(taggers["other"].network).values():
            weight += 0.1 * torch.randn_like(weight)
    found = mask_overlaps({name: lambda made=made: made for name, made in taggers.items()}, [0.6])
    layers = prunable_layers(taggers["one"].network)
    assert [(one.scope, one.layer) for one in found] == [(s, la) for s in ("global", "layer") for la in (*layers, ALL)]
    for one in found:
        names = layers.get(one.layer) or [name for some in layers.values() for name in some]
        kept = []
        for made in taggers.values():
            masks = magnitude_masks(made.network, 0.6, one.scope)
            kept.append({(name, i) for name in names for i, k in enumerate(masks[name].flatten().tolist()) if k})
        assert one.measured.iou == pytest.approx(len(kept[0] & kept[1]) / len(kept[0] | kept[1]))
        assert one.measured.overlap == pytest.approx(len(kept[0] & kept[1]) / min(map(len, kept)))
    everything = next(one for one in found if (one.scope, one.layer) == ("layer", ALL))
    assert everything.measured.chance == pytest.approx(0.4, abs=0.01)
    assert everything.measured.chance_iou == pytest.approx(0.4 / (2 - 0.4), abs=0.01)


def test_layers_of_other_shapes_are_not_compared(model_folder: Callable[[str], Path]) -> None:
    taggers = {"three": fresh(model_folder("bert")), "one": Tagger.on_encoder(model_folder("bert"), ["PER"])}
    found = mask_overlaps({name: lambda made=made: made for name, made in taggers.items()}, [0.5])
    layers = {one.layer for one in found}
    assert "block 0" in layers and "head" not in layers and ALL not in layers
    assert {one.measured.iou for one in found if (one.layer, one.scope) == ("block 0", "layer")} == {1.0}


def scored(test: str, scope: str, sparsity: float, f1: float, *, retrained: bool = False) -> PrunedScore:
    return PrunedScore(test, scope, retrained, sparsity, f1, f1 - 0.1, f1 + 0.1)  # pyright: ignore[reportArgumentType]


def test_the_figure_has_a_line_for_each_tagger_in_each_panel(tmp_path: Path) -> None:
    poly = [scored("en", scope, s, 0.8 - s / 2) for scope in ("global", "layer") for s in (0.0, 0.5)]
    mono = [*poly, scored("en", "global", 0.5, 0.6, retrained=True)]
    plot_pruning({"mono": mono, "poly+ft": poly}, tmp_path / "one.svg")
    assert len(svg_files.lines(tmp_path / "one.svg", "pruned-global-en-mono")[0]) == 2
    assert len(svg_files.dots(tmp_path / "one.svg", "again-global-en-mono")) == 1
    shown = svg_files.texts(tmp_path / "one.svg")
    assert {"global", "layer", "global, trained again", "mono", "poly+ft"} <= set(shown)
    assert "bootstrap interval" in " ".join(shown)
    plot_pruning({"mono": [*mono, *mono]}, tmp_path / "two.svg")
    assert "Means over 2 seeds" in " ".join(svg_files.texts(tmp_path / "two.svg"))


def test_tables_show_means(tmp_path: Path) -> None:
    some = [scored("en", "global", 0.5, f1) for f1 in (0.2, 0.4)] + [scored("en", "global", 0.5, 0.9, retrained=True)]
    table = pruning_table({"mono": some}, "pruned")
    assert table.columns[-1] == "50"
    assert table.rows == (("en", "mono", "global", "", "30.0"), ("en", "mono", "global", "yes", "90.0"))
    assert mask_table([], "masks").rows == ()
