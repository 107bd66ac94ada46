"""Where Wu et al. 2020 and their code disagree on meta-training: each switch does what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from salin.adaptation.engines import BatchedAdaptation
from salin.adaptation.rules import Sgd
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.checksum import weights_checksum
from salin.training.loop import LoopSettings
from salin.training.meta import MetaBatches, MetaSettings, train_meta
from salin.training.objectives import TaskGroup
from tiny_corpora import DEV, corpus

SOURCE = corpus()
HEAD = ("classifier.classifier",)


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(model_folder("bert"))


def fresh(folder: Path) -> Tagger:
    torch.manual_seed(3)
    return Tagger.on_encoder(folder, ["LOC", "ORG", "PER"])


def settings(**changes: Any) -> MetaSettings:
    return MetaSettings(**{"loop": LoopSettings(steps=2, learning_rate=1e-3), "batch": len(SOURCE), **changes})


def group_of(tagger: Tagger, **changes: Any) -> TaskGroup:
    (group,) = MetaBatches.of(tagger, [SOURCE], settings(**changes))(0).groups
    return group


def test_the_nearest_sentence_may_be_left_out(tagger: Tagger) -> None:
    three = MetaBatches.of(tagger, [SOURCE], settings(k=3)).neighbours
    assert MetaBatches.of(tagger, [SOURCE], settings(k=2)).neighbours == tuple(near[:2] for near in three)
    assert MetaBatches.of(tagger, [SOURCE], settings(k=2, first_rank=2)).neighbours == tuple(n[1:] for n in three)


def test_a_rank_that_no_sentence_has_is_refused(tagger: Tagger) -> None:
    last = len(SOURCE) - 1
    assert any(MetaBatches.of(tagger, [SOURCE], settings(first_rank=last)).neighbours)
    with pytest.raises(SettingError, match=rf"no source sentence has a support: first_rank is {last + 1}"):
        MetaBatches.of(tagger, [SOURCE], settings(first_rank=last + 1))


def test_supports_may_come_from_other_languages_or_from_the_same(tagger: Tagger) -> None:
    """Two copies of the same sentences as two languages: exact copies are no supports wherever they stand."""
    english, dutch = replace(SOURCE, language="en"), replace(SOURCE, language="nl")
    count = len(SOURCE)

    def supports(wanted: str) -> list[list[int]]:
        batches = MetaBatches.of(tagger, [english, dutch], settings(supports_from=wanted))
        return [list(near) for near in batches.neighbours]

    alone = [list(near) for near in MetaBatches.of(tagger, [english], settings()).neighbours]
    assert supports("same") == [*alone, *([index + count for index in near] for near in alone)]
    assert supports("other") == [*([index + count for index in near] for near in alone), *alone]
    assert supports("any") != supports("same")


def test_the_languages_have_to_be_known_and_different(tagger: Tagger) -> None:
    english = replace(SOURCE, language="en")
    with pytest.raises(SettingError, match=r"language of every source; that of tiny is not known"):
        MetaBatches.of(tagger, [english, SOURCE], settings(supports_from="same"))
    with pytest.raises(SettingError, match="these are all in 'en'"):
        MetaBatches.of(tagger, [english, english], settings(supports_from="other"))


def test_supports_may_be_masked_like_queries(tagger: Tagger) -> None:
    """With a rate of 1 every entity word of both is hidden, and no other word."""
    plain, masked = group_of(tagger, mask_rate=1.0), group_of(tagger, mask_rate=1.0, mask_supports=True)
    hidden = masked.support.batch.input_ids == tagger.tokenizer.mask_token_id
    kept = torch.where(hidden, plain.support.batch.input_ids, masked.support.batch.input_ids)
    assert torch.equal(kept, plain.support.batch.input_ids), "nothing else changes"
    assert not (plain.support.batch.input_ids == tagger.tokenizer.mask_token_id).any()
    at_words = masked.support.batch.at_words(hidden.long()[:, :, None])[:, 0].bool()
    assert torch.equal(at_words, masked.support_gold.tags > 0)


def test_supports_may_have_the_same_say_however_long_they_are(tagger: Tagger) -> None:
    """A step on two supports is half a step on each; by words it is more of that on the longer."""
    network = tagger.network.double().eval()

    def gradient(aggregation: Any, **changes: Any) -> Tensor:
        group = group_of(tagger, batch=1, **changes)
        engine = BatchedAdaptation(network, HEAD, Sgd(0.1), aggregation=aggregation)
        return engine.gradients(group.support, group.support_gold)[HEAD[0]].weight.dense()

    batches = MetaBatches.of(tagger, [SOURCE], settings(batch=1))
    words = [len(SOURCE[support].words) for query in batches.epochs(0) for support in batches.neighbours[query]]
    assert words == [4, 5]
    first, second = gradient("token-mean", k=1), gradient("token-mean", k=1, first_rank=2)
    assert torch.allclose(gradient("sentence-mean"), (first + second) / 2)
    assert torch.allclose(gradient("token-mean"), (words[0] * first + words[1] * second) / sum(words))


@pytest.mark.parametrize("changes", [{"first_rank": 2}, {"mask_supports": True}, {"loss_aggregation": "sentence-mean"}])
def test_each_switch_reaches_the_training(model_folder: Callable[[str], Path], changes: dict[str, Any]) -> None:
    trained: list[str] = []
    for how in ({}, {}, changes):
        tagger = fresh(model_folder("bert"))
        train_meta(tagger, [SOURCE], corpus(DEV, name="dev"), settings(mask_rate=0.5, inner_rate=0.5, **how))
        trained.append(weights_checksum(tagger.network))
    assert trained[0] == trained[1] != trained[2]
