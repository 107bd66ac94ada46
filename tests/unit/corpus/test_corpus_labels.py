"""Corpora and label maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from salin.corpus import Corpus, Sentence, parse_label_map, read, write
from salin.errors import SettingError

SENTENCES = (
    Sentence.from_tokens(["Ana", "va", "a", "Río"], ["B-PER", "O", "O", "B-LOC"]),
    Sentence.from_tokens(["MITO", "de", "Río"], ["B-MISC", "O", "B-GPE"]),
    Sentence.from_tokens(["nada"], ["O"]),
)
CORPUS = Corpus(SENTENCES, name="a", format="conll", scheme="IOB2")


def test_a_corpus_is_a_sequence_and_so_are_its_slices() -> None:
    assert len(CORPUS) == 3
    assert CORPUS[0] is SENTENCES[0]
    assert list(CORPUS) == list(SENTENCES)
    part = CORPUS[2:]
    assert isinstance(part, Corpus)
    assert (len(part), part.name) == (1, "a")
    # A part that happens to hold no entity is annotated for the same types all the same.
    assert part.labels == ("GPE", "LOC", "MISC", "PER")


def test_it_describes_itself() -> None:
    assert CORPUS.describe() == "3 sentences, 4 entities (GPE LOC MISC PER), CoNLL, IOB2 detected"
    assert Corpus((SENTENCES[2],)).describe() == "1 sentence, 0 entities"


def test_labels_are_renamed_and_dropped() -> None:
    mapped = CORPUS.map_labels({"GPE": "LOC", "MISC": "O"})
    assert mapped.labels == ("LOC", "PER")
    assert [e.label for s in mapped for e in s.entities] == ["PER", "LOC", "LOC"]
    assert [s.text for s in mapped] == [s.text for s in CORPUS]


def test_only_the_types_of_a_tagger_are_kept() -> None:
    kept = CORPUS.only(["LOC", "PER", "VEHICLE"])
    assert kept.labels == ("LOC", "PER")
    assert [e.text for s in kept for e in s.entities] == ["Ana", "Río"]
    assert kept.only(["VEHICLE"]).labels == ()


def test_annotation_is_taken_off() -> None:
    bare = CORPUS.without_entities()
    assert (bare.labels, bare.entity_count, bare.scheme) == ((), 0, None)
    assert [s.words for s in bare] == [s.words for s in CORPUS]


def test_the_checksum_is_of_the_content_alone(tmp_path: Path) -> None:
    checksums = {CORPUS.checksum}
    for format in ("conll", "jsonl", "inline"):
        write(CORPUS, tmp_path / f"a.{format}", format)  # type: ignore[arg-type]
        checksums.add(read(tmp_path / f"a.{format}", format=format).checksum)  # type: ignore[arg-type]
    assert len(checksums) == 1
    assert CORPUS[:2].checksum not in checksums
    assert CORPUS.map_labels({"GPE": "LOC"}).checksum not in checksums


def test_label_maps_are_parsed() -> None:
    assert parse_label_map("MISC=O, GPE=LOC") == {"MISC": "O", "GPE": "LOC"}
    assert parse_label_map("MISC=O", known=["LOC", "PER"]) == {"MISC": "O"}  # one map for several corpora


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MISC", "'MISC' is not a label map. Write OLD=NEW,OLD=NEW; NEW is O"),
        ("MISC=O,", "'' is not a label map"),
        ("MISC=O,MISC=LOC", "names 'MISC' twice"),
        ("PRE=O", "no label 'PRE'; did you mean 'PER'"),
        ("per=PERSON", "no label 'per'; did you mean 'PER'"),
        ("EVENT=MISC", "no label 'EVENT'. The labels are LOC, MISC, PER"),
    ],
)
def test_bad_label_maps_say_what_is_meant(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parse_label_map(text, known=["PER", "LOC", "MISC"])
