"""The published way against numbers that the published code itself computed (tests/data/README.md).

Everything runs in float64 (and, but for one test, without dropout), so all that is left between the two
implementations is the order of sums. Measured, they agree to 3e-11 and better even after whole training runs, which is
about what the numbers were written with (10 to 14 digits); the tolerance is 1e-9 nearly everywhere, so that another
processor's roundings do not matter, and 1e-8 for vectors, which were written with 10 digits.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

from salin.adaptation import official as published
from salin.adaptation import official_training as training
from salin.adaptation import official_windows as data
from salin.adaptation.bertadam import BertAdam, decay_groups

J = json.loads((Path(__file__).parents[2] / "data/meta_cross_published.json").read_text(encoding="utf-8"))
NAMES = data.label_names()
MASK = J["vocab"].index("[MASK]")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small matrices are quickest on one thread, and the order of sums stays the same."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {piece: index for index, piece in enumerate(J["vocab"])}
    backend = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    backend.normalizer = BertNormalizer(lowercase=False, strip_accents=False)
    backend.pre_tokenizer = BertPreTokenizer()
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


@pytest.fixture(scope="module")
def corpora(tokenizer: PreTrainedTokenizerFast) -> dict[str, data.Windows]:
    return {name: data.windows(some, tokenizer, NAMES, J["max_len"]) for name, some in J["sentences"].items()}


def build(dropout: float = 0.0) -> nn.Module:
    sizes = {**J["config"], "hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = BertConfig(**sizes, num_labels=len(NAMES), attn_implementation="eager")
    model = BertForTokenClassification(config).double()
    with torch.no_grad():
        for index, (name, parameter) in enumerate(sorted(model.named_parameters())):
            u = torch.as_tensor(2 * np.random.RandomState(index).random_sample(tuple(parameter.shape)) - 1)
            wide = "embeddings" in name and not name.endswith("bias")
            parameter.copy_(1 + 0.1 * u if name.endswith("LayerNorm.weight") else u if wide else 0.1 * u)
    published.freeze(model)
    return model


@pytest.fixture
def model() -> nn.Module:
    return build()


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def moved(model: nn.Module, start: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight - start[name] for name, weight in weights(model).items()}


def assert_summaries(tensors: dict[str, Tensor], expected: dict[str, list[float]]) -> None:
    """Compares sum, norm, first, middle and last entry, to 1e-9 of the tensor's norm (a sum may cancel)."""
    assert sorted(tensors) == sorted(expected)
    for name, tensor in tensors.items():
        flat = tensor.reshape(-1)
        got = [flat.sum(), flat.norm(), flat[0], flat[len(flat) // 2], flat[-1]]
        scale = abs(expected[name][1])
        if name.endswith("key.bias"):
            # Attention does not change when all keys move together: the true gradient is 0, and both have roundings.
            assert float(flat.norm()) < 1e-11 and scale < 1e-11
            continue
        np.testing.assert_allclose([float(x) for x in got], expected[name], rtol=0, atol=1e-9 * scale, err_msg=name)


def pieces(some: data.Windows) -> list[list[list[int]]]:
    return [[p[m].tolist(), t[m].tolist()] for p, t, m in zip(some.pieces, some.labels, some.mask, strict=True)]


# --- data ---------------------------------------------------------------------------------------------------------


def test_labels_and_frozen_layers(model: nn.Module) -> None:
    assert list(NAMES[1:]) == J["labels"]
    assert sorted(weights(model)) == J["trainable"]
    assert data.label_names(("PER",)) == ("[PAD]", "O", "B-PER", "I-PER", "X", "[CLS]", "[SEP]")


@pytest.mark.parametrize("part", ["source", "valid", "target"])
def test_windows(part: str, corpora: dict[str, data.Windows]) -> None:
    assert pieces(corpora[part]) == J["windows"][part]
    assert corpora[part].pieces.shape[1] == J["max_len"]


def test_the_sentences_try_every_kind_of_window(corpora: dict[str, data.Windows]) -> None:
    def content(part: str) -> set[int]:
        return {int(mask.sum()) - 2 for mask in corpora[part].mask}

    # 30 pieces fill a window; 44 and 58 end where a window ends, so that a window of mere context follows.
    assert 30 in content("valid") and max(content("target")) == 30
    assert data.cuts(30, 32) == [(0, 30)] and data.cuts(31, 32) == [(0, 30), (14, 31)]
    assert data.cuts(44, 32) == [(0, 30), (14, 44), (28, 44)]
    assert data.cuts(45, 32) == [(0, 30), (14, 44), (28, 45)]
    assert data.cuts(188) == [(0, 126), (62, 188), (124, 188)]
    with pytest.raises(ValueError, match="at least 6"):
        data.cuts(9, 5)


def test_bad_sentences_are_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    for words, tags, reason in ((["a"], ["B-DATE"], "B-DATE"), (["\u200b"], ["O"], "no piece"), (["a"], [], "0 tags")):
        with pytest.raises(ValueError, match=reason):
            data.windows([(words, tags)], tokenizer, NAMES)


def test_masks_are_the_published_draws(corpora: dict[str, data.Windows]) -> None:
    expected = J["meta_step"]
    rng = np.random.RandomState(expected["numpy_seed"])
    changed = data.masked(corpora["source"], NAMES, MASK, expected["mask_rate"], rng)
    assert (changed.pieces != corpora["source"].pieces).nonzero().tolist() == expected["masked"]


def test_sentence_zero_comes_twice_and_the_last_never() -> None:
    rounds = data.batches(5, 1)
    assert [int(next(rounds)[0][0]) for _ in range(5)] == [0, 1, 2, 3, 0]


def test_scorer_on_random_sequences_legal_or_not() -> None:
    for case in J["conlleval"]:
        counted = data.counts(case["gold"], case["predicted"])
        assert {name: list(three) for name, three in counted.items()} == case["counts"]
        assert data.f1(counted) == pytest.approx(case["f1"], abs=0.0051)  # It is cut to two places, as printed.
    assert data.f1({}) == 0.0


# --- retrieval, loss, adaptation ----------------------------------------------------------------------------------


def test_vectors_and_supports(model: nn.Module, corpora: dict[str, data.Windows]) -> None:
    vectors = {part: published.sentence_vectors(model.base_model, corpora[part]) for part in ("source", "target")}
    for part, some in vectors.items():
        # Written with 10 and 12 digits; six layers of roundings are far below that.
        np.testing.assert_allclose(some[:, :6], J["vectors"][part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(some, axis=1), J["vector_norms"][part], rtol=1e-10)
        chosen = published.supports(some, vectors["source"])
        # Two source sentences are equal, and which of the two is taken is left to rounding.
        source = J["windows"]["source"]
        assert [[source[i] for i in row] for row in chosen] == [[source[i] for i in row] for row in J["supports"][part]]
    with pytest.raises(ValueError, match="too few"):
        published.supports(vectors["target"], vectors["source"][:2])


def test_loss_of_a_batch(model: nn.Module, corpora: dict[str, data.Windows]) -> None:
    expected, source = J["loss"], corpora["source"]
    batch = source[expected["windows"]]
    with torch.no_grad():
        assert float(published.loss(model, batch)) == pytest.approx(expected["mean"], rel=1e-12)
        assert float(published.loss(model, batch, 2.0)) == pytest.approx(expected["with_max_2"], rel=1e-12)
        each = [float(published.loss(model, source[i])) for i in expected["windows"]]
    assert each == pytest.approx(expected["mean_of_each"], rel=1e-11)
    assert np.mean(each) != pytest.approx(expected["mean"], rel=1e-4)  # Long windows weigh more.


@pytest.mark.parametrize("case", ["adapt_test", "adapt_train"])
def test_inner_update(case: str, model: nn.Module, corpora: dict[str, data.Windows]) -> None:
    expected, start = J[case], weights(model)
    how = {"lr": expected["lr"], "steps": expected["steps"], "max_weight": expected["max_weight"]}
    loss = published.adapt(model, corpora["source"][expected["support"]], **how)
    assert loss == pytest.approx(expected.get("loss", expected.get("last_loss")), rel=1e-11)
    change = moved(model, start)
    # A change of 3e-5 is the difference of two weights of size 0.1, which leaves 12 digits; the head is compared whole.
    assert_summaries(change, expected["delta"]["summary"])
    for name, head in expected["delta"]["head"].items():
        np.testing.assert_allclose(change[name].numpy(), head, rtol=1e-9, atol=1e-14)


def test_dropout_is_on_in_the_inner_update(corpora: dict[str, data.Windows]) -> None:
    expected = J["adapt_dropout"]
    losses = []
    for seed in (expected["torch_seed"], expected["torch_seed"] + 1):
        model = build(dropout=expected["dropout"])
        start = weights(model)
        torch.manual_seed(seed)
        losses.append(published.adapt(model, corpora["source"][expected["support"]], lr=expected["lr"]))
        if seed == expected["torch_seed"] and torch.__version__.startswith("2.13."):
            # With the same random numbers even the dropped units are the same; torch promises them for no version but
            # the one that wrote these.
            assert losses[0] == pytest.approx(expected["loss"], rel=1e-11)
            assert_summaries(moved(model, start), expected["summary"])
    assert losses[0] != losses[1]


def test_meta_steps(model: nn.Module, corpora: dict[str, data.Windows]) -> None:
    expected, source = J["meta_step"], corpora["source"]
    rng = np.random.RandomState(expected["numpy_seed"])
    queries = data.masked(source, NAMES, MASK, expected["mask_rate"], rng)
    tasks = [(queries[i], source[J["supports"]["source"][i]]) for i in expected["tasks"]]
    schedule = {"total_steps": expected["total"], "warmup": expected["warmup"]}
    outer = BertAdam(decay_groups(model), lr=expected["lr_meta"], **schedule)
    for point in expected["steps"]:
        start = weights(model)
        inner_lr = expected["lr_inner"] * training.warmup_linear(point["step"] / expected["total"], expected["warmup"])
        mean = published.meta_step(model, outer, tasks, inner_lr=inner_lr)
        assert mean == pytest.approx(point["mean_loss"], rel=1e-11)
        gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        assert_summaries(gradients, point["gradient"])
        assert_summaries(moved(model, start), point["delta"])
        if point["step"] == 0:  # The warm-up starts at 0.
            assert all(torch.equal(weight, start[name]) for name, weight in weights(model).items())


def test_meta_gradient_leaves_the_weights(model: nn.Module, corpora: dict[str, data.Windows]) -> None:
    start = weights(model)
    published.meta_gradient(model, [(corpora["source"][0], corpora["source"][[1, 2]])], inner_lr=1e-2)
    assert all(torch.equal(weight, start[name]) for name, weight in weights(model).items())


# --- whole runs ---------------------------------------------------------------------------------------------------


def settings(run: dict) -> training.Settings:
    names = {"steps": "max_meta_steps", "batch": "inner_size", "lr": "lr_meta", "select_every": "eval_every_meta_steps"}
    names |= {"inner_lr": "lr_inner", "mask_rate": "mask_rate", "max_weight": "lambda_max_loss"}
    return training.Settings(**{ours: run[theirs] for ours, theirs in names.items() if theirs in run})


@pytest.fixture(scope="module")
def base(corpora: dict[str, data.Windows]) -> tuple[nn.Module, training.History]:
    model, run = build(), J["train_base"]
    rng = np.random.RandomState(run["numpy_seed"])
    return model, training.train_base(model, corpora["source"], corpora["valid"], NAMES, rng, settings(run))


def assert_history(history: training.History, run: dict) -> None:
    np.testing.assert_allclose(history.losses, run["losses"], rtol=1e-9)
    assert history.valid_f1 == run["valid_f1"]
    assert history.best_step == int(np.argmax(run["valid_f1"])) * run["eval_every_meta_steps"]


def test_order_of_batches() -> None:
    run = J["train_base"]
    rounds = data.batches(len(J["windows"]["source"]), run["inner_size"], np.random.RandomState(run["numpy_seed"]))
    assert [next(rounds)[0].tolist() for _ in run["order"]] == run["order"]


def test_base_training(base: tuple[nn.Module, training.History]) -> None:
    model, history = base
    assert_history(history, J["train_base"])
    assert_summaries(moved(model, weights(build())), J["train_base"]["best_delta"])


def test_meta_training(corpora: dict[str, data.Windows]) -> None:
    model, run, source = build(), J["train_meta"], corpora["source"]
    rng = np.random.RandomState(run["numpy_seed"])
    chosen = np.array(J["supports"]["source"])
    history = training.train_meta(model, source, chosen, corpora["valid"], NAMES, MASK, rng, settings(run))
    assert_history(history, run)
    assert_summaries(moved(model, weights(build())), run["best_delta"])
    check_zero_shot(model, "zero_shot_meta_trained", corpora)


def test_zero_shot(base: tuple[nn.Module, training.History], corpora: dict[str, data.Windows]) -> None:
    start = weights(base[0])
    check_zero_shot(base[0], "zero_shot", corpora)
    assert all(torch.equal(weight, start[name]) for name, weight in weights(base[0]).items())


def check_zero_shot(model: nn.Module, case: str, corpora: dict[str, data.Windows]) -> None:
    expected = J[case]
    how = {"lr": expected["lr"], "steps": expected["steps"], "max_weight": expected["max_weight"]}
    chosen = np.array(J["supports"]["target"])
    order, predicted = published.zero_shot(model, corpora["target"], corpora["source"], chosen, **how)
    assert order == expected["order"] and order[-1] == 0 and len(order) - 1 not in order
    check_tags(corpora["target"][order], predicted, expected)


def check_tags(scored: data.Windows, predicted: Tensor, expected: dict) -> None:
    gold, guess = data.scored_tags(scored, predicted, NAMES)
    assert gold == expected["gold"] and guess == expected["predicted"]
    counted = data.counts(gold, guess)
    assert {name: list(three) for name, three in counted.items()} == expected["counts"]
    assert data.f1(counted) == expected["f1"]


def test_direct_transfer(base: tuple[nn.Module, training.History], corpora: dict[str, data.Windows]) -> None:
    check_tags(corpora["target"], published.direct(base[0], corpora["target"]), J["zero_shot_direct"])


def test_finetuning(base: tuple[nn.Module, training.History], corpora: dict[str, data.Windows]) -> None:
    run, target = J["finetune"], corpora["target"]
    model = copy.deepcopy(base[0])
    start, rng = weights(model), np.random.RandomState(run["numpy_seed"])
    kept = training.share(target, run["share"], rng)
    scores = []
    how = {"epochs": run["epochs"], "batch": run["batch"], "lr": run["lr"]}
    for epoch, _ in enumerate(training.finetune(model, kept, rng, **how), 1):
        if epoch in run["evaluated_after_epochs"]:
            predicted = published.direct(model, target)
            scores.append(data.f1(data.counts(*data.scored_tags(target, predicted, NAMES))))
    assert scores == run["f1"]
    assert_summaries(moved(model, start), run["delta"])


def test_training_without_validation_keeps_the_last_weights(corpora: dict[str, data.Windows]) -> None:
    run = {**J["train_base"], "max_meta_steps": 3}
    model = build()
    history = training.train_base(model, corpora["source"], None, NAMES, np.random.RandomState(1), settings(run))
    assert history.best_step == -1 and len(history.losses) == 3
    assert not torch.equal(model.classifier.bias, build().classifier.bias)


def test_the_first_of_equal_weights_is_kept(corpora: dict[str, data.Windows]) -> None:
    run = {**J["train_base"], "max_meta_steps": 3, "lr_meta": 0.0, "eval_every_meta_steps": 1}
    rng = np.random.RandomState(1)
    history = training.train_base(build(), corpora["source"], corpora["valid"], NAMES, rng, settings(run))
    assert history.valid_f1 == [history.valid_f1[0]] * 3 and history.best_step == 0


def test_meta_training_needs_enough_windows(model: nn.Module, corpora: dict[str, data.Windows]) -> None:
    few = corpora["source"][[0, 1, 2]]
    with pytest.raises(ValueError, match="too few"):
        training.train_meta(model, few, np.zeros((3, 2), int), None, NAMES, MASK, np.random.RandomState(0))
