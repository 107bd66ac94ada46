"""Tags sentences by way of English: translated, tagged there, and every entity brought back to where it stands."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from salin.corpus import Entity, Sentence, SentenceTagger, TagsText
from salin.corpus.words import segment_words
from salin.translation.assignment import Claim, assign
from salin.translation.folding import fold_letters
from salin.translation.links import LinksWords, linked_place
from salin.translation.location import Locator, Place
from salin.translation.translator import TOGETHER, Phrases, Translation, Translator

# Words linked by likeness of their vectors are a weaker reason than a phrase that was brought back.
_LINKED_BY_VECTORS = 0.8


@dataclass
class Tally:
    """What became of sentences and of the entities of their translations.

    Attributes:
        sentences: How many went in.
        untranslated: Of these, how many had no translation, and so no entities.
        entities: That the tagger found in translations.
        roads: How many of them came back, by what brought them: `named` (by the translator while it translated),
            `linked` (it knows which word came from which), `copied` (it stands in the original as in the translation),
            `brought back` (asked for), `aligned` (by the vectors of an encoder).
        lost: How many did not, by why: `not brought back` (no answer), `not in the sentence` (an answer that does not
            stand there), `taken` (another entity stands there).
    """

    sentences: int = 0
    untranslated: int = 0
    entities: int = 0
    roads: Counter[str] = field(default_factory=Counter[str])
    lost: Counter[str] = field(default_factory=Counter[str])


@dataclass
class _Sought:
    """An entity of a translation, and where it may stand in the original."""

    entity: Entity
    places: list[Place] = field(default_factory=list[Place])
    road: str = ""
    lost: str = "not brought back"

    def found(self, places: Iterable[Place], road: str) -> None:
        self.places = list(places)
        self.road = road if self.places else ""


@dataclass
class _Pair:
    """A sentence, its translation and what is sought of it."""

    number: int
    original: Sentence
    translation: Translation
    english: Sentence
    locator: Locator
    sought: list[_Sought]

    @property
    def open(self) -> list[_Sought]:
        return [one for one in self.sought if not one.places]


class TranslationTagger(TagsText):
    """Tags sentences of a language that its tagger need not know.

    An entity is kept only where it stands in the sentence, on the borders of words; it is never made up of what a
    translator says. Its score is the tagger's in English times how well it was found.

    Args:
        translator: Translates into English and finds phrases again.
        tagger: Anything that tags English.
        word_links: Links words where a phrase cannot be brought back; None leaves such entities out.

    Attributes:
        tally: What became of all sentences so far.
    """

    def __init__(
        self,
        translator: Translator,
        tagger: SentenceTagger,
        *,
        word_links: LinksWords | None = None,
    ):
        self.translator = translator
        self.tally = Tally()
        self.labels = tagger.labels
        self._tagger, self._word_links = tagger, word_links

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order: one out for each in, with the same text and words."""
        return (tagged for tagged, _ in self.tag_with_losses(sentences))

    def tag_with_losses(self, sentences: Iterable[Sentence]) -> Iterator[tuple[Sentence, bool]]:
        """Tags sentences as `tag_sentences` does, and says of each whether anything may be missing.

        Args:
            sentences: Any number.

        Yields:
            The tagged sentence, and whether it had no translation or an entity of its translation was lost.
        """
        iterator = iter(sentences)
        while batch := list(itertools.islice(iterator, TOGETHER)):
            yield from self._tagged(batch)

    def _tagged(self, batch: list[Sentence]) -> Iterator[tuple[Sentence, bool]]:
        self.tally.sentences += len(batch)
        pairs, untranslated = self._pairs(batch)
        for pair in pairs:
            for sought in pair.sought:
                self._find_unasked(pair, sought)
        self._ask([pair for pair in pairs if pair.open])
        self._link([pair for pair in pairs if pair.open])
        tagged = [(replace(sentence, entities=()), number in untranslated) for number, sentence in enumerate(batch)]
        for pair in pairs:
            entities = tuple(self._entities(pair))
            tagged[pair.number] = replace(pair.original, entities=entities), len(entities) < len(pair.sought)
        yield from tagged

    def _pairs(self, batch: list[Sentence]) -> tuple[list[_Pair], set[int]]:
        """The sentences whose translations hold entities, and the numbers of those without a translation."""
        numbers = [number for number, sentence in enumerate(batch) if sentence.words]
        translations = self.translator.translate([batch[number].text for number in numbers])
        there = [(n, t) for n, t in zip(numbers, translations, strict=True) if t is not None and t.text.strip()]
        untranslated = set(numbers) - {number for number, _ in there}
        self.tally.untranslated += len(untranslated)
        english = self._tagger.tag_sentences(Sentence(t.text, segment_words(t.text)) for _, t in there)
        pairs: list[_Pair] = []
        for (number, translation), tagged in zip(there, english, strict=True):
            self.tally.entities += len(tagged.entities)
            if tagged.entities:
                original = batch[number]
                sought = [_Sought(entity) for entity in tagged.entities]
                pairs.append(_Pair(number, original, translation, tagged, Locator(original), sought))
        return pairs, untranslated

    def _find_unasked(self, pair: _Pair, sought: _Sought) -> None:
        """Looks for what the translator said of an entity while it translated, and then for the entity itself."""
        if self.translator.asks_for_all:
            return
        entity, text = sought.entity, _named(sought.entity.text)
        named = {c.original for c in pair.translation.candidates if _named(c.translated) == text}
        sought.found(_distinct(place for phrase in sorted(named) for place in pair.locator.places(phrase)), "named")
        if not sought.places:
            place = linked_place(pair.translation.links, entity.start, entity.end, pair.original)
            sought.found([] if place is None else [place], "linked")
        if not sought.places:
            sought.found((place for place in pair.locator.places(entity.text) if place.score == 1), "copied")

    def _ask(self, pairs: list[_Pair]) -> None:
        if not pairs:
            return
        questions = [
            Phrases(pair.original.text, pair.translation.text, tuple(one.entity.text for one in pair.open))
            for pair in pairs
        ]
        for pair, answers in zip(pairs, self.translator.bring_back(questions), strict=True):
            for sought, answer in zip(pair.open, answers, strict=True):
                if answer is not None:
                    sought.lost = "not in the sentence"
                    sought.found(pair.locator.places(answer), "brought back")

    def _link(self, pairs: list[_Pair]) -> None:
        if self._word_links is None or not pairs:
            return
        linked = self._word_links.links([(pair.english, pair.original) for pair in pairs])
        for pair, links in zip(pairs, linked, strict=True):
            for sought in pair.open:
                place = linked_place(links, sought.entity.start, sought.entity.end, pair.original)
                if place is not None:
                    sought.found([replace(place, score=_LINKED_BY_VECTORS * place.score)], "aligned")

    def _entities(self, pair: _Pair) -> list[Entity]:
        length, text = len(pair.translation.text), pair.original.text
        claims = [Claim(one.entity.start / length, one.places) for one in pair.sought]
        entities: list[Entity] = []
        for sought, place in zip(pair.sought, assign(claims, len(text)), strict=True):
            if place is None:
                self.tally.lost["taken" if sought.places else sought.lost] += 1
                continue
            self.tally.roads[sought.road] += 1
            score = place.score * (1.0 if sought.entity.score is None else sought.entity.score)
            there = text[place.start : place.end]
            entities.append(Entity(place.start, place.end, there, sought.entity.label, score))
        return sorted(entities, key=lambda entity: entity.start)


def _named(phrase: str) -> str:
    """A phrase as two names of the same thing are compared: without an article."""
    words = phrase.split()
    if len(words) > 1 and words[0].lower() in ("the", "a", "an"):
        words = words[1:]
    return fold_letters(" ".join(words))


def _distinct(places: Iterable[Place]) -> list[Place]:
    """The places, each once, with its best score."""
    best: dict[tuple[int, int], Place] = {}
    for place in places:
        key = place.start, place.end
        if key not in best or place.score > best[key].score:
            best[key] = place
    return list(best.values())


def describe_tally(tally: Tally) -> Sequence[str]:
    """What became of sentences and entities, in lines for people."""
    found = sum(tally.roads.values())
    roads = ", ".join(f"{count:,} {road}" for road, count in tally.roads.most_common())
    lost = ", ".join(f"{count:,} {why}" for why, count in tally.lost.most_common())
    lines = [f"{tally.sentences:,} sentences, {tally.entities:,} entities in translations, {found:,} found again"]
    if roads:
        lines[0] += f" ({roads})"
    if lost:
        lines.append(f"lost: {lost}")
    if tally.untranslated:
        lines.append(f"{tally.untranslated:,} sentences without a translation")
    return lines
