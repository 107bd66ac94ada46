"""From sentences to translations to entities to where they stand, with a translator that says what the test wants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from salin.corpus import Entity, Sentence, TagsText
from salin.corpus.words import segment_words
from salin.translation import (
    Candidate,
    Link,
    Phrases,
    Translation,
    TranslationTagger,
    Translator,
    Usage,
    describe_tally,
)
from salin.translation.translator import TOGETHER


class NamesInCapitals(TagsText):
    """An English tagger: a run of words in capitals is an entity, of the type that its first letter says."""

    labels = ("LOC", "ORG", "PER")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        sentences = list(sentences)
        self.batches.append(len(sentences))
        types = {"L": "LOC", "O": "ORG"}
        for sentence in sentences:
            entities = [
                Entity(m.start(), m.end(), m[0], types.get(m[0][0], "PER"), 0.8)
                for m in re.finditer(r"\b[A-Z]{2,}(?: [A-Z]{2,})*\b", sentence.text)
            ]
            yield replace(sentence, entities=tuple(entities))


@dataclass
class Scripted:
    """A translator that has its answers by heart, and writes down what it was asked."""

    translations: dict[str, Translation]
    phrases: dict[str, str] = field(default_factory=dict)
    asks_for_all: bool = False
    usage: Usage = field(default_factory=Usage)
    asked: list[Phrases] = field(default_factory=list)

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        return [self.translations.get(sentence) for sentence in sentences]

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        self.asked += questions
        return [tuple(self.phrases.get(phrase) for phrase in question.phrases) for question in questions]


def sentence(text: str) -> Sentence:
    return Sentence(text, segment_words(text))


def tagged(translator: Translator, *texts: str) -> list[list[tuple[str, str]]]:
    tagger = TranslationTagger(translator, NamesInCapitals())
    done = list(tagger.tag_sentences(map(sentence, texts)))
    assert [one.text for one in done] == list(texts)
    for one in done:
        assert all(one.text[e.start : e.end] == e.text for e in one.entities)
        assert one.spans() is not None  # they begin and end with words
    return [[(e.text, e.label) for e in one.entities] for one in done]


def test_a_phrase_is_asked_for_and_found_in_the_sentence() -> None:
    translator = Scripted(
        {"서울에서 삼성이 말했다": Translation("OSAMSUNG said in LSEOUL")}, {"OSAMSUNG": "삼성", "LSEOUL": "서울"}
    )
    assert tagged(translator, "서울에서 삼성이 말했다") == [[("서울에서", "LOC"), ("삼성이", "ORG")]]
    assert translator.asked == [Phrases("서울에서 삼성이 말했다", "OSAMSUNG said in LSEOUL", ("OSAMSUNG", "LSEOUL"))]


def test_what_the_translator_named_is_not_asked_for() -> None:
    candidates = (Candidate("Banco de España", "the OBANK", "ORG"),)
    translator = Scripted({"el Banco de España y Ana": Translation("the OBANK and ANNE", candidates)}, {"ANNE": "Ana"})
    assert tagged(translator, "el Banco de España y Ana") == [[("Banco de España", "ORG"), ("Ana", "PER")]]
    assert [question.phrases for question in translator.asked] == [("ANNE",)]


def test_a_named_phrase_that_is_not_in_the_sentence_is_asked_for() -> None:
    translator = Scripted({"Ana vino": Translation("ANNE came", (Candidate("Anita", "ANNE", "PER"),))}, {"ANNE": "Ana"})
    assert tagged(translator, "Ana vino") == [[("Ana", "PER")]]


def test_what_the_english_tagger_does_not_see_is_no_entity_whatever_the_translator_says() -> None:
    translator = Scripted({"Ana vino": Translation("Anne came", (Candidate("Ana", "Anne", "PER"),))})
    assert tagged(translator, "Ana vino") == [[]]


def test_links_need_no_question() -> None:
    links = (Link(0, 4, 5, 8), Link(5, 9, 0, 4))
    translator = Scripted({"vino Ana": Translation("ANNE came", links=links)})
    assert tagged(translator, "vino Ana") == [[("Ana", "PER")]]
    assert translator.asked == []


def test_a_name_that_stays_as_it_is_needs_no_question_unless_the_translator_wants_them_all() -> None:
    text, translation = "hoy EFE dice", Translation("today EFE says")
    assert tagged(Scripted({text: translation}), text) == [[("EFE", "PER")]]
    wants_all = Scripted({text: translation}, {"EFE": "EFE"}, asks_for_all=True)
    assert tagged(wants_all, text) == [[("EFE", "PER")]]
    assert len(wants_all.asked) == 1


def test_two_mentions_are_two_entities_and_a_third_that_is_not_there_is_none() -> None:
    translator = Scripted({"Ana y Ana": Translation("ANNE and ANNE and ANNE")}, {"ANNE": "Ana"})
    tagger = TranslationTagger(translator, NamesInCapitals())
    (done,) = tagger.tag_sentences([sentence("Ana y Ana")])
    assert [(e.start, e.end) for e in done.entities] == [(0, 3), (6, 9)]
    assert tagger.tally.lost == {"taken": 1}


def test_a_sentence_that_repeats_a_name_hundreds_of_times_is_tagged_soon() -> None:
    """A quarter of a million places are wanted: weighed one against the other, this would not end."""
    names = " ".join(["PARIS,"] * 500)
    tagger = TranslationTagger(Scripted({names: Translation(names)}), NamesInCapitals())
    (tagged,) = tagger.tag_sentences([Sentence(names, segment_words(names))])
    assert [entity.text for entity in tagged.entities] == ["PARIS"] * 500


@pytest.mark.parametrize(
    ("answer", "why"), [(None, "not brought back"), ("Eva", "not in the sentence"), ("", "not in the sentence")]
)
def test_what_is_lost_is_counted_by_why(answer: str | None, why: str) -> None:
    translator = Scripted({"Ana vino": Translation("ANNE came")}, {} if answer is None else {"ANNE": answer})
    tagger = TranslationTagger(translator, NamesInCapitals())
    (done,) = tagger.tag_sentences([sentence("Ana vino")])
    assert done.entities == ()
    assert tagger.tally.lost == {why: 1}
    assert describe_tally(tagger.tally)[-1] == f"lost: 1 {why}"


class LinksInOrder:
    """Links the first word with the first, and so on."""

    def links(self, pairs: Sequence[tuple[Sentence, Sentence]]) -> list[tuple[Link, ...]]:
        return [tuple(Link(*a, *b) for a, b in zip(one.words, other.words, strict=False)) for one, other in pairs]


def test_word_links_find_what_cannot_be_brought_back() -> None:
    translator = Scripted({"Ana vino con Eva": Translation("ANNE came with EVE")}, {"ANNE": "Ana"})
    tagger = TranslationTagger(translator, NamesInCapitals(), word_links=LinksInOrder())
    (done,) = tagger.tag_sentences([sentence("Ana vino con Eva")])
    assert [(e.text, round(e.score or 0, 2)) for e in done.entities] == [("Ana", 0.8), ("Eva", 0.64)]
    assert tagger.tally.roads == {"brought back": 1, "aligned": 1}


def test_sentences_stay_in_order_when_some_have_no_translation_or_no_words() -> None:
    translator = Scripted({"Ana vino": Translation("ANNE came"), "Eva": Translation("  ")}, {"ANNE": "Ana"})
    tagger = TranslationTagger(translator, NamesInCapitals())
    done = list(tagger.tag_sentences(map(sentence, ["", "Eva", "Ana vino", "no"])))
    assert [[e.text for e in one.entities] for one in done] == [[], [], ["Ana"], []]
    assert (tagger.tally.sentences, tagger.tally.untranslated) == (4, 2)


def test_sentences_are_taken_as_they_are_wanted_and_tagged_many_at_a_time() -> None:
    english = NamesInCapitals()
    tagger = TranslationTagger(Scripted({"Ana": Translation("ANNE")}, {"ANNE": "Ana"}), english)
    taken = []

    def endless() -> Iterator[Sentence]:
        while True:
            taken.append(1)
            yield sentence("Ana")

    first = next(tagger.tag_sentences(endless()))
    assert first.entities[0].text == "Ana"
    assert english.batches == [len(taken)] == [TOGETHER], "as many as requests may be under way"
