"""How well entities come back, measured without any tagger: gold entities, to English and back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from salin.corpus import Entity, Sentence
from salin.corpus.words import segment_words
from salin.translation.assignment import Claim, assign
from salin.translation.links import LinksWords, linked_place
from salin.translation.location import Locator, Place
from salin.translation.translator import Link, Phrases, Translation, Translator


@dataclass
class RoundTrips:
    """Gold entities that were brought back.

    Attributes:
        entities: How many have a counterpart in the translation.
        roads: For each road how many of these came back at all, and how many to where they stood, as the same words.
    """

    entities: int = 0
    roads: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])


@dataclass(frozen=True)
class _Trip:
    original: Sentence
    translation: Translation
    english: Sentence
    entities: tuple[Entity, ...]
    phrases: tuple[Place, ...]  # of the same entities, in the translation

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self.translation.text[place.start : place.end] for place in self.phrases)


def round_trips(
    translator: Translator, sentences: Sequence[Sentence], word_links: LinksWords | None = None
) -> RoundTrips | None:
    """Brings gold entities to English by the translator's links, and back on each road by itself.

    Args:
        translator: One that says which word became which; of others nothing is known of a gold entity in English.
        sentences: With their gold entities.
        word_links: Tried as a road, where there are any.

    Returns:
        What came back; None where the translator gives no links.
    """
    with_entities = [sentence for sentence in sentences if sentence.entities]
    translations = translator.translate([sentence.text for sentence in with_entities])
    trips = [_trip(s, t) for s, t in zip(with_entities, translations, strict=True) if t is not None and t.links]
    trips = [trip for trip in trips if trip.entities]
    if not trips:
        return None
    found = RoundTrips(sum(len(trip.entities) for trip in trips))
    answers = translator.bring_back([Phrases(t.original.text, t.translation.text, t.texts) for t in trips])
    back = {id(trip): replies for trip, replies in zip(trips, answers, strict=True)}

    def brought(trip: _Trip) -> list[Sequence[Place]]:
        locator = Locator(trip.original)
        return [locator.places(answer or "") for answer in back[id(trip)]]

    def copied(trip: _Trip) -> list[Sequence[Place]]:
        locator = Locator(trip.original)
        return [[place for place in locator.places(text) if place.score == 1] for text in trip.texts]

    found.roads["linked"] = _counted(trips, lambda trip: _linked(trip, trip.translation.links))
    found.roads["copied"] = _counted(trips, copied)
    found.roads["brought back"] = _counted(trips, brought)
    if word_links is not None:
        links = word_links.links([(trip.english, trip.original) for trip in trips])
        by_vectors = {id(trip): of_trip for trip, of_trip in zip(trips, links, strict=True)}
        found.roads["aligned"] = _counted(trips, lambda trip: _linked(trip, by_vectors[id(trip)]))
    return found


def _trip(original: Sentence, translation: Translation) -> _Trip:
    english = Sentence(translation.text, segment_words(translation.text))
    turned = [Link(link.original_start, link.original_end, link.start, link.end) for link in translation.links]
    there = [(entity, linked_place(turned, entity.start, entity.end, english)) for entity in original.entities]
    kept = [(entity, place) for entity, place in there if place is not None]
    return _Trip(original, translation, english, tuple(e for e, _ in kept), tuple(p for _, p in kept))


def _linked(trip: _Trip, links: Sequence[Link]) -> list[Sequence[Place]]:
    places = [linked_place(links, phrase.start, phrase.end, trip.original) for phrase in trip.phrases]
    return [[] if place is None else [place] for place in places]


def _counted(trips: Sequence[_Trip], road: Callable[[_Trip], list[Sequence[Place]]]) -> tuple[int, int]:
    """How many entities come back on a road, and how many of them to where they stood."""
    back = right = 0
    for trip in trips:
        length = max(len(trip.translation.text), 1)
        claims = [Claim(p.start / length, places) for p, places in zip(trip.phrases, road(trip), strict=True)]
        for entity, place in zip(trip.entities, assign(claims, len(trip.original.text)), strict=True):
            back += place is not None
            right += place is not None and (place.start, place.end) == (entity.start, entity.end)
    return back, right
