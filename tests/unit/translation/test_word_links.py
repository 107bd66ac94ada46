"""Words are linked by the vectors of an encoder; on real translations the links lead where a dictionary says."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from salin.corpus import Sentence
from salin.corpus.words import segment_words
from salin.models import Tagger
from salin.translation.links import linked_place
from salin.translation.word_links import EncoderLinks, mutual


def sentence(text: str) -> Sentence:
    return Sentence(text, segment_words(text))


def test_two_are_linked_when_each_is_the_others_nearest() -> None:
    similarity = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1], [0.1, 0.2, 0.7]])
    assert mutual(similarity) == [(0, 0), (2, 2)]  # row 1 wants column 0, which wants row 0
    assert mutual(torch.zeros(0, 3)) == mutual(torch.zeros(3, 0)) == []


@pytest.fixture(scope="module")
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    return Tagger.on_encoder(model_folder("bert"), ("LOC",), max_length=24)


def test_a_sentence_is_linked_with_itself_word_by_word(tagger: Tagger) -> None:
    same = sentence("Maria Sousa went from Lisbon to the old town of Ginebra in May")
    (links,) = EncoderLinks.of(tagger).links([(same, same)])
    assert [(link.start, link.end) for link in links] == list(same.words)
    assert all((a, b) == (c, d) for a, b, c, d in links)


def test_long_sentences_are_read_in_windows_and_empty_ones_have_no_links(tagger: Tagger) -> None:
    long = sentence(" ".join(f"word{number}" for number in range(120)))
    empty = sentence("")
    links = EncoderLinks.of(tagger).links([(empty, long), (long, long), (long, empty)])
    assert [len(found) for found in links][::2] == [0, 0]
    assert links[1] and max(link.end for link in links[1]) > 600


def lines(path: Path) -> list[str]:
    return lzma.open(path, "rt", encoding="utf-8").read().split("\n")


def known_pairs(shared_data: Path, language: str) -> Iterator[tuple[Sentence, Sentence, str, str]]:
    """News sentences that name a country once in English, and once by its name in the other language."""
    rows = (line.split("\t") for line in lines(shared_data / f"dict/country_names/en-{language}.tsv.xz"))
    countries = [(row[0], row[1]) for row in rows if len(row) > 1 and row[0] != row[1] and " " not in row[0] + row[1]]
    folder = shared_data / "parallel/ntrex128"
    for english, other in zip(lines(folder / "en.txt.xz"), lines(folder / f"{language}.txt.xz"), strict=True):
        left, right = sentence(english), sentence(other)
        for name, foreign in countries:
            if left.tokens.count(name) == 1 and right.tokens.count(foreign) == 1:
                yield left, right, name, foreign


@pytest.mark.parametrize("language", ["es", "de"])
def test_on_news_most_countries_are_linked_with_their_own_names(shared_data: Path, language: str) -> None:
    """The bundled tagger is small: it links about every second, and of these more than three of four rightly."""
    known = list(known_pairs(shared_data, language))[:60]
    assert len(known) > 40
    links = EncoderLinks.of(Tagger.from_pretrained("salin-tiny")).links([(left, right) for left, right, _, _ in known])
    found = right = 0
    for (english, other, name, foreign), linked in zip(known, links, strict=True):
        start, end = english.words[english.tokens.index(name)]
        place = linked_place(linked, start, end, other)
        found += place is not None
        right += place is not None and other.text[place.start : place.end] == foreign
    assert found > 0.4 * len(known)
    assert right > 0.75 * found
