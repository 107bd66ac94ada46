"""What taggers think of each word equals what a slow sum over tags, or over whole tag sequences, says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from math import exp, log
from pathlib import Path

import pytest
import torch

import svg_files
from salin.analysis.class_probabilities import class_log_probabilities, frequent_words, tag_log_probabilities
from salin.analysis.prototype_figure import plot_prototypes
from salin.analysis.prototypes import compare_prototypes, example_cases, is_tagger, model_ranks
from salin.corpus import Corpus, Sentence
from salin.errors import DataError
from salin.models import Tagger
from tiny_corpora import corpus, labelled

LINES = ("Jan/B-PER Vries/I-PER won/O", "Maria/B-PER met/O Jan/B-PER in/O Lisbon/B-LOC ./O")


def tagger(encoder: Path, labels: str, head: str = "softmax", seed: int = 1) -> Tagger:
    torch.manual_seed(seed)
    made = Tagger.on_encoder(encoder, labels.split(), head=head)
    with torch.no_grad():
        for name, parameter in made.network.named_parameters():
            if "encoder" not in name and "embed" not in name:
                parameter.normal_()
    return made


@pytest.fixture
def folders(model_folder: Callable[[str], Path], tmp_path: Path) -> list[str]:
    """Two taggers that share two labels."""
    for name, labels in (("first", "LOC MISC PER"), ("second", "LOC PER")):
        tagger(model_folder("bert"), labels, seed=len(name)).save_pretrained(tmp_path / name)
    return [str(tmp_path / name) for name in ("first", "second")]


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_a_class_is_the_sum_of_its_two_tags(model_folder: Callable[[str], Path], architecture: str) -> None:
    made = tagger(model_folder(architecture), "LOC PER")
    sentence = labelled(LINES[1])
    (by_tag,) = tag_log_probabilities(made, [sentence])
    by_class = class_log_probabilities(by_tag, made.settings.tags, ("O", "PER"))
    (scores,) = made.emissions([sentence])
    for word, row in enumerate(scores.double().tolist()):
        outside, _, _, begin, inside = (exp(score) for score in row)  # O B-LOC I-LOC B-PER I-PER
        total = sum(map(exp, row))
        expected = [log(outside / total), log((begin + inside) / total)]
        assert by_class[word].tolist() == pytest.approx(expected)


def test_a_crf_gives_its_marginals(model_folder: Callable[[str], Path]) -> None:
    """A sum over all tag sequences: what leads through a tag, divided by all."""
    made = tagger(model_folder("bert"), "PER", head="crf")
    sentence = labelled(LINES[0])
    (by_tag,) = tag_log_probabilities(made, [sentence])
    scores, chain = made.emissions([sentence])[0].tolist(), made.network.chain
    start, between, end = (part.tolist() for part in (chain.start, chain.between, chain.end))
    through = [[0.0] * 3 for _ in scores]
    for path in product(range(3), repeat=3):
        steps = sum(between[a][b] for a, b in pairwise(path))
        weight = exp(start[path[0]] + steps + end[path[-1]] + sum(scores[i][tag] for i, tag in enumerate(path)))
        for word, tag in enumerate(path):
            through[word][tag] += weight
    for word, weights in enumerate(through):
        expected = [weight / sum(weights) for weight in weights]
        assert by_tag[word].exp().tolist() == pytest.approx(expected, abs=1e-6)
        assert by_tag[word].isfinite().all()


def test_a_sentence_without_words_has_no_rows(model_folder: Callable[[str], Path]) -> None:
    for head in ("softmax", "crf"):
        found = tag_log_probabilities(tagger(model_folder("bert"), "PER", head=head), [Sentence("", ())])
        assert found[0].shape == (0, 3)


def test_frequent_words_inside_and_outside_entities() -> None:
    sentences = [labelled("Jan/B-PER met/O Jan/O ./O"), labelled("Jan/B-PER ./O met/O")]
    correct = [[torch.tensor([0.9, 0.5, 0.1, 0.2]), torch.tensor([0.7, 0.2, 0.3])]]
    found = [(w.word, w.entity, w.count, *w.correct) for w in frequent_words(sentences, correct)]
    assert found == [
        ("Jan", True, 2, pytest.approx(0.8)),
        ("met", False, 2, pytest.approx(0.4)),
        ("Jan", False, 1, pytest.approx(0.1)),
    ]
    many = Sentence.from_tokens([f"w{number:02}" for number in range(12)] + ["w11"])
    ten = frequent_words([many], [[torch.zeros(13)]])
    assert [w.word for w in ten] == ["w11", *(f"w{number:02}" for number in range(9))]


def test_two_models_word_by_word(folders: list[str]) -> None:
    found = compare_prototypes(folders, corpus(LINES))
    assert found.classes == ("O", "LOC", "PER"), "MISC is known to the first alone"
    assert [(word.sentence, word.word, word.gold) for word in found.words][:4] == [
        (0, "Jan", "PER"), (0, "Vries", "PER"), (0, "won", "O"), (1, "Maria", "PER"),
    ]  # fmt: skip
    first, second = (Tagger.from_pretrained(folder) for folder in folders)
    one, two = (
        class_log_probabilities(tag_log_probabilities(made, [labelled(LINES[1])])[0], made.settings.tags, ("LOC",))
        for made in (first, second)
    )
    lisbon = found.words[3 + 4]
    assert lisbon.word == "Lisbon"
    assert lisbon.log_probabilities["LOC"] == pytest.approx((one[4, 0].item(), two[4, 0].item()))
    assert lisbon.difference["LOC"] == pytest.approx((two - one)[4, 0].item())
    means = found.mean_differences()
    assert list(means) == ["O", "LOC", "PER"]
    assert means["LOC"] == lisbon.difference, "there is one such word"
    persons = [word.difference["O"] for word in found.words if word.gold == "PER"]
    assert means["PER"]["O"] == pytest.approx(sum(persons) / 4)


def test_the_right_tag_is_looked_up_in_each_models_own_order(folders: list[str]) -> None:
    found = compare_prototypes(folders, corpus(("Maria/B-PER",)))
    for place, folder in enumerate(folders):
        made = Tagger.from_pretrained(folder)
        (by_tag,) = tag_log_probabilities(made, [labelled("Maria/B-PER")])
        expected = by_tag[0, made.settings.tags.index("B-PER")].exp().item()
        assert found.frequent[0].correct[place] == pytest.approx(expected)


def test_labels_that_a_model_lacks_are_named(folders: list[str]) -> None:
    with pytest.raises(DataError, match=r"MISC, which the model does not have.*--map MISC=O"):
        compare_prototypes(folders, corpus(("Jan/B-PER Cup/B-MISC",)))


def test_the_two_sentences_of_the_paper() -> None:
    cases = example_cases()
    assert [[(e.text, e.label) for e in sentence.entities] for sentence in cases] == [
        [("John", "PER")],
        [("Maria", "PER"), ("Juan", "PER")],
    ]
    assert [sentence.text for sentence in cases] == ["Inahit ni John ang sarili niya", "Malapit kay Maria si Juan"]


def test_ranks_of_taggers_and_of_bare_encoders(folders: list[str], model_folder: Callable[[str], Path]) -> None:
    encoder = str(model_folder("bert"))
    assert [is_tagger(name) for name in (*folders, encoder)] == [True, True, False]
    ranks = model_ranks([folders[0], encoder])
    assert [model.model for model in ranks] == [folders[0], encoder]
    assert ranks[0].matrices == ranks[1].matrices, "the tagger stands on this very encoder"


def test_the_figure_shows_what_there_is(folders: list[str], tmp_path: Path) -> None:
    found, ranks, file = compare_prototypes(folders, corpus(LINES)), model_ranks(folders), tmp_path / "prototypes.svg"
    plot_prototypes(found, ranks, file)
    assert len(svg_files.dots(file, "difference-PER")) == len(found.words), "few words have names"
    assert len(svg_files.dots(file, "correct-entity-0")) == 2, "a dot for each model"
    assert len(svg_files.dots(file, "value-1")) == 3, "a dot for each block"
    many = Corpus(corpus(LINES).sentences * 3)
    plot_prototypes(compare_prototypes(folders, many), ranks, file)
    assert len(svg_files.dots(file, "difference-PER")) == 3, "one for each gold class"
    plot_prototypes(None, ranks[:1], file)
    assert not [text for text in svg_files.texts(file) if "correct" in text]
