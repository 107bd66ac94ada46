"""The particle rules, by example and by the figures that SPECS gives for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from salin.baselines import ParticleRules, load_rules
from salin.corpus import Sentence, read
from salin.evaluation import score


@pytest.mark.parametrize(
    ("line", "entities"),
    [
        ("Kumain si Maria Reyes sa Cebu .", [("Maria Reyes", "PER"), ("Cebu", "LOC")]),
        ("Si Juan ang bunso .", [("Juan", "PER")]),
        ("Maganda ang babae .", []),
        ("Maria ang pangalan .", []),
        ("Sabi ni Ana SI EVA", [("Ana", "PER"), ("EVA", "PER")]),
        ("sa EDSA-3 at kay J.R.", [("J.R.", "PER")]),
    ],
)
def test_by_example(line: str, entities: list[tuple[str, str]]) -> None:
    tagged = load_rules("rules:tl").tag(Sentence.from_tokens(line.split()))
    assert [(e.text, e.label) for e in tagged.entities] == entities
    assert all(e.score is None for e in tagged.entities)


def test_the_rule_for_persons_alone() -> None:
    rules = ParticleRules("persons", other=None)
    assert rules.labels == ("PER",)
    assert [e.text for e in rules.tag(Sentence.from_tokens(["Pumunta", "si", "Ana", "sa", "Cebu"])).entities] == ["Ana"]


@pytest.mark.parametrize(
    ("corpus", "rules", "f1", "f1_of_persons_alone"),
    [
        ("tl_trg", "rules:tl", 0.913, 0.850),
        ("tl_ugnayan", "rules:tl", 0.690, 0.0),
        ("ceb_gja", "rules:ceb", 0.822, 0.854),
    ],
)
def test_the_published_figures(
    shared_data: Path,
    corpus: str,
    rules: str,
    f1: float,
    f1_of_persons_alone: float,
) -> None:
    gold = read(shared_data / f"ner/uner/{corpus}/test.conll")
    for tagger, expected in ((load_rules(rules), f1), (ParticleRules("persons", other=None), f1_of_persons_alone)):
        predicted = list(tagger.tag_sentences(gold.without_entities()))
        assert round(score(gold, predicted).f1, 3) == expected
