"""Fisher information of many sentences at once equals what autograd says of one sentence after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from salin.analysis.example_gradients import ExampleGradients
from salin.analysis.fisher import fisher_information, spread, with_words
from salin.corpus import Corpus, Sentence
from salin.encoding import collate
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from tiny_corpora import DEV, TRAIN, corpus
from tiny_models import ARCHITECTURES

BYTES = {
    "byte-bilstm": "byte-bilstm:byte_embedding=6,byte_hidden=5,word_hidden=7,dropout=0.5",
    "charner": "charner:byte_embedding=6,byte_hidden=5,byte_layers=2",
}
#: Every kind of network with every head that it can have.
TAGGERS = [*((kind, head) for kind in ARCHITECTURES for head in ("softmax", "crf")),
           ("byte-bilstm", "crf"), ("byte-bilstm", "softmax"), ("charner", "softmax")]  # fmt: skip
#: Of one word to more than a window of 16 pieces holds; the same words in several.
LONG = " ".join(line.removesuffix(" ./O") for line in (*TRAIN[:3], TRAIN[6]))
SENTENCES = corpus((*TRAIN, *DEV, LONG, "Jan/B-PER", "Jan/B-PER Jan/B-PER Jan/B-PER"))


def fresh(kind: str, head: str, model_folder: Callable[[str], Path]) -> Tagger:
    """A tagger whose every parameter matters: a CRF's transitions begin as zeros, norms as ones."""
    torch.manual_seed(3)
    encoder = BYTES[kind] if kind in BYTES else model_folder(kind)
    tagger = Tagger.on_encoder(encoder, ["LOC", "ORG", "PER"], head=head, max_length=16)
    with torch.no_grad():
        for parameter in tagger.network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return tagger


def one_by_one(tagger: Tagger, labelled: LabelledSentences) -> dict[str, Tensor]:
    """The definition: gradients of each sentence's own log-probability, by autograd, squared; their mean."""
    network = tagger.network
    names, parameters = zip(*network.named_parameters(), strict=True)
    total = {name: torch.zeros_like(parameter) for name, parameter in network.named_parameters()}
    for place, sentence in enumerate(labelled.sentences):
        parts = []
        for window in tagger.windower.windows([sentence]):  # each by itself: nothing is padded
            batch = collate([window], tagger.windower.padding)
            parts.append(batch.at_words(network(batch.input_ids, batch.attention_mask)))
        scores, tags = torch.cat(parts), torch.tensor(labelled.tags[place])
        if network.crf is not None:
            if labelled.annotated is not None:
                scores = scores.masked_fill(~labelled.annotated[place], -1e4)
            log_probability = network.crf.log_likelihood(scores[None], tags[None], torch.tensor([len(tags)]))[0]
        else:
            if labelled.annotated is not None:
                scores = scores.masked_fill(~labelled.annotated[place], -torch.inf)
            shown = scores if network.gives_log_probabilities else scores.log_softmax(-1)
            log_probability = shown[torch.arange(len(tags)), tags].sum()
        found = torch.autograd.grad(log_probability, parameters, allow_unused=True)
        for name, gradient in zip(names, found, strict=True):
            if gradient is not None:
                total[name] += gradient**2 / len(labelled)
    return total


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """To 1e-5 of a tensor's largest number; what is nothing but rounding (a key's bias) is nothing in both."""
    assert list(found) == list(expected)
    most = max(float(values.max()) for values in expected.values())
    for name, values in expected.items():
        bound = 1e-5 * float(values.max()) + 1e-10 * most
        assert float((found[name] - values).abs().max()) <= bound, name


@pytest.mark.parametrize(("kind", "head"), TAGGERS)
def test_batched_equals_one_by_one(kind: str, head: str, model_folder: Callable[[str], Path]) -> None:
    tagger = fresh(kind, head, model_folder)
    labelled = LabelledSentences.from_corpora([SENTENCES], tagger.settings)
    windows = tagger.windower.windows(SENTENCES.sentences)
    assert kind in BYTES or len(windows) > len(SENTENCES), "one sentence has several windows"
    before = {name: (parameter.clone(), parameter.requires_grad) for name, parameter in
              tagger.network.named_parameters()}  # fmt: skip
    found = fisher_information(tagger, labelled, range(len(labelled)))
    expected = one_by_one(tagger, labelled)
    assert_equal(found, expected)
    assert sum(float(values.max()) > 0 for values in expected.values()) > len(expected) / 2
    for name, parameter in tagger.network.named_parameters():
        assert torch.equal(parameter, before[name][0]) and parameter.requires_grad == before[name][1]
        assert parameter.grad is None


@pytest.mark.parametrize(("kind", "head"), [("bert", "softmax"), ("bert", "crf"), ("byte-bilstm", "crf")])
def test_a_label_that_a_corpus_does_not_annotate_takes_no_part(
    kind: str, head: str, model_folder: Callable[[str], Path]
) -> None:
    tagger = fresh(kind, head, model_folder)
    persons = corpus(tuple(line for line in TRAIN if "PER" in line)).map_labels({"ORG": "O", "LOC": "O"})
    labelled = LabelledSentences.from_corpora([persons], tagger.settings)
    found = fisher_information(tagger, labelled, range(len(labelled)))
    assert_equal(found, one_by_one(tagger, labelled))
    head_name = "classifier.classifier.weight" if kind == "bert" else "classifier.output.weight"
    place = tagger.settings.tags.index("B-ORG")
    assert not found[head_name][place].any() and found[head_name][tagger.settings.tags.index("B-PER")].all()


@pytest.mark.parametrize(
    ("kind", "batched", "alone"),
    [("bert", True, False), ("llama", True, False), ("albert", True, False), ("modernbert", True, False),
     ("deberta-v2", True, True), ("byte-bilstm", False, True)],
)  # fmt: skip
def test_what_falls_apart_is_batched(
    kind: str, batched: bool, alone: bool, model_folder: Callable[[str], Path]
) -> None:
    """Only where inputs belong to no sentence (DeBERTa's relative positions) or layers recur, sentences go alone."""
    gradients = ExampleGradients(fresh(kind, "softmax", model_folder).network)
    assert (gradients.batched, gradients.alone) == (batched, alone)


def test_it_is_the_same_in_batches_of_any_size(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = fresh("bert", "crf", model_folder)
    labelled = LabelledSentences.from_corpora([SENTENCES], tagger.settings)
    together = fisher_information(tagger, labelled, range(len(labelled)))
    monkeypatch.setattr(type(tagger.windower), "pieces_a_batch", 40)
    monkeypatch.setattr("salin.analysis.example_gradients._NUMBERS", 100)
    counts: list[int] = []
    apart = fisher_information(tagger, labelled, range(len(labelled)), counts.append)
    assert len(counts) > 3 and sum(counts) == len(labelled)
    assert_equal(apart, together)


def test_the_mean_is_of_the_chosen_sentences(model_folder: Callable[[str], Path]) -> None:
    tagger = fresh("bert", "softmax", model_folder)
    labelled = LabelledSentences.from_corpora([SENTENCES], tagger.settings)
    first, second, both = (fisher_information(tagger, labelled, chosen) for chosen in ([0], [5], [0, 5]))
    assert_equal(both, {name: (first[name] + second[name]) / 2 for name in first})


def test_sentences_are_chosen_evenly_from_those_with_words() -> None:
    tagger_settings = Tagger.on_encoder(BYTES["charner"], ["PER"]).settings
    persons = corpus(("Jan/B-PER",) * 7)
    with_gap = Corpus((*persons.sentences[:3], Sentence("", ()), *persons.sentences[3:]), labels=("PER",))
    labelled = LabelledSentences.from_corpora([with_gap], tagger_settings)
    assert with_words(labelled) == [0, 1, 2, 4, 5, 6, 7]
    assert spread(with_words(labelled), 3) == [0, 2, 5]
    assert spread(with_words(labelled), 7) == with_words(labelled)
