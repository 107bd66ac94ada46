"""English names and what they are called in first sentences of another Wikipedia, with what is wrong left out.

After Zhang et al. 2025 (SPECS 4.3): names that occur in an English corpus are looked up in English Wikipedia, their
language links lead to an article, and its first sentence is where the name stands. Unlike there, a pair is kept only if
the name does stand in the sentence (without stress marks, in whatever order and form of its words), the article is no
disambiguation page and no redirect, the name has one type in the corpus, and, where the English dump is given, a tagger
of English finds that type in the English first sentence.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import regex

from salin.corpus import Corpus, Sentence, SentenceTagger, segment_words
from salin.translation.location import Locator, Place
from salin.translation.wikipedia.articles import Article, first_sentence, read_articles
from salin.translation.wikipedia.scan import scan
from salin.translation.wikipedia.sql_dump import read_rows

_QUALIFIER = regex.compile(r"\s*[(（][^()（）]*[)）]\s*$")
# A name whose words are only partly there, or written quite otherwise, is left out: there are enough others.
_LEAST_SCORE = 0.8
_LONGEST_SENTENCE = 600


@dataclass(frozen=True, slots=True)
class Pair:
    """A name in two languages.

    Attributes:
        english: The English name.
        label: Its type.
        original: The name as it stands in the sentence.
        start: Where it begins there.
        end: Where it ends.
        sentence: The sentence.
        title: Title of the article that begins with the sentence.
        page: Its id.
    """

    english: str
    label: str
    original: str
    start: int
    end: int
    sentence: str
    title: str
    page: int


@dataclass(frozen=True, slots=True)
class PairSettings:
    """What pairs are made of.

    Attributes:
        language: Of the Wikipedia, as its dumps write it and as an ISO 639 code: `ru`.
        langlinks: Its language links, `ruwiki-DATE-langlinks.sql.gz`.
        properties: Properties of its pages, `ruwiki-DATE-page_props.sql.gz`, which tell disambiguation pages.
        articles: `ruwiki-DATE-pages-articles.xml.bz2`.
        english: `enwiki-DATE-pages-articles.xml.bz2`, for the types; None leaves types to the corpus.
    """

    language: str
    langlinks: Path
    properties: Path
    articles: Path
    english: Path | None = None


def sought_names(corpus: Corpus) -> dict[str, str]:
    """The names of an English corpus with their types; one that has several types, or no letter, is left out.

    Args:
        corpus: Labelled sentences.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    for sentence in corpus:
        for entity in sentence.entities:
            labels[" ".join(entity.text.split())].add(entity.label)
    one = {name: next(iter(found)) for name, found in labels.items() if len(found) == 1}
    return {name: label for name, label in sorted(one.items()) if any(map(str.isalpha, name))}


def make_pairs(
    settings: PairSettings,
    names: Mapping[str, str],
    out: Path,
    *,
    tagger: SentenceTagger | None = None,
    tagger_name: str = "",
) -> Counter[str]:
    """Writes pairs as JSON lines; a run that was killed goes on where it was.

    Args:
        settings: The dumps.
        names: English names with their types.
        out: The file of pairs.
        tagger: Tags English, to compare types where there is an English dump.
        tagger_name: What tells it from others.

    Returns:
        How many pairs there are, and for each reason how many articles gave none.

    Raises:
        DataError: When a dump is damaged or is another one.
        SettingError: When what reads wikitext is not installed.
    """
    made_of = _fingerprint(settings, names, tagger_name)
    wanted = dict(names)
    types = out.with_name(f"{out.name}.types-{made_of[:8]}")
    if settings.english is not None and tagger is not None:
        english = settings.english
        if not types.exists():
            scan(lambda: read_articles(english), types, made_of, lambda a, counts: _typed(a, names, tagger))
        with open(types, encoding="utf-8") as file:
            agreed = {json.loads(line)["name"] for line in file}
        wanted = {name: label for name, label in names.items() if name in agreed}
    links = {
        page: title
        for page, language, title in read_rows(settings.langlinks, "langlinks")
        if language == "en" and title in wanted
    }
    disambiguations = {
        page
        for page, name, _ in read_rows(settings.properties, "page_props")
        if name == "disambiguation" and page in links
    }

    def rows(article: Article, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        if article.number not in links:
            return
        pair = _pair(article, links[article.number], wanted, settings.language, disambiguations)
        counts["pairs" if isinstance(pair, Pair) else pair] += 1
        if isinstance(pair, Pair):
            yield asdict(pair)

    counts = scan(lambda: read_articles(settings.articles), out, made_of, rows)
    if settings.english is not None:
        counts["type not that of the article"] = len(names) - len(wanted)
    types.unlink(missing_ok=True)
    return counts


def _fingerprint(settings: PairSettings, names: Mapping[str, str], tagger_name: str) -> str:
    """Tells whether a part was made of the same things."""
    paths = [path for path in asdict(settings).values() if isinstance(path, Path) and path.exists()]
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return sha256(repr((settings.language, files, sorted(names.items()), tagger_name)).encode()).hexdigest()


def find_title(title: str, sentence: Sentence) -> Place | None:
    """Where a sentence holds the name that is the title of its article.

    Args:
        title: Without regard to what stands in brackets behind it; `Surname, Name` is looked for as `Name Surname` too.
        sentence: The first of the article.
    """
    name = _QUALIFIER.sub("", title)
    last, comma, first = name.partition(",")
    names = [name, f"{first.strip()} {last.strip()}"] if comma else [name]
    locator = Locator(sentence)
    places = [place for one in names for place in locator.places(one)[:1] if place.score >= _LEAST_SCORE]
    return max(places, key=lambda place: place.score, default=None)


def _pair(
    article: Article, english: str, names: Mapping[str, str], language: str, disambiguations: set[int]
) -> Pair | str:
    """The pair of an article, or why there is none."""
    if article.redirect:
        return "redirect"
    if article.number in disambiguations:
        return "disambiguation page"
    text = first_sentence(article.text, language)
    if text is None or len(text) > _LONGEST_SENTENCE:
        return "no first sentence"
    place = find_title(article.title, Sentence(text, segment_words(text)))
    if place is None:
        return "title not in the sentence"
    original = text[place.start : place.end]
    return Pair(english, names[english], original, place.start, place.end, text, article.title, article.number)


def _typed(article: Article, names: Mapping[str, str], tagger: SentenceTagger) -> Iterator[dict[str, Any]]:
    """The title of an English article whose first sentence holds it as an entity of the type that was sought."""
    label = names.get(article.title)
    if label is None or article.redirect or (text := first_sentence(article.text, "en")) is None:
        return
    sentence = Sentence(text, segment_words(text))
    place = find_title(article.title, sentence)
    if place is None:
        return
    (tagged,) = tagger.tag_sentences([sentence])
    if any(e.label == label and e.start < place.end and place.start < e.end for e in tagged.entities):
        yield {"name": article.title}
