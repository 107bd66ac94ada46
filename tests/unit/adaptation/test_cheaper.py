"""Adaptation for less: fewer layers that adapt, and sentences that do not, since nothing like them is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from salin.adaptation.adapter import Adapter
from salin.adaptation.engines import SequentialAdaptation
from salin.adaptation.rules import BertAdam, Rule, Sgd
from salin.adaptation.store import GradientStore, made_with, write_store
from salin.corpus import Sentence
from salin.encoding import Batch
from salin.errors import ModelError, SettingError
from salin.models import Tagger, adapted_parameters
from tiny_corpora import DEV, TRAIN, corpus, labelled
from tiny_models import ARCHITECTURES

SOURCE = corpus()
LONG = labelled(" ".join([*TRAIN[:4], *DEV]))
SENTENCES = [*map(labelled, DEV), labelled(TRAIN[1]), LONG, Sentence("", ())]
RULES: dict[str, Rule] = {"sgd": Sgd(rate=0.5), "bertadam": BertAdam(rate=2e-2)}
BLOCKS = 3  # of the tiny models


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    return awake(model_folder("bert"))


def awake(folder: Path) -> Tagger:
    """A tagger with a random head that finds entities."""
    torch.manual_seed(2)
    made = Tagger.on_encoder(folder, ("LOC", "ORG", "PER"), max_length=24, frozen_blocks=1)
    with torch.no_grad():
        nn.init.normal_(made.network.get_submodule("classifier.classifier").weight, std=0.5)
    return made


@pytest.mark.parametrize(
    ("own", "given", "alone"), [(None, None, True), (None, 0, False), (1, None, False), (1, 3, True)]
)
def test_the_head_adapts_alone_by_default(tagger: Tagger, own: int | None, given: int | None, alone: bool) -> None:
    """A meta-trained tagger, whose settings say what it was trained to adapt, adapts that."""
    tagger.settings = tagger.settings.model_copy(update={"frozen_blocks": own})
    adapted = Adapter(tagger, SOURCE, frozen_blocks=given).adapted
    assert (adapted == ("classifier.classifier",)) is alone


def assert_same(tagged: Sequence[Sentence], expected: Sequence[Sentence]) -> None:
    assert [sentence.spans() for sentence in tagged] == [sentence.spans() for sentence in expected]
    for a, b in zip(tagged, expected, strict=True):
        assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=1e-4)


@pytest.mark.parametrize(
    ("frozen", "blocks"), [(0, {0, 1, 2}), (1, {1, 2}), (2, {2}), (3, set()), (None, {1, 2})], ids=str
)
def test_what_moves_lies_above_the_frozen_blocks(
    tagger: Tagger, frozen: int | None, blocks: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: weight.detach().clone() for name, weight in tagger.network.named_parameters()}
    moved: set[str] = set()

    def watched(self: SequentialAdaptation, batch: Batch, forward: Callable = SequentialAdaptation._forward) -> Tensor:
        moved.update(n for n, weight in tagger.network.named_parameters() if not torch.equal(weight, before[n]))
        return forward(self, batch)

    monkeypatch.setattr(SequentialAdaptation, "_forward", watched)
    adapter = Adapter(tagger, SOURCE, frozen_blocks=frozen, engine="sequential")
    list(adapter.tag_sentences(SENTENCES))
    assert {int(name.split("layer.")[1][0]) for name in moved if "layer." in name} == blocks
    assert {name for name in moved if "layer." not in name} == {
        "classifier.classifier.weight",
        "classifier.classifier.bias",
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_with_all_blocks_frozen_nothing_in_them_adapts(model_folder: Callable[[str], Path], architecture: str) -> None:
    network = Tagger.on_encoder(model_folder(architecture), ("PER",), max_length=24).network
    modules = adapted_parameters(network, BLOCKS).modules
    assert {"classifier.classifier", "classifier.score"} & {*modules}
    assert not [name for name in modules if "layer." in name or "layers." in name or "layer_groups" in name]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("frozen", range(BLOCKS + 1))
def test_engines_and_budgets_agree_whatever_adapts(tagger: Tagger, rule: str, frozen: int) -> None:
    exact = {"rule": RULES[rule], "frozen_blocks": frozen, "keep_dtype": torch.float32}
    sequential = list(Adapter(tagger, SOURCE, engine="sequential", **exact).tag_sentences(SENTENCES))
    kept = Adapter(tagger, SOURCE, **exact)
    list(kept.tag_sentences(SENTENCES))
    assert kept.kept is not None
    computed = kept.kept.misses
    assert_same(list(kept.tag_sentences(SENTENCES)), sequential)
    assert kept.kept.misses == computed, "the second pass computed nothing"
    assert_same(list(Adapter(tagger, SOURCE, keep=0, **exact).tag_sentences(SENTENCES)), sequential)


def test_fewer_layers_keep_fewer_bytes_and_the_head_next_to_none(tagger: Tagger) -> None:
    sizes: list[int] = []
    for frozen in range(BLOCKS + 1):
        adapter = Adapter(tagger, SOURCE, frozen_blocks=frozen)
        list(adapter.tag_sentences(SENTENCES))
        assert adapter.kept is not None
        sizes.append(adapter.kept.bytes)
    assert all(more > less for more, less in pairwise(sizes))
    assert sizes[-1] < sizes[0] / 20


def test_the_head_alone_needs_no_backward_pass_through_the_blocks(tagger: Tagger) -> None:
    asked: list[bool] = []
    stack = tagger.network.get_submodule("classifier.bert.encoder.layer")
    for block in stack.children():
        block.register_forward_hook(
            lambda module, inputs, output: asked.append((output if isinstance(output, Tensor) else output[0])
                                                        .requires_grad)
        )  # fmt: skip
    list(Adapter(tagger, SOURCE, frozen_blocks=BLOCKS).tag_sentences(SENTENCES))
    assert asked and not any(asked)
    list(Adapter(tagger, SOURCE, frozen_blocks=BLOCKS - 1).tag_sentences(SENTENCES))
    assert any(asked)


@pytest.mark.parametrize("options", [{}, {"steps": 2}, {"engine": "sequential"}, {"first_rank": 2}], ids=str)
def test_sentences_without_a_near_support_are_tagged_plainly(tagger: Tagger, options: dict[str, object]) -> None:
    rule = RULES["bertadam"]  # whose weight decay would move weights also where nothing is learned
    everywhere = list(Adapter(tagger, SOURCE, rule=rule, **options).tag_sentences(SENTENCES))
    nearest = [sentence.neighbours[0].similarity for sentence in everywhere[:-1]]
    least = sorted(nearest)[2]  # so that two of four are too far from anything, and one is just near enough
    some = list(Adapter(tagger, SOURCE, rule=rule, min_similarity=least, **options).tag_sentences(SENTENCES))
    plain = list(tagger.tag_sentences(SENTENCES))
    assert [sentence.spans() for sentence in everywhere] != [sentence.spans() for sentence in plain]
    far = [similarity < least for similarity in nearest] + [True]
    assert sum(far) == 3
    assert_same(some, [plain[i] if far[i] else everywhere[i] for i in range(len(some))])
    assert [bool(sentence.neighbours) for sentence in some] == [not one for one in far], "what they learned from"


def test_sentences_that_are_left_alone_cost_no_supports(tagger: Tagger) -> None:
    adapter = Adapter(tagger, SOURCE, min_similarity=0.999)
    assert adapter.kept is not None
    tagged = list(adapter.tag_sentences(SENTENCES))
    learned = sum(bool(sentence.neighbours) for sentence in tagged)
    assert learned == 1, "the one that is in the source"
    assert (adapter.kept.misses, adapter.kept.hits) == (2, 0)
    list(adapter.tag_sentences([sentence for sentence in SENTENCES if sentence.text != SOURCE[1].text]))
    assert (adapter.kept.misses, adapter.kept.hits) == (2, 0)


def test_every_cosine_is_near_enough_for_the_least_one(tagger: Tagger) -> None:
    unlimited, least = (
        list(Adapter(tagger, SOURCE, min_similarity=cosine).tag_sentences(SENTENCES)) for cosine in (None, -1)
    )
    assert least == unlimited


@pytest.mark.parametrize("cosine", [1.5, -2, float("nan")])
def test_what_is_no_cosine_is_refused(tagger: Tagger, cosine: float) -> None:
    with pytest.raises(SettingError, match="min_similarity is a cosine, from -1 to 1"):
        Adapter(tagger, SOURCE, min_similarity=cosine)


def test_blocks_that_do_not_exist_are_refused(tagger: Tagger) -> None:
    with pytest.raises(SettingError, match="cannot be -1"):
        Adapter(tagger, SOURCE, frozen_blocks=-1)
    with pytest.raises(ModelError, match="frozen_blocks is 4, but the encoder has 3 blocks"):
        Adapter(tagger, SOURCE, frozen_blocks=4)


def test_a_store_serves_the_layers_that_it_was_made_for(tagger: Tagger, tmp_path: Path) -> None:
    making = Adapter(tagger, SOURCE).kept
    assert making is not None
    indices = range(len(SOURCE))
    made = made_with(SOURCE, tagger, Sgd())
    write_store(tmp_path, making.computed(indices), making.packing, making.size(indices), making.dtype, made)
    store = GradientStore.open(tmp_path, SOURCE, tagger)
    reading = Adapter(tagger, SOURCE, store=store, frozen_blocks=1, min_similarity=0.0)
    assert_same(list(reading.tag_sentences(SENTENCES)), list(Adapter(tagger, SOURCE, min_similarity=0.0)
                                                             .tag_sentences(SENTENCES)))  # fmt: skip
    with pytest.raises(SettingError, match="gradients of other layers"):
        Adapter(tagger, SOURCE, store=store, frozen_blocks=2)
