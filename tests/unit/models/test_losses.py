"""Losses by hand, and what takes part in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from salin.corpus import Corpus
from salin.encoding import Windower
from salin.errors import DataError, SettingError
from salin.models.crf import ConditionalRandomField
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import Aggregation, Gold, task_losses
from salin.models.settings import TaggerSettings
from tiny_corpora import labelled
from tiny_models import build_tokenizer

SETTINGS = TaggerSettings(labels=("LOC", "PER"))
TAGS = len(SETTINGS.tags)


class Head(nn.Module):
    """As much of a network as a loss looks at."""

    gives_log_probabilities = False

    def __init__(self, *, crf: bool = False):
        super().__init__()
        self.crf = ConditionalRandomField(SETTINGS.tags) if crf else None


# Five words: two windows of the first task, one of the second.
GOLD = Gold(torch.tensor([0, 1, 2, 0, 3]), None, torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 0, 0, 0, 1]), count=2)


@pytest.fixture
def emissions() -> Tensor:
    return torch.randn(5, TAGS, generator=torch.Generator().manual_seed(3))


def test_cross_entropy_is_the_mean_over_a_tasks_words(emissions: Tensor) -> None:
    words = -emissions.log_softmax(1)[torch.arange(5), GOLD.tags]
    assert torch.allclose(task_losses(Head(), emissions, GOLD), torch.stack([words[:4].mean(), words[4]]))


def test_max_loss_is_the_mean_over_windows_of_the_worst_word(emissions: Tensor) -> None:
    words = -emissions.log_softmax(1)[torch.arange(5), GOLD.tags]
    first = words[:4].mean() + 2 * (words[:3].max() + words[3]) / 2
    second = words[4] + 2 * words[4]
    assert torch.allclose(task_losses(Head(), emissions, GOLD, max_weight=2.0), torch.stack([first, second]))


def test_a_sentence_mean_gives_each_sentence_the_same_say(emissions: Tensor) -> None:
    words = -emissions.log_softmax(1)[torch.arange(5), GOLD.tags]
    first = (words[:3].mean() + words[3]) / 2
    by_sentence = task_losses(Head(), emissions, GOLD, aggregation="sentence-mean")
    assert torch.allclose(by_sentence, torch.stack([first, words[4]]))
    worst = (words[:3].max() + words[3]) / 2
    with_max = task_losses(Head(), emissions, GOLD, 2.0, "sentence-mean")
    assert torch.allclose(with_max, by_sentence + 2 * torch.stack([worst, words[4]]))
    # Two windows of one sentence are no two sentences.
    long = replace(GOLD, chains=torch.tensor([1, 1, 1, 1, 2]))
    assert torch.allclose(task_losses(Head(), emissions, long, aggregation="sentence-mean")[0], words[:4].mean())


def test_a_sentence_mean_of_a_crf(emissions: Tensor) -> None:
    head = Head(crf=True)
    by_words = [
        -head.crf.log_likelihood(emissions[None, a:b], GOLD.tags[None, a:b], torch.tensor([b - a])) / (b - a)
        for a, b in ((0, 3), (3, 4), (4, 5))
    ]
    expected = torch.cat([(by_words[0] + by_words[1]) / 2, by_words[2]])
    assert torch.allclose(task_losses(head, emissions, GOLD, aggregation="sentence-mean"), expected)


def test_a_task_without_words_costs_nothing(emissions: Tensor) -> None:
    gold = replace(GOLD, tasks=GOLD.tasks * 2, count=4)
    for head, *how in ((Head(), 2.0), (Head(crf=True), 0.0), (Head(), 2.0, "sentence-mean")):
        losses = task_losses(head, emissions, gold, *how)
        assert losses[1] == losses[3] == 0
        assert torch.allclose(losses[::2], task_losses(head, emissions, GOLD, *how))


@pytest.mark.parametrize("aggregation", ["token-mean", "sentence-mean"])
@pytest.mark.parametrize("crf", [False, True])
def test_a_batch_without_words_costs_nothing(aggregation: Aggregation, *, crf: bool) -> None:
    none = torch.zeros(0, dtype=torch.long)
    emissions = torch.zeros(0, TAGS, requires_grad=True)
    losses = task_losses(Head(crf=crf), emissions, Gold(none, None, none, none, 3), aggregation=aggregation)
    assert losses.tolist() == [0, 0, 0]
    assert torch.autograd.grad(losses.sum(), emissions)[0].shape == (0, TAGS)


@pytest.mark.parametrize("crf", [False, True])
def test_tags_that_are_not_annotated_take_no_part(emissions: Tensor, *, crf: bool) -> None:
    annotated = torch.ones(5, TAGS, dtype=torch.bool)
    annotated[3, 3:] = False  # nobody marked PER where this word, a window and a sentence of its own, comes from
    gold = replace(GOLD, annotated=annotated)
    leaf = emissions.clone().requires_grad_()
    losses = task_losses(Head(crf=crf), leaf, gold)
    (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    assert (gradient[3, 3:] == 0).all()
    assert (gradient[:3].abs().sum(1) > 0).all()
    assert gradient.isfinite().all()
    changed = emissions.clone()
    changed[3, 3:] = 50.0
    assert torch.allclose(task_losses(Head(crf=crf), changed, gold), losses)
    # Among the tags that are annotated, the word has an ordinary loss.
    alone = Gold(torch.tensor([0]), annotated[3:4], torch.tensor([0]), torch.tensor([0]), 1)
    kept = [0, 1] if crf else [0, 1, 2]  # a chain never begins with I-
    expected = -emissions[3, kept].log_softmax(0)[0]
    assert torch.allclose(task_losses(Head(crf=crf), emissions[3:4], alone), expected)


def test_a_crf_is_divided_by_its_words(emissions: Tensor) -> None:
    head = Head(crf=True)
    likelihoods = [
        head.crf.log_likelihood(emissions[None, a:b], GOLD.tags[None, a:b], torch.tensor([b - a]))
        for a, b in ((0, 3), (3, 4), (4, 5))
    ]
    expected = torch.cat([-(likelihoods[0] + likelihoods[1]) / 4, -likelihoods[2]])
    assert torch.allclose(task_losses(head, emissions, GOLD), expected)


def test_max_loss_of_a_crf_is_refused(emissions: Tensor) -> None:
    with pytest.raises(SettingError, match="max loss"):
        task_losses(Head(crf=True), emissions, GOLD, max_weight=0.5)


def test_words_of_a_sentence_stand_together(emissions: Tensor) -> None:
    with pytest.raises(ValueError, match="stand together"):
        task_losses(Head(crf=True), emissions, replace(GOLD, rows=torch.tensor([0, 1, 0, 1, 2])))


def test_bfloat16_scores_are_compared_in_float32(emissions: Tensor) -> None:
    for crf in (False, True):
        rough = task_losses(Head(crf=crf), emissions.bfloat16(), GOLD)
        assert torch.allclose(rough, task_losses(Head(crf=crf), emissions.bfloat16().float(), GOLD))


def test_a_chain_runs_on_from_window_to_window() -> None:
    """An entity that goes across the border of two windows is no illegal beginning of the second."""
    long = labelled(" ".join(["Maria/B-PER", *["Sousa/I-PER"] * 30, "won/O"]))
    windows = Windower(build_tokenizer("wordpiece"), 12).windows([long])
    tags = tuple(SETTINGS.tags.index(tag) for tag in long.tags())
    assert sum(window.owned[0] > 0 and tags[window.owned[0]] == SETTINGS.tags.index("I-PER") for window in windows) > 1
    gold = gold_of(windows, [(tags, None)] * len(windows), [0] * len(windows), 1)
    emissions = torch.randn(len(tags), TAGS, generator=torch.Generator().manual_seed(0))
    head = Head(crf=True)
    whole = -head.crf.log_likelihood(emissions[None], torch.tensor([tags]), torch.tensor([len(tags)])) / len(tags)
    assert torch.allclose(task_losses(head, emissions, gold), whole)
    assert whole < 10


def test_gold_follows_windows_and_tasks() -> None:
    sentences = [labelled(line) for line in ("Jan/B-PER won/O", "Maria/B-PER Sousa/I-PER")]
    windows = Windower(build_tokenizer("wordpiece")).windows(sentences)
    settings = TaggerSettings(labels=("LOC", "PER"))
    source = LabelledSentences.from_corpora([Corpus(tuple(sentences))], settings)
    gold = gold_of(windows, [(tags, None) for tags in source.tags], [1, 1], 2)
    assert gold.tags.tolist() == [3, 0, 3, 4]
    assert gold.rows.tolist() == [0, 0, 1, 1]
    assert gold.tasks.tolist() == [1, 1, 1, 1]
    assert gold.chains.tolist() == [1, 1, 2, 2]
    assert gold.annotated is None
    moved = gold.to(torch.device("meta"))
    assert (moved.tags.device.type, moved.chains.device.type, moved.count) == ("meta", "meta", 2)


def test_corpora_may_annotate_less_than_the_model_knows() -> None:
    all_types = Corpus((labelled("Jan/B-PER in/O Lisbon/B-LOC"),), name="all")
    people = Corpus((labelled("Jan/B-PER in/O Lisbon/O"),), name="people")
    both = LabelledSentences.from_corpora([all_types, people], SETTINGS)
    assert len(both) == 2
    assert both.annotated is not None
    assert [mask.tolist() for mask in both.annotated] == [[True] * 5, [True, False, False, True, True]]
    assert LabelledSentences.from_corpora([all_types], SETTINGS).annotated is None


def test_labels_that_do_not_fit_are_refused() -> None:
    misc = Corpus((labelled("EFECOM/B-MISC"),), name="es.train")
    with pytest.raises(DataError, match=r"es\.train has the label MISC, .* \(it has LOC, PER\).* --map MISC=O"):
        LabelledSentences.from_corpora([misc], SETTINGS)
    with pytest.raises(DataError, match="no labelled entity"):
        LabelledSentences.from_corpora([Corpus((labelled("won/O"),))], SETTINGS)
