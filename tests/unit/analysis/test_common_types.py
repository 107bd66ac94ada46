"""Languages are compared by what all of them annotate: what one has labelled beside that makes no difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import svg_files
from salin.analysis.common_types import CommonTypes, only
from salin.analysis.fisher import fisher_information
from salin.analysis.fisher_figure import plot_fisher
from salin.analysis.fisher_report import FisherReport, fisher_report
from salin.analysis.fisher_table import movement_table, overlap_table
from salin.analysis.layers import layers_of
from salin.encoding import collate
from salin.errors import DataError, SettingError
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from tiny_corpora import DEV, TRAIN, corpus

ALL = ("LOC", "MISC", "ORG", "PER")
PLAIN = corpus((*TRAIN, *DEV))
#: The same sentences by people who mark MISC as well: in these they have found none.
WITHOUT_MISC = replace(PLAIN, labels=ALL)
#: And here some.
WITH_MISC = corpus((
    "Ajax/B-ORG won/O from/O the/O Netherlands/B-MISC in/O Eindhoven/B-LOC",
    "De/B-MISC premier/I-MISC sprak/O met/O Jan/B-PER",
    "Friday/B-MISC",
    *TRAIN,
))  # fmt: skip
NETWORKS = [("bert", "softmax"), ("bert", "crf"), ("llama", "softmax"), ("byte-bilstm", "crf")]


def fresh(kind: str, head: str, model_folder: Callable[[str], Path]) -> Tagger:
    torch.manual_seed(5)
    encoder = kind if kind == "byte-bilstm" else model_folder(kind)
    if kind == "byte-bilstm":
        encoder = "byte-bilstm:byte_embedding=6,byte_hidden=5,word_hidden=7"
    tagger = Tagger.on_encoder(encoder, list(ALL), head=head, max_length=16)
    with torch.no_grad():
        for parameter in tagger.network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return tagger


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    return fresh("bert", "crf", model_folder)


def information(tagger: Tagger, labelled: LabelledSentences) -> dict[str, Tensor]:
    return fisher_information(tagger, labelled, range(len(labelled)))


@pytest.mark.parametrize(("kind", "head"), NETWORKS)
def test_the_same_sentences_are_the_same_whatever_else_their_annotators_look_for(
    kind: str, head: str, model_folder: Callable[[str], Path]
) -> None:
    """Left to themselves, the classes of MISC have gradients where it is looked for, and none where it is not."""
    tagger = fresh(kind, head, model_folder)
    alone = [
        information(tagger, LabelledSentences.from_corpora([one], tagger.settings)) for one in (PLAIN, WITHOUT_MISC)
    ]
    output = "classifier." + {"bert": "classifier", "llama": "score"}.get(kind, "output") + ".weight"
    misc = [tagger.settings.tags.index(tag) for tag in ("B-MISC", "I-MISC")]
    assert not alone[0][output][misc].any() and alone[1][output][misc].all()
    rest = [name for name in layers_of(tagger.network)["head"] if name != output] or [output]
    assert any(not torch.allclose(alone[0][name], alone[1][name]) for name in rest)

    report = fisher_report(tagger, {"plain": PLAIN, "misc": WITHOUT_MISC}, {"misc": lambda: tagger})
    assert (report.labels, report.left_out) == (("LOC", "ORG", "PER"), ("MISC",))
    by = {(o.layer, o.first, o.second): o.measured for o in report.overlaps}
    assert all(by[layer, "plain", "misc"] == by[layer, "plain", "plain"] for layer, *_ in by)
    shares = {code: [o.share for o in report.importance if o.language == code] for code in report.languages}
    assert shares["plain"] == shares["misc"]


@pytest.mark.parametrize(("kind", "head"), NETWORKS)
def test_words_of_other_types_are_given_and_not_asked_for(
    kind: str, head: str, model_folder: Callable[[str], Path]
) -> None:
    """By autograd, one sentence after another: log p(tags of the other words | words, tags of these)."""
    tagger = fresh(kind, head, model_folder)
    network, tags = tagger.network, tagger.settings.tags
    types = CommonTypes.of({"one": PLAIN, "other": WITH_MISC})
    allowed = [number for number, tag in enumerate(tags) if not tag.endswith("MISC")]
    names, parameters = zip(*network.named_parameters(), strict=True)
    expected = {name: torch.zeros_like(parameter) for name, parameter in network.named_parameters()}
    for sentence in WITH_MISC:
        batches = [collate([window], tagger.windower.padding) for window in tagger.windower.windows([sentence])]
        scores = torch.cat([b.at_words(network(b.input_ids, b.attention_mask)) for b in batches])
        gold = [tags.index(tag) for tag in sentence.tags()]
        if network.crf is None:
            asked = [number for number, tag in enumerate(gold) if tag in allowed]
            places = [allowed.index(gold[number]) for number in asked]
            score = scores[asked][:, allowed].log_softmax(-1)[range(len(asked)), places].sum()
        else:
            score = sum_of_paths(network.crf.chain, scores, [[tag] for tag in gold]) - sum_of_paths(
                network.crf.chain, scores, [allowed if tag in allowed else [tag] for tag in gold]
            )
        for name, found in zip(names, torch.autograd.grad(score, parameters, allow_unused=True), strict=True):
            if found is not None:
                expected[name] += found**2 / len(WITH_MISC)
    compared = types.compared(tagger)
    found = only(information(tagger, types.labelled(WITH_MISC, tagger)), compared)
    most = max(float(values.max()) for values in expected.values())
    for name, values in only(expected, compared).items():
        # Sums of exponentials in fp32, one by one here and all at once there.
        bound = 1e-4 * float(values.max()) + 1e-9 * most
        assert float((found[name] - values).abs().max()) <= bound, name


def sum_of_paths(chain, scores: Tensor, open_tags: list[list[int]]) -> Tensor:
    """The logarithm of the sum over all paths through these tags, word by word."""
    before, total = open_tags[0], chain.start[open_tags[0]] + scores[0, open_tags[0]]
    for word, now in enumerate(open_tags[1:], 1):
        total = (total[:, None] + chain.between[before][:, now]).logsumexp(0) + scores[word, now]
        before = now
    return (total + chain.end[before]).logsumexp(0)


@pytest.mark.parametrize(("kind", "head"), NETWORKS)
def test_the_weights_that_score_other_types_alone_are_not_compared(
    kind: str, head: str, model_folder: Callable[[str], Path]
) -> None:
    tagger = fresh(kind, head, model_folder)
    report = fisher_report(tagger, {"plain": PLAIN, "misc": WITH_MISC})
    whole = {
        layer: sum(tagger.network.get_parameter(name).numel() for name in names)
        for layer, names in layers_of(tagger.network).items()
    }
    less = {layer: size - report.layers[layer] for layer, size in whole.items() if size != report.layers[layer]}
    network = tagger.network
    rows = {name.rpartition(".")[2]: part for name, part in network.classifier.named_parameters()
            if len(part) == 9 and not name.startswith(f"{network.classifier.base_model_prefix}.")}  # fmt: skip
    of_head = 2 * rows["weight"].shape[1] + 2 * ("bias" in rows)
    # Of nine tags in start and end two, and all steps from or to them.
    assert less == {"head": of_head, **({"transitions": 2 + 2 + 81 - 49} if head == "crf" else {})}


def test_what_fine_tuning_did_to_other_types_is_no_movement(tagger: Tagger, model_folder: Callable) -> None:
    tuned = fresh("bert", "crf", model_folder)
    rows = [tuned.settings.tags.index(tag) for tag in ("B-MISC", "I-MISC")]
    with torch.no_grad():
        tuned.network.get_parameter("classifier.classifier.weight")[rows] += 1
        tuned.network.get_parameter("crf.start")[rows] += 1
    report = fisher_report(tagger, {"plain": PLAIN, "misc": WITH_MISC}, {"misc": lambda: tuned})
    assert {one.distance for one in report.movements} == {0.0}
    alike = fisher_report(tagger, {"misc": WITH_MISC, "again": WITH_MISC}, {"misc": lambda: tuned})
    assert {one.layer for one in alike.movements if one.distance} == {"head", "transitions"}, "all of them annotate it"
    assert (alike.labels, alike.left_out) == (ALL, ())


def test_a_type_of_the_tagger_that_nobody_annotates_is_not_compared_either(tagger: Tagger) -> None:
    report = fisher_report(tagger, {"one": PLAIN, "other": PLAIN})
    assert (report.labels, report.left_out) == (("LOC", "ORG", "PER"), ())
    assert report.layers == fisher_report(tagger, {"one": PLAIN, "other": WITH_MISC}).layers


def test_what_takes_no_part_is_said(tagger: Tagger, tmp_path: Path) -> None:
    report: FisherReport = fisher_report(tagger, {"plain": PLAIN, "misc": WITH_MISC}, {"misc": lambda: tagger})
    said = "Without MISC, which not all of them annotate."
    assert overlap_table([report], "T").footer[0].endswith(said)
    assert movement_table([report], "T").footer[0].endswith(said)
    plot_fisher([report], tmp_path / "fisher.svg")
    assert said in " ".join(svg_files.texts(tmp_path / "fisher.svg"))
    same = fisher_report(tagger, {"one": PLAIN, "other": PLAIN})
    assert "Without" not in overlap_table([same], "T").footer[0]


def test_languages_without_a_common_type_are_refused(tagger: Tagger, model_folder: Callable) -> None:
    persons, places = (
        PLAIN.map_labels({"ORG": "O", other: "O"}) for other in ("LOC", "PER")
    )  # fmt: skip
    with pytest.raises(DataError, match=r"annotated in all of these languages \(one PER; other LOC\).*--map"):
        fisher_report(tagger, {"one": persons, "other": places})
    torch.manual_seed(0)
    charner = Tagger.on_encoder("charner:byte_embedding=6,byte_hidden=5,byte_layers=2", list(ALL))
    with pytest.raises(SettingError, match="all its corpora have to annotate the same types"):
        fisher_report(charner, {"one": PLAIN, "other": WITH_MISC})
