"""Direct training, meta-training and fine-tuning of tiny taggers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from salin.adaptation.engines import find_adaptable
from salin.adaptation.layout import TaskBatch
from salin.adaptation.rules import RuleName
from salin.corpus import Corpus, Sentence
from salin.errors import DataError, ModelError, SettingError
from salin.models import Tagger
from salin.models.checksum import weights_checksum
from salin.models.parameters import block_stack
from salin.training.direct import DirectBatches, train_direct
from salin.training.finetune import finetune, fraction
from salin.training.loop import LoopSettings
from salin.training.meta import MetaBatches, MetaSettings, train_meta
from salin.training.methods import MethodSettings, SwitchingSettings
from salin.training.objectives import DirectObjective, MetaObjective
from tiny_corpora import DEV, TRAIN, corpus
from tiny_models import ARCHITECTURES

LABELS = ["LOC", "ORG", "PER"]
SOURCE, DEVELOPMENT = corpus(), corpus(DEV, name="dev")
PEOPLE = corpus(("Jan/B-PER sprak/O in/O Lisbon/O", "Maria/B-PER met/O Jan/B-PER"), name="people")


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(model_folder("bert"))


def fresh(folder: Path, **options: Any) -> Tagger:
    torch.manual_seed(3)
    return Tagger.on_encoder(folder, LABELS, **options)


def loop(**changes: Any) -> LoopSettings:
    return LoopSettings(**{"steps": 30, "learning_rate": 3e-3, "log_every": 5, **changes})


def direct(changes: dict[str, Any] | None = None, **of_loop: Any) -> MethodSettings:
    return MethodSettings(loop=loop(**of_loop), **{"batch": 4, **(changes or {})})


def meta(changes: dict[str, Any] | None = None, **of_loop: Any) -> MetaSettings:
    return MetaSettings(loop=loop(**of_loop), **{"batch": 4, "inner_rate": 0.1, **(changes or {})})


@pytest.fixture
def switching(tmp_path: Path) -> SwitchingSettings:
    path = tmp_path / "nl.tsv"
    path.write_text("won\tgewonnen\npremier\tminister-president\non\top de\n", encoding="utf-8")
    return SwitchingSettings(lexicons={"nl": (path,)}, sentence_rate=0.5)


def loss_of(tagger: Tagger, sources: list) -> float:
    batch = DirectBatches.of(tagger, sources, direct({"batch": sum(map(len, sources))}))(0)
    with torch.no_grad():
        return float(DirectObjective()(tagger.network, batch)["loss"])


@pytest.mark.parametrize(
    "changes",
    [{}, {"mask_rate": 0.2, "max_weight": 0.5}],
    ids=["plain", "masked-max"],
)
def test_direct_training_learns(tagger: Tagger, changes: dict[str, Any]) -> None:
    before = loss_of(tagger, [SOURCE])
    figures = train_direct(tagger, [SOURCE], SOURCE, direct(changes, steps=60))
    assert loss_of(tagger, [SOURCE]) < 0.5 * before
    assert figures["step"] == 60
    assert 0 <= figures["f1"] <= 1
    assert set(figures) == {"f1", "step", "temperature"}, "F1 of each type is for the log"


@pytest.mark.parametrize("head", ["crf", "free-crf"])
def test_a_crf_learns(model_folder: Callable[[str], Path], head: str) -> None:
    tagger = fresh(model_folder("bert"), head=head)
    before = loss_of(tagger, [SOURCE])
    start = tagger.network.crf.start.clone()
    train_direct(tagger, [SOURCE], SOURCE, direct(steps=60))
    assert loss_of(tagger, [SOURCE]) < 0.5 * before
    assert not torch.equal(start, tagger.network.crf.start)
    with pytest.raises(SettingError, match="max loss"):
        train_direct(tagger, [SOURCE], DEVELOPMENT, direct({"max_weight": 1.0}, steps=1))


def test_a_crf_learns_from_long_sentences(model_folder: Callable[[str], Path]) -> None:
    tagger = fresh(model_folder("bert"), head="crf", max_length=10)
    long = corpus((" ".join(TRAIN),))
    assert loss_of(tagger, [long]) < 20
    train_direct(tagger, [long], long, direct({"batch": 1}, steps=20))


@pytest.mark.parametrize("rule", ["sgd", "bertadam"])
def test_meta_training_learns(tagger: Tagger, rule: str) -> None:
    rate = {"sgd": 0.1, "bertadam": 1e-3}[rule]
    settings = meta({"rule": rule, "inner_rate": rate, "mask_rate": 0.2, "max_weight": 0.5}, steps=40)
    batches = MetaBatches.of(tagger, [SOURCE], settings)
    modules = find_adaptable(tagger.network, 1).modules
    objective = MetaObjective(modules, settings.rule, rate, 2, 0.0)
    before = objective(tagger.network, batches(0))["loss"].item()
    train_meta(tagger, [SOURCE], SOURCE, settings)
    assert objective(tagger.network, batches(0))["loss"].item() < 0.6 * before


def test_meta_training_of_a_crf(model_folder: Callable[[str], Path]) -> None:
    tagger = fresh(model_folder("bert"), head="crf")
    before = loss_of(tagger, [SOURCE])
    train_meta(tagger, [SOURCE], SOURCE, meta(steps=30))
    assert loss_of(tagger, [SOURCE]) < 0.8 * before


@pytest.mark.parametrize("method", ["direct", "meta"])
@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_a_step_on_sentences_without_words_costs_nothing(
    model_folder: Callable[[str], Path], method: str, head: str
) -> None:
    """Examples of like length come together, so a corpus with many empty texts has steps that see nothing else."""
    tagger = fresh(model_folder("bert"), head=head)
    source = Corpus((*[Sentence("", ())] * 12, *SOURCE), name="with empty texts")
    settings = {"direct": direct, "meta": meta}[method]({"batch": 2}, steps=10)
    batches = {"direct": DirectBatches, "meta": MetaBatches}[method].of(tagger, [source], settings)
    golds = [batch.gold if method == "direct" else batch.groups[0].query_gold for batch in map(batches, range(10))]
    empty = [step for step, gold in enumerate(golds) if not len(gold.tags)]
    assert len(empty) == 6
    objective = {
        "direct": DirectObjective(),
        "meta": MetaObjective(find_adaptable(tagger.network, 1).modules, "sgd", 0.1, 2, 0),
    }
    loss = objective[method](tagger.network, batches(empty[0]))["loss"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in tagger.network.parameters())
    before = loss_of(tagger, [SOURCE])
    {"direct": train_direct, "meta": train_meta}[method](tagger, [source], DEVELOPMENT, settings)
    assert loss_of(tagger, [SOURCE]) < before


@pytest.mark.parametrize("train", ["direct", "meta"])
def test_bf16_is_near_fp32(model_folder: Callable[[str], Path], train: str) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        tagger = fresh(model_folder("bert"))
        settings = {"direct": direct, "meta": meta}[train](steps=10, precision=precision)
        {"direct": train_direct, "meta": train_meta}[train](tagger, [SOURCE], DEVELOPMENT, settings)
        losses[precision] = loss_of(tagger, [SOURCE])
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.2)
    assert losses["bf16"] != losses["fp32"]


@pytest.mark.parametrize("method", ["direct", "meta"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_frozen_blocks_stay_as_they_are(model_folder: Callable[[str], Path], architecture: str, method: str) -> None:
    tagger = fresh(model_folder(architecture))
    before = {name: parameter.detach().clone() for name, parameter in tagger.network.named_parameters()}
    settings = {"direct": direct, "meta": meta}[method]({"frozen_blocks": 1}, steps=2)
    {"direct": train_direct, "meta": train_meta}[method](tagger, [SOURCE], DEVELOPMENT, settings)
    changed = {
        name for name, parameter in tagger.network.named_parameters() if not torch.equal(before[name], parameter)
    }
    stack = block_stack(tagger.network.classifier, tagger.network.classifier.config.num_hidden_layers)
    assert not any("embed" in name or name.startswith(f"classifier.{stack}.0.") for name in changed)
    assert {"classifier.classifier.weight", "classifier.score.weight"} & changed
    assert stack is None or any(name.startswith(f"classifier.{stack}.1.") for name in changed)
    assert all(parameter.requires_grad for parameter in tagger.network.parameters()), "as before"


def test_more_frozen_blocks_than_there_are_is_an_error(tagger: Tagger) -> None:
    with pytest.raises(ModelError, match="frozen_blocks is 9, but the encoder has 3 blocks"):
        train_direct(tagger, [SOURCE], DEVELOPMENT, direct({"frozen_blocks": 9}))


def test_training_is_deterministic(model_folder: Callable[[str], Path], switching: SwitchingSettings) -> None:
    for method, settings in (
        (train_direct, direct({"switching": switching, "mask_rate": 0.2}, steps=5)),
        (train_meta, meta({"switching": switching, "mask_rate": 0.2}, steps=5)),
    ):
        checksums = set()
        for _ in range(2):
            tagger = fresh(model_folder("bert"))
            method(tagger, [SOURCE], DEVELOPMENT, settings)
            checksums.add(weights_checksum(tagger.network))
        assert len(checksums) == 1


@pytest.mark.parametrize("method", ["direct", "meta"])
def test_the_language_that_lexicons_translate_from_is_one_of_the_sources(
    tagger: Tagger, switching: SwitchingSettings, method: str
) -> None:
    """Else nothing would be switched, and nobody would know."""
    batches = {"direct": DirectBatches, "meta": MetaBatches}[method]

    def switched(language: str, *sources: Corpus) -> None:
        how = {"switching": switching.model_copy(update={"language": language})}
        batches.of(tagger, sources, {"direct": direct, "meta": meta}[method](how))

    english, dutch = replace(SOURCE, language="en"), replace(SOURCE, language="nl")
    switched("en", english, dutch)
    with pytest.raises(SettingError, match="translate from 'de', and the sources are in en, nl"):
        switched("de", english, dutch)
    with pytest.raises(SettingError, match="'en' alone needs the language of every source; that of tiny is not known"):
        switched("en", english, SOURCE)


def test_a_batch_depends_on_seed_and_step_alone(tagger: Tagger, switching: SwitchingSettings) -> None:
    changes = {"switching": switching, "mask_rate": 0.3}
    for batches_of, settings in ((DirectBatches, direct(changes)), (MetaBatches, meta(changes))):
        first, second = (batches_of.of(tagger, [SOURCE], settings) for _ in range(2))
        torch.manual_seed(99)
        for step in (7, 0, 7):
            assert equal(first(step), second(step))
        assert not equal(first(0), first(1))
        other = batches_of.of(tagger, [SOURCE], settings.model_copy(update={"seed": 1}))
        assert not equal(first(0), other(0))


def test_supports_are_others_and_neither_masked_nor_switched(tagger: Tagger, switching: SwitchingSettings) -> None:
    every = switching.model_copy(update={"sentence_rate": 1.0, "word_rate": 1.0})
    changes = {"batch": 8, "mask_rate": 1.0, "switching": every}
    batches = MetaBatches.of(tagger, [SOURCE], meta(changes))
    assert all(len(near) == 2 and query not in near for query, near in enumerate(batches.neighbours))
    (group,) = batches(0).groups
    mask = tagger.tokenizer.mask_token_id
    assert (group.query.batch.input_ids == mask).any()
    assert not (group.support.batch.input_ids == mask).any()
    (plain,) = MetaBatches.of(tagger, [SOURCE], meta({"batch": 8}))(0).groups
    assert equal(group.support, plain.support)
    assert equal(group.support_gold, plain.support_gold)
    assert not equal(group.query, plain.query)
    (switched,) = MetaBatches.of(tagger, [SOURCE], meta({**changes, "switch_supports": True}))(0).groups
    assert not equal(switched.support, plain.support)


@pytest.mark.parametrize("rule", ["sgd", "bertadam"])
def test_a_step_in_little_memory_gives_the_same_gradients(tagger: Tagger, rule: RuleName) -> None:
    """Tasks of like length go together, as many as memory allows, and such groups one after another."""
    tagger.settings = tagger.settings.model_copy(update={"frozen_blocks": 1})  # as `train_meta` does
    settings = meta({"batch": 8, "mask_rate": 0.5, "rule": rule})
    objective = MetaObjective(find_adaptable(tagger.network, 1).modules, rule, 0.1, 2, 2.0)
    network = tagger.network.double().eval()
    batches = MetaBatches.of(tagger, [SOURCE], settings)
    found = []
    for share in (1, 1000):
        footprint = replace(batches.footprint, budget=batches.footprint.budget // share)
        batch = replace(batches, footprint=footprint)(0)
        network.zero_grad()
        losses = []
        for portion in batch.portions():
            loss = objective(network, portion)["loss"]
            loss.backward()
            losses.append(loss.detach())
        gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        found.append((len(losses), sum(group.query.tasks for group in batch.groups), float(sum(losses)), gradients))
    (one, tasks, loss, together), (several, same_tasks, same_loss, apart) = found
    assert one == 1 < several
    assert tasks == same_tasks == 8
    assert same_loss == pytest.approx(loss, abs=1e-12)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(together, apart, strict=True))


@pytest.mark.parametrize("rule", ["sgd", "bertadam"])
def test_the_meta_gradient_in_bf16_is_near_that_in_fp32(tagger: Tagger, rule: RuleName) -> None:
    rate = {"sgd": 0.1, "bertadam": 1e-3}[rule]
    batch = MetaBatches.of(tagger, [SOURCE], meta({"batch": 8, "rule": rule}))(0)
    found = []
    for enabled, inner_rate in ((False, rate), (True, rate), (False, 0.0)):
        objective = MetaObjective(find_adaptable(tagger.network, 1).modules, rule, inner_rate, 2, 0.5)
        tagger.network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = objective(tagger.network, batch)["loss"]
        assert loss.dtype == torch.float32
        loss.backward()
        found.append(torch.cat([p.grad.flatten() for p in tagger.network.parameters() if p.grad is not None]))
    exact, rounded, without_steps = found
    effect = (exact - without_steps).norm()
    assert effect > 0.1 * exact.norm(), "the inner steps matter"
    assert (exact - rounded).norm() < 0.2 * effect


def test_switched_supports_are_in_the_language_of_their_query(tagger: Tagger, tmp_path: Path) -> None:
    lexicons = {}
    for language in ("nl", "sv"):
        # Every word of a language is the same one, so that pieces tell the language.
        words = {word for sentence in SOURCE for word in sentence.tokens}
        lines = "".join(f"{word}\t{'Lisbon' if language == 'nl' else 'Ajax'}\n" for word in words)
        (tmp_path / f"{language}.tsv").write_text(lines, encoding="utf-8")
        lexicons[language] = (tmp_path / f"{language}.tsv",)
    switching = SwitchingSettings(lexicons=lexicons, sentence_rate=1.0, word_rate=1.0)
    batches = MetaBatches.of(tagger, [SOURCE], meta({"batch": 8, "switching": switching, "switch_supports": True}))
    seen = set()
    for step in range(4):
        (batch,) = batches(step).groups
        query, support = (
            part.batch.input_ids.view(part.tasks, -1).masked_fill(~_content(tagger, part), 0)
            for part in (batch.query, batch.support)
        )
        for of_query, of_support in zip(query, support, strict=True):
            languages = set(of_query.tolist()) - {0}
            assert languages == set(of_support.tolist()) - {0}
            seen.add(tuple(sorted(languages)))
    assert len(seen) == 2


def _content(tagger: Tagger, part: TaskBatch) -> Tensor:
    """Where pieces of words stand."""
    special = torch.tensor(tagger.tokenizer.all_special_ids)
    return ~torch.isin(part.batch.input_ids, special).view(part.tasks, -1)


def test_the_inner_rate_follows_the_outer_schedule(tagger: Tagger) -> None:
    settings = meta(steps=10, warmup=0.5)
    batches = MetaBatches.of(tagger, [SOURCE], settings)
    assert [batches(step).rate_share for step in (0, 4, 9)] == [settings.loop.rate(step) for step in (0, 4, 9)]


def test_corpora_that_annotate_different_types(tagger: Tagger) -> None:
    before = loss_of(tagger, [SOURCE, PEOPLE])
    train_direct(tagger, [SOURCE, PEOPLE], DEVELOPMENT, direct(steps=20))
    assert loss_of(tagger, [SOURCE, PEOPLE]) < before
    train_meta(tagger, [SOURCE, PEOPLE], DEVELOPMENT, meta({"batch": 3}, steps=2))
    misc = corpus(("EFECOM/B-MISC",), name="misc")
    for method, settings in ((train_direct, direct()), (train_meta, meta())):
        with pytest.raises(DataError, match="misc has the label MISC"):
            method(tagger, [SOURCE, misc], DEVELOPMENT, settings)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch": 5}, "method.batch: 4 then, 5 now"),
        ({"mask_rate": 0.1}, "method.mask_rate"),
        ({"seed": 1}, "method.seed"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(
    tagger: Tagger, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    train_direct(tagger, [SOURCE], DEVELOPMENT, direct(steps=2), folder=tmp_path)
    with pytest.raises(SettingError, match=named):
        train_direct(tagger, [SOURCE], DEVELOPMENT, direct(changes, steps=2), folder=tmp_path)


def test_a_run_is_not_resumed_with_other_data(tagger: Tagger, tmp_path: Path) -> None:
    train_direct(tagger, [SOURCE], DEVELOPMENT, direct(steps=2), folder=tmp_path)
    for source, dev, named in (([PEOPLE], DEVELOPMENT, "source"), ([SOURCE], SOURCE, "dev")):
        with pytest.raises(SettingError, match=named):
            train_direct(tagger, source, dev, direct(steps=2), folder=tmp_path)


def test_a_run_goes_on_where_its_files_have_moved_to(
    model_folder: Callable[[str], Path], tmp_path: Path, switching: SwitchingSettings
) -> None:
    (dictionary,) = switching.lexicons["nl"]
    encoder, moved = tmp_path / "here" / "encoder", tmp_path / "there"
    shutil.copytree(model_folder("bert"), encoder)

    def train(folder: Path) -> dict[str, float]:
        lexicons = SwitchingSettings(lexicons={"nl": (folder / dictionary.name,)})
        how = meta({"switching": lexicons, "vectors": f"cls-last@{folder / 'encoder'}"}, steps=2)
        return train_meta(fresh(model_folder("bert")), [SOURCE], DEVELOPMENT, how, folder=tmp_path / "run")

    dictionary.rename(encoder.parent / dictionary.name)
    figures = train(encoder.parent)
    encoder.parent.rename(moved)
    assert train(moved) == figures
    assert str(tmp_path) not in (tmp_path / "run" / "checkpoint" / "state.json").read_text(encoding="utf-8")
    with (moved / dictionary.name).open("a", encoding="utf-8") as file:
        file.write("Friday\tvrijdag\n")
    with pytest.raises(SettingError, match=r"method\.switching"):
        train(moved)


def test_a_run_goes_on_after_a_setting_was_added(tagger: Tagger, tmp_path: Path) -> None:
    train_meta(tagger, [SOURCE], DEVELOPMENT, meta(steps=2), folder=tmp_path)
    made = json.loads((tmp_path / "checkpoint" / "state.json").read_text(encoding="utf-8"))["settings"]
    assert "method.k" in made
    assert "method.first_rank" not in made, "newer than checkpoints that may be gone on from"


def test_fractions() -> None:
    big = corpus(tuple(f"Jan/B-PER {number}/O" for number in range(200)), name="big")
    part = fraction(big, 0.05, seed=95)
    assert len(part) == 10
    places = [big.sentences.index(sentence) for sentence in part]
    assert places == sorted(set(places))
    assert part == fraction(big, 0.05, seed=95)
    assert part != fraction(big, 0.05, seed=96)
    assert part.name == "big (5.0%)"
    assert part.labels == big.labels
    assert len(fraction(big, 0.0001, seed=0)) == 1
    assert fraction(big, 1, seed=0).sentences == big.sentences
    for share in (0, -1, 1.5):
        with pytest.raises(SettingError, match="above 0 and at most 1"):
            fraction(big, share, seed=0)


def test_finetuning_goes_on_from_what_is_there(tagger: Tagger) -> None:
    train_direct(tagger, [SOURCE], SOURCE, direct(steps=40))
    trained = loss_of(tagger, [DEVELOPMENT])
    finetune(tagger, DEVELOPMENT, SOURCE, direct({"batch": 2}, steps=20, learning_rate=1e-3))
    assert loss_of(tagger, [DEVELOPMENT]) < trained


def equal(a: Any, b: Any) -> bool:
    """Whether two batches hold the same."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if hasattr(a, "__dataclass_fields__"):
        return all(equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b
