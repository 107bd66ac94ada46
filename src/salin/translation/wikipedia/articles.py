"""Articles of an XML dump, one at a time, and the first sentence of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import regex

from salin.corpus import split_sentences
from salin.errors import DataError, SettingError
from salin.translation.wikipedia.streams import open_dump

# An article's first sentence stands before its first heading, as a rule near its beginning.
_LONGEST_LEAD = 30_000
_HEADING = regex.compile(r"^==", regex.MULTILINE)
_REFERENCE = regex.compile(r"<ref\b[^>]*?/>|<ref\b.*?</ref>|<!--.*?-->", regex.DOTALL | regex.IGNORECASE)
_LEFT_OVER = regex.compile(r"\s*[(（][\s,;:،、，；/–—-]*[)）]")
_LINE = regex.compile(r"\n+")
# Stress marks stand in first sentences and dictionaries alone; on a letter of its own (й, ё) a mark stays.
_STRESS = regex.compile(r"(?<=[\p{Cyrillic}])[\u0300\u0301]")


@dataclass(frozen=True, slots=True)
class Article:
    """A page of the main namespace.

    Attributes:
        number: Its id.
        title: Its title.
        redirect: Whether it only leads to another.
        text: Its wikitext.
    """

    number: int
    title: str
    redirect: bool
    text: str


def read_articles(path: Path) -> Iterator[Article]:
    """The pages of the main namespace, in the order of the dump.

    Args:
        path: `-pages-articles.xml.bz2`, as it was downloaded.

    Raises:
        DataError: When it is no such dump, cut off or damaged.
    """
    try:
        with open_dump(path) as file:
            # The dump is one element that would grow: every page is taken out of it once it was read. The parser reads
            # no other file, and ends with an error where entities grow out of proportion.
            events = ElementTree.iterparse(file, ("start", "end"))  # noqa: S314
            _, root = next(events)
            if _name(root) != "mediawiki":
                raise DataError("no dump of articles", path=path, remedy="Its name ends in -pages-articles.xml.bz2")
            for event, element in events:
                if event == "end" and _name(element) == "page":
                    article = _article(element)
                    root.clear()
                    if article is not None:
                        yield article
    except (ElementTree.ParseError, StopIteration) as error:
        raise DataError(f"no XML: {error}", path=path, remedy="Download it again") from error


def first_sentence(text: str, language: str) -> str | None:
    """The first sentence of wikitext, as people read it, without stress marks; None where there is none.

    Args:
        text: The wikitext.
        language: ISO 639 code, for splitting.

    Raises:
        SettingError: When mwparserfromhell is not installed.
    """
    lead = _HEADING.split(_REFERENCE.sub("", text[:_LONGEST_LEAD]), 1)[0]
    for line in _LINE.split(_plain(lead)):
        line = _STRESS.sub("", " ".join(_LEFT_OVER.sub("", line).split()))
        # Notes above the article and what is left of tables are short, or no sentences.
        if len(line) >= 20 and not line.startswith(("|", "!", "{", ":", "*", "#")):
            return next((sentence.text.strip() for _, sentence in split_sentences(line, language)), None)
    return None


def _plain(lead: str) -> str:
    try:
        import mwparserfromhell
    except ImportError as error:
        reason = "this needs mwparserfromhell, which is not installed: pip install 'salin[wikipedia]'"
        raise SettingError(reason) from error
    code: Any = mwparserfromhell.parse(lead)
    for link in code.filter_wikilinks():
        # Files and categories, whatever they are called in this language; [[:...]] and plain links have no namespace.
        if ":" in str(link.title).lstrip(":") and not str(link.title).startswith(":"):
            try:
                code.remove(link)
            except ValueError:
                continue  # inside of one that was removed
    return str(code.strip_code(normalize=True, collapse=False)).replace("'''", "").replace("''", "")


def _article(page: ElementTree.Element) -> Article | None:
    parts = {_name(part): part for part in page}
    if (parts["ns"].text if "ns" in parts else "0") != "0":
        return None
    revision = {_name(part): part for part in parts.get("revision", ())}
    text = revision["text"].text if "text" in revision else None
    title = parts["title"].text if "title" in parts else None
    number = parts["id"].text if "id" in parts else None
    if not title or not number or not number.isdigit():
        return None
    return Article(int(number), title, "redirect" in parts, text or "")


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]
