"""From links between words to the words that an entity came from."""

from __future__ import annotations

from salin.corpus import Sentence
from salin.translation.links import linked_place
from salin.translation.translator import Link

ORIGINAL = Sentence.from_tokens(["la", "Universidad", "de", "Chile", "y", "la", "de", "Lima"])
TRANSLATION = "Chile University and that of Lima"


def link(translated: str, word: int) -> Link:
    start = TRANSLATION.index(translated)
    return Link(start, start + len(translated), *ORIGINAL.words[word])


LINKS = [link("Chile", 3), link("University", 1), link("and", 4), link("of", 6), link("Lima", 7)]


def place(text: str, links: list[Link] = LINKS) -> tuple[str, float] | None:
    start = TRANSLATION.index(text)
    found = linked_place(links, start, start + len(text), ORIGINAL)
    return None if found is None else (ORIGINAL.text[found.start : found.end], found.score)


def test_a_word_between_belongs_to_the_entity_when_nothing_outside_came_from_it() -> None:
    assert place("Chile University") == ("Universidad de Chile", 1.0)


def test_a_word_that_came_from_elsewhere_parts_it() -> None:
    apart = [link("Chile", 7), link("University", 1), link("and", 4)]
    assert place("Chile University", apart) == ("Universidad", 0.5)


def test_a_part_of_a_word_means_the_word() -> None:
    start, _ = ORIGINAL.words[7]
    assert place("Lima", [Link(29, 33, start + 1, start + 3)]) == ("Lima", 1.0)


def test_what_came_from_nothing_has_no_place() -> None:
    assert place("that") is None
