"""Labelled sentences for tests, written as `Jan/B-PER won/O`, in the words that the tiny tokenizers know."""

from __future__ import annotations

from salin.corpus import Corpus, Sentence

TRAIN = (
    "Jan/B-PER de/I-PER Vries/I-PER won/O",
    "Maria/B-PER Sousa/I-PER met/O Jan/B-PER in/O Lisbon/B-LOC",
    "De/O premier/O sprak/O in/O Eindhoven/B-LOC met/O Reuters/B-ORG ./O",
    "Ajax/B-ORG won/O from/O PSV/B-ORG in/O Eindhoven/B-LOC on/O Friday/O ./O",
    "Si/O Juan/B-PER dela/I-PER Cruz/I-PER miadto/O sa/O Sugbo/B-LOC kagahapon/O ./O",
    "EFECOM/B-ORG ,/O 23/O de/O mayo/O",
    "Reuters/B-ORG said/O Maria/B-PER met/O the/O premier/O of/O the/O Netherlands/B-LOC",
    "PSV/B-ORG won/O with/O 2-1/O",
)
DEV = ("Maria/B-PER met/O Ajax/B-ORG in/O Lisbon/B-LOC", "Jan/B-PER sprak/O met/O Reuters/B-ORG")


def labelled(line: str) -> Sentence:
    """The sentence of one marked line."""
    tokens, tags = zip(*(word.rsplit("/", 1) for word in line.split()), strict=True)
    return Sentence.from_tokens(tokens, tags)


def corpus(lines: tuple[str, ...] = TRAIN, *, name: str = "tiny") -> Corpus:
    """A corpus of marked lines."""
    return Corpus(tuple(map(labelled, lines)), name=name)
