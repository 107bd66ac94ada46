"""Episodes: N words, K sentences of each to learn from, and queries that only the model's own states can answer."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from episode_texts import WORDS, MadeUpText
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from salin.adaptation.rules import make_rule
from salin.errors import DataError, SettingError
from salin.pretraining.episodes import Episode, Episodes, EpisodeSettings
from salin.pretraining.hidden_words import HiddenWords, HidesWords, states_at
from salin.pretraining.inner_loop import EpisodeNetwork, fitted_head
from salin.pretraining.presets import ModelSettings, build
from salin.pretraining.word_index import Occurrence, read_words
from tiny_models import build_tokenizer

TOKENIZER = build_tokenizer("wordpiece")
SIZES = {"vocabulary": 99, "hidden": 16, "layers": 3, "heads": 2, "feed_forward": 24, "positions": 40}


@cache
def episodes(*, decodes: bool = False, **settings: object) -> Episodes:
    small = {"ways": 4, "shots": 2, "queries": 1, "characters": 20_000, "inner_steps": 3, **settings}
    return Episodes.of(MadeUpText(), TOKENIZER, 32, EpisodeSettings.model_validate(small), decodes=decodes)


def model_of(architecture: str) -> PreTrainedModel:
    torch.manual_seed(0)
    model = build(ModelSettings.model_validate({"architecture": architecture, **SIZES}), TOKENIZER).double()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.3)  # as large as trained ones, so that a step moves something
    return model


def batch_of(objective: Episodes, count: int = 1, seed: int = 0) -> tuple[list[Episode], dict[str, Tensor]]:
    random = np.random.default_rng(seed)
    drawn = [episode for _ in range(count) for episode in objective.draw(30, random)[:1]]
    return drawn, objective.collate(drawn)


# --- what is drawn ------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 10_000),
    ways=st.integers(2, 8),
    shots=st.integers(1, 3),
    queries=st.integers(1, 2),
    decodes=st.booleans(),
)
def test_an_episode_has_exactly_its_shots_and_no_sentence_twice(
    seed: int, ways: int, shots: int, queries: int, decodes: bool
) -> None:
    objective = episodes(ways=ways, shots=shots, queries=queries, decodes=decodes)
    for episode in objective.draw(30, np.random.default_rng(seed)):
        assert len(set(episode.words)) == ways
        assert [len(of_word) for of_word in episode.supports] == [shots] * ways
        assert [len(of_word) for of_word in episode.queries] == [queries] * ways
        everything = [occurrence for words in (*episode.supports, *episode.queries) for occurrence in words]
        sentences = {occurrence.sentence for occurrence in everything}
        assert len(sentences) == len(everything) == ways * (shots + queries)
        index = objective.indices[episode.language]
        for word, supports, answers in zip(episode.words, episode.supports, episode.queries, strict=True):
            for sentence, left, right in (*supports, *answers):
                assert index.sentences[sentence] == left + word + right, "it is the word that was hidden"
                assert word.casefold() not in (left + right).casefold().replace(".", "").split()
                assert not decodes or len(left.split()) >= 3, "a decoder needs something to go by"


def test_labels_are_the_places_of_words_and_every_query_is_of_a_class_that_has_supports() -> None:
    objective = episodes(queries=2)
    _, batch = batch_of(objective, 3)
    assert batch["support_labels"].tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]] * 3
    assert batch["query_labels"].tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]] * 3
    assert len(batch["support_ids"]) == len(batch["query_ids"]) == 3 * 8


def test_episodes_are_a_function_of_random() -> None:
    objective = episodes()
    first, again, other = (objective.draw(50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    remade = Episodes.of(MadeUpText(), TOKENIZER, 32, objective.settings, decodes=False)
    assert remade.draw(50, np.random.default_rng(1)) == first, "the index is the same each time it is made"


def test_episodes_read_as_many_pieces_as_rows_would() -> None:
    objective = episodes(ways=3)
    total = 0
    for seed in range(200):
        batch = objective.collate(objective.draw(9, np.random.default_rng(seed)))
        total += int(batch["support_mask"].sum() + batch["query_mask"].sum())
    assert total / (200 * 9 * objective.tokens_per_row) == pytest.approx(1, abs=0.05)


def test_all_classes_of_an_episode_are_of_one_language_and_both_languages_come() -> None:
    drawn = [e for seed in range(30) for e in episodes().draw(30, np.random.default_rng(seed))]
    assert {episode.language for episode in drawn} == {"en", "xx"}
    for episode in drawn:
        assert all((word in WORDS) == (episode.language == "en") for word in episode.words)


def test_too_little_text_and_too_few_rows_are_named() -> None:
    settings = EpisodeSettings(ways=50, shots=4, queries=1, characters=20_000)
    with pytest.raises(DataError, match="no language has 50 words with 5 sentences for each; there are at most"):
        Episodes.of(MadeUpText(40), TOKENIZER, 32, settings, decodes=False)
    with pytest.raises(DataError, match="no word occurs in 300 sentences"):
        read_words(MadeUpText(), 20_000, 300, np.random.default_rng(0))
    with pytest.raises(SettingError, match=r"an episode has \d+ pieces on average, but is to stand for 1 rows of 32"):
        episodes().draw(1, np.random.default_rng(0))


def test_words_that_a_sentence_gives_away_are_not_asked_for() -> None:
    class Text:
        def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
            number = int(random.integers(6))
            return "en", f"The house that {'abcdef'[number] * 3} built hid the garden, {number} ."

    index = read_words(Text(), 10_000, 5, np.random.default_rng(0))["en"]
    assert len(index.sentences) == 6, "each counts once however often it is drawn"
    assert sorted(index.words) == ["built", "garden", "hid", "house", "that"], "not The, the, punctuation or rare words"


# --- how it is shown to a model ------------------------------------------------------------------------------------

LONG = Occurrence(0, "Maria Sousa met Jan in Lisbon on Friday ", " the premier of the Netherlands.")


def pieces(words: HiddenWords) -> list[str]:
    return TOKENIZER.convert_ids_to_tokens(words.ids[0].tolist())


def test_one_mask_stands_for_a_word_and_an_encoder_sees_both_sides() -> None:
    words = HidesWords(TOKENIZER, 40, decodes=False)([LONG, Occurrence(1, "", " won.")])
    assert pieces(words) == ["<s>", *TOKENIZER.tokenize(LONG.left), "<mask>", *TOKENIZER.tokenize(LONG.right), "</s>"]
    assert (words.ids == TOKENIZER.mask_token_id).sum(1).tolist() == [1, 1]
    assert words.ids[[0, 1], words.places].tolist() == [TOKENIZER.mask_token_id] * 2
    assert words.mask.sum(1).tolist() == [(words.ids[row] != TOKENIZER.pad_token_id).sum().item() for row in (0, 1)]


def test_what_does_not_fit_is_what_is_furthest_away() -> None:
    left, right = TOKENIZER.tokenize(LONG.left), TOKENIZER.tokenize(LONG.right)
    words = HidesWords(TOKENIZER, 9, decodes=False)([LONG])
    assert pieces(words) == ["<s>", *left[-3:], "<mask>", *right[:3], "</s>"]
    short = HidesWords(TOKENIZER, 9, decodes=False)([LONG._replace(right=".")])
    assert pieces(short) == ["<s>", *left[-5:], "<mask>", ".", "</s>"], "a poorer side leaves its room to the other"


def test_a_decoder_sees_the_left_and_its_row_ends_at_the_word() -> None:
    words = HidesWords(TOKENIZER, 40, decodes=True)([LONG])
    assert pieces(words) == [*TOKENIZER.tokenize(LONG.left), "<mask>"]
    assert pieces(HidesWords(TOKENIZER, 4, decodes=True)([LONG])) == [*TOKENIZER.tokenize(LONG.left)[-3:], "<mask>"]


@pytest.mark.parametrize("architecture", ["bert", "modernbert", "llama"])
def test_states_do_not_depend_on_the_rows_beside(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, objective = model_of(architecture).eval(), episodes()
    _, batch = batch_of(objective)
    words = HiddenWords(batch["support_ids"], batch["support_mask"], batch["support_places"])
    alone = [
        model.base_model(input_ids=ids[None, : int(mask.sum())]).last_hidden_state[0, place]
        for ids, mask, place in zip(words.ids, words.mask, words.places, strict=True)
    ]
    for most in (1, 60, 10_000):
        monkeypatch.setattr("salin.pretraining.hidden_words._PIECES_A_GROUP", {"cpu": most})
        torch.testing.assert_close(states_at(model, words), torch.stack(alone), rtol=1e-9, atol=1e-9)


# --- the inner loop and what the model learns -----------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["sgd", "bertadam"])
def test_the_head_is_what_steps_on_a_linear_layer_give(rule: str) -> None:
    torch.manual_seed(0)
    states, labels = torch.randn(2, 8, 5, dtype=torch.float64), torch.arange(4).repeat_interleave(2).expand(2, -1)
    update = make_rule(rule, 0.3)
    weights, bias = fitted_head(states, labels, 4, update, steps=6)
    for episode in range(2):
        layer = nn.Linear(5, 4, dtype=torch.float64)
        nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)

        def loss(layer: nn.Linear = layer, episode: int = episode) -> Tensor:
            return functional.cross_entropy(layer(states[episode]), labels[episode])

        _sequential_steps([(layer.weight, True), (layer.bias, False)], loss, update, 6)
        torch.testing.assert_close(weights[episode], layer.weight.detach(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(bias[episode], layer.bias.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rule", ["sgd", "bertadam"])
@pytest.mark.parametrize("architecture", ["bert", "llama"])
@pytest.mark.parametrize("adapts", ["head", "model"])
def test_losses_and_gradients_are_those_of_a_copy_that_takes_the_steps(
    adapts: str, architecture: str, rule: str
) -> None:
    # Steps that are large enough for the head to matter.
    rate = {"sgd": 0.5, "bertadam": 0.001}[rule]
    objective = episodes(adapts=adapts, rule=rule, inner_rate=rate, decodes=architecture == "llama")
    model = model_of(architecture).train()
    _, batch = batch_of(objective, 2)
    figures = objective.loss(model, batch)
    figures["loss"].backward()
    expected, support_accuracy, gradients = _one_by_one(objective, model, batch)
    # transformers' RMSNorm computes in fp32 whatever the weights are in, a norm with corrected weights does not.
    exact = 1e-6 if architecture == "llama" else 1e-8
    assert figures["loss"].item() == pytest.approx(expected, abs=exact)
    assert figures["support_accuracy"].item() == pytest.approx(support_accuracy)
    for name, parameter in model.base_model.named_parameters():
        wanted = gradients.get(name, torch.zeros_like(parameter))
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-5, atol=exact, msg=name)
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients.values())


def test_the_upper_two_thirds_of_the_blocks_are_adapted_and_nothing_that_is_shared_below() -> None:
    adapted = EpisodeNetwork(model_of("bert"), 4).adapted
    assert {name.split(".")[3] if "layer" in name else name for name in adapted} == {"1", "2", "head"}
    assert not [name for name in adapted if "embeddings" in name]


@pytest.mark.parametrize("adapts", ["head", "model"])
def test_several_episodes_are_the_mean_of_each_alone(adapts: str) -> None:
    objective, model = episodes(adapts=adapts), model_of("bert")
    drawn, together = batch_of(objective, 3)
    figures = objective.loss(model, together)
    alone = [objective.loss(model, objective.collate([episode])) for episode in drawn]
    assert objective.weight(drawn) == 3
    for name in ("loss", "accuracy", "support_accuracy"):
        assert figures[name].item() == pytest.approx(float(np.mean([one[name].item() for one in alone])), abs=1e-9)


def test_the_model_learns_from_queries_alone() -> None:
    objective, model = episodes(decodes=True), model_of("llama")
    _, batch = batch_of(objective)
    objective.loss(model, batch)["loss"].backward()
    gradient = model.get_input_embeddings().weight.grad
    assert gradient is not None
    learned = set(torch.nonzero(gradient.abs().sum(1)).flatten().tolist())
    in_queries = set(batch["query_ids"][batch["query_mask"].bool()].tolist())
    assert set(batch["support_ids"].flatten().tolist()) - in_queries, "else this test would show nothing"
    assert learned == in_queries


def test_a_head_that_fits_is_told_from_one_that_does_not() -> None:
    model = model_of("bert")
    fitted: dict[float, float] = {}
    for rate in (1e-6, 0.3):
        objective = episodes(inner_rate=rate, inner_steps=100)
        figures = objective.loss(model, batch_of(objective, 4)[1])
        assert not figures["support_accuracy"].requires_grad
        fitted[rate] = figures["support_accuracy"].item()
        assert figures["accuracy"].item() < 0.6, "nothing carries over between words that come at random"
    assert fitted[0.3] > 0.9 and fitted[1e-6] < 0.8


def test_measuring_leaves_no_trace() -> None:
    for adapts in ("head", "model"):
        objective, model = episodes(adapts=adapts), model_of("bert")
        before = copy.deepcopy(model.state_dict())
        _, batch = batch_of(objective)
        with torch.no_grad():
            loss = objective.loss(model, batch)["loss"]
        assert torch.isfinite(loss) and not loss.requires_grad
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
        assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_a_model_learns_to_answer_from_what_stands_around(architecture: str) -> None:
    """In bf16, on text where each word has a companion in front of it; then on episodes that it has not seen."""

    class Companions:
        def draw(self, characters: int, random: np.random.Generator) -> tuple[str, str]:
            pairs = zip(WORDS[:8], WORDS[8:16], strict=True)
            fillers = [" ".join(random.choice(WORDS[16:], 3)) for _ in range(8)]
            return "en", "\n".join(f"{three} {one} {two}." for (one, two), three in zip(pairs, fillers, strict=True))

    settings = EpisodeSettings(ways=4, shots=2, queries=2, characters=20_000, inner_rate=0.5)
    objective = Episodes.of(Companions(), TOKENIZER, 16, settings, decodes=architecture == "llama")
    torch.manual_seed(0)
    model = build(ModelSettings.model_validate({"architecture": architecture, **SIZES}), TOKENIZER)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses: list[float] = []
    for step in range(40):
        with torch.autocast("cpu", torch.bfloat16):
            loss = objective.loss(model, batch_of(objective, 4, seed=step)[1])["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # By chance it is ln 4; words that come at random (some classes are such) cannot be told apart.
    assert np.mean(losses[-10:]) < 0.75 * np.log(4)


def test_cost_counts_each_run_of_the_model() -> None:
    head, model = (episodes(adapts=adapts, shots=3, inner_steps=4).passes_per_row for adapts in ("head", "model"))
    assert (head.forward, head.backward, head.scored) == (32, 8, 0), "supports are only read, queries learned from"
    assert (model.forward, model.backward) == (7 * 24 + 2 * 8, 5.5 * 24 + 1.5 * 8)


def _one_by_one(
    objective: Episodes, model: PreTrainedModel, batch: dict[str, Tensor]
) -> tuple[float, float, dict[str, Tensor]]:
    """The slow and obvious way: each episode on a copy of the model and the head, whose weights are really changed.

    Gives the mean loss of the queries, the mean accuracy of the supports and the gradients.
    """
    settings = objective.settings
    count = len(batch["support_labels"])
    total, right, gradients = 0.0, 0.0, {}
    for episode in range(count):
        network = _stepped(objective, model, batch, episode, settings.inner_steps)
        scores, labels = _scores(network, batch, "query", episode)
        loss = functional.cross_entropy(scores, labels) / count
        loss.backward()
        total += loss.item()
        for name, parameter in network.backbone.named_parameters():
            if parameter.grad is not None:
                gradients[name] = gradients.get(name, 0) + parameter.grad
        if settings.adapts == "model":  # of which the supports are asked before the last step
            network = _stepped(objective, model, batch, episode, settings.inner_steps - 1)
        scores, labels = _scores(network, batch, "support", episode)
        right += (scores.argmax(-1) == labels).double().mean().item() / count
    return total, right, gradients


def _stepped(
    objective: Episodes, model: PreTrainedModel, batch: dict[str, Tensor], episode: int, steps: int
) -> EpisodeNetwork:
    """A copy of the model and a head after so many steps on the supports of an episode."""
    settings = objective.settings
    network = EpisodeNetwork(copy.deepcopy(model), settings.ways)
    network.requires_grad_(True)
    adapted = network.adapted if settings.adapts == "model" else ("head",)
    parameters = [
        (parameter, isinstance(module, nn.Linear) and parameter is module.weight)
        for module in map(network.get_submodule, adapted)
        for parameter in module.parameters(recurse=False)
    ]

    def loss() -> Tensor:
        return functional.cross_entropy(*_scores(network, batch, "support", episode))

    _sequential_steps(parameters, loss, make_rule(settings.rule, settings.resolved_inner_rate), steps)
    return network


def _scores(network: EpisodeNetwork, batch: dict[str, Tensor], kind: str, episode: int) -> tuple[Tensor, Tensor]:
    """What a network says of the supports or the queries of an episode, and what they are."""
    count = len(batch["support_labels"])
    ids, mask, places = (batch[f"{kind}_{name}"].chunk(count)[episode] for name in ("ids", "mask", "places"))
    return network(ids, mask)[torch.arange(len(ids)), places], batch[f"{kind}_labels"][episode]


def _sequential_steps(parameters, loss, rule, steps: int) -> None:
    """Steps of a rule on the parameters themselves, each given with whether it decays."""
    start = [parameter.detach().clone() for parameter, _ in parameters]
    seen: list[list[Tensor]] = [[] for _ in parameters]
    for _ in range(steps):
        gradients = torch.autograd.grad(loss(), [parameter for parameter, _ in parameters])
        with torch.no_grad():
            for (parameter, decays), first, all_of_it, gradient in zip(parameters, start, seen, gradients, strict=True):
                all_of_it.append(gradient[None])
                parameter.copy_(first - rule.delta(all_of_it, first, decays=decays)[0])
