"""Particles before names: by example, against a plain count, and by the figures of the real test sets."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import svg_files
from salin.analysis.particles import PARTICLE_SETS, PUBLISHED, Share, particle_statistics, plot_particles
from salin.corpus import Corpus, Sentence, read
from salin.errors import DataError
from tiny_corpora import corpus

LINES = (
    "Kumain/O si/O Maria/B-PER Reyes/I-PER sa/O Cebu/B-LOC ./O",
    "Si/O Juan/B-PER ang/O bunso/O ni/O Ana/B-PER",
    "Maria/B-PER at/O si/O Ana/B-PER",
)


def test_entities_are_counted_by_the_word_before_their_first() -> None:
    found = particle_statistics(corpus(LINES), PUBLISHED)
    counts = {name: {kind: (s.count, s.of) for kind, s in kinds.items()} for name, kinds in found.preceded.items()}
    assert counts == {
        # `Reyes` stands behind `Maria`, and the first words of sentences behind nothing.
        "all words": {"personal": (4, 17), "common": (2, 17), "any": (6, 17)},
        "all entities": {"personal": (4, 6), "common": (1, 6), "any": (5, 6)},
        "LOC": {"personal": (0, 1), "common": (1, 1), "any": (1, 1)},
        "PER": {"personal": (4, 5), "common": (0, 5), "any": (4, 5)},
    }
    assert found.particles["si"] == {"all words": 3, "all entities": 3, "LOC": 0, "PER": 3}
    assert (found.sentences, found.names) == (3, 5)


def test_what_a_source_has_never_shown() -> None:
    source = corpus(("Maria/B-PER ang/O pangalan/O ./O", "Juan/B-PER Cruz/I-PER"))
    unseen = particle_statistics(corpus(LINES), PUBLISHED, source).unseen
    assert unseen is not None
    # Of Maria Reyes Cebu Juan Ana Maria Ana the source has Maria and Juan; of the ten others `.` and `ang`.
    assert (unseen.entity_words.count, unseen.entity_words.of) == (4, 7)
    assert (unseen.other_words.count, unseen.other_words.of) == (8, 10)


_TAGS = st.lists(
    st.tuples(st.sampled_from(["si", "Sa", "ng", "Ana"]), st.sampled_from(["O", "B-PER", "I-PER", "B-LOC"])),
    min_size=1, max_size=8,
)  # fmt: skip


@given(st.lists(_TAGS, min_size=1, max_size=5))
def test_shares_equal_a_plain_count(marked: list[list[tuple[str, str]]]) -> None:
    sentences = [Sentence.from_tokens(*zip(*words, strict=True)) for words in marked]
    made = Corpus(tuple(sentences))
    if not made.entity_count:
        with pytest.raises(DataError, match="no entities"):
            particle_statistics(made, PUBLISHED)
        return
    found = particle_statistics(made, PUBLISHED)
    for label in made.labels:
        preceded = total = 0
        for sentence in sentences:
            tokens, tags = sentence.tokens, sentence.tags()
            for place, tag in enumerate(tags):
                if tag == f"B-{label}":
                    total += 1
                    preceded += place > 0 and tokens[place - 1].lower() in ("si", "sa", "ng")
        share = found.preceded[label]["any"]
        assert (share.count, share.of) == (preceded, total)


@given(of=st.integers(1, 400), share=st.floats(0, 1))
def test_the_interval_is_wilsons(of: int, share: float) -> None:
    count = round(of * share)
    found, z, p = Share.made_of(count, of), 1.959963984540054, count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    assert (found.low, found.high) == (pytest.approx(middle - half, abs=1e-9), pytest.approx(middle + half, abs=1e-9))


def test_nothing_has_no_share() -> None:
    assert str(Share.made_of(0, 0)) == "0/0"
    assert str(Share.made_of(15, 19)) == "15/19 = 78.9% [56.7, 91.5]"


@pytest.mark.parametrize(
    ("name", "of_words", "persons", "places"),
    [
        ("tl_trg", 0.229, (15, 19), (4, 4)),
        ("tl_ugnayan", 0.160, (0, 2), (27, 31)),
        ("ceb_gja", 0.114, (37, 42), (5, 6)),
    ],
)
def test_the_figures_of_the_philippine_test_sets(
    shared_data: Path, name: str, of_words: float, persons: tuple[int, int], places: tuple[int, int]
) -> None:
    preceded = particle_statistics(read(shared_data / f"ner/uner/{name}/test.conll"), PUBLISHED).preceded
    assert preceded["all words"]["any"].share == pytest.approx(of_words, abs=0.0005)
    assert (preceded["PER"]["personal"].count, preceded["PER"]["personal"].of) == persons
    assert (preceded["LOC"]["common"].count, preceded["LOC"]["common"].of) == places


def test_cebuano_has_its_own_dative(shared_data: Path) -> None:
    found = particle_statistics(read(shared_data / "ner/uner/ceb_gja/test.conll"), PARTICLE_SETS["ceb"])
    assert found.preceded["PER"]["personal"].count == 37 + 2, "two persons stand behind `kang`"


def test_a_panel_for_each_corpus(tmp_path: Path) -> None:
    found = particle_statistics(corpus(LINES), PUBLISHED)
    file = tmp_path / "particles.svg"
    plot_particles([("one", found), ("two", replace(found, preceded={"PER": found.preceded["PER"]}))], file)
    assert {"one", "two", "all entities (6)", "PER (5)"} <= set(svg_files.texts(file))
    personal = svg_files.dots(file, "personal-0")
    assert len(personal) == 4 and len(svg_files.dots(file, "personal-1")) == 1
    words, entities, places, persons = (x for x, _ in personal)
    assert places < words < entities < persons, "0/1, 4/17, 4/6, 4/5"
