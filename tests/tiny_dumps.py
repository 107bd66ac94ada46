"""Dumps of a made-up Wikipedia, in the form that MediaWiki gives them."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="xx">
  <siteinfo><sitename>Wikipedia</sitename><namespaces><namespace key="0"/></namespaces></siteinfo>
"""


@dataclass(frozen=True)
class Page:
    """A page; `english` is the title that its language link leads to."""

    number: int
    title: str
    text: str
    english: str = ""
    namespace: int = 0
    redirect: bool = False
    disambiguation: bool = False


def page_xml(page: Page) -> str:
    """The element of a page in a dump of articles."""
    redirect = '<redirect title="x" />' if page.redirect else ""
    return (
        f"  <page><title>{escape(page.title)}</title><ns>{page.namespace}</ns><id>{page.number}</id>{redirect}"
        f'<revision><id>1{page.number}</id><text bytes="9" xml:space="preserve">{escape(page.text)}</text></revision>'
        "</page>\n"
    )


def write_articles(path: Path, pages: Iterable[Page]) -> Path:
    """`-pages-articles.xml`, compressed as its name says."""
    opener = {".bz2": bz2.open, ".gz": gzip.open}.get(path.suffix, open)
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(_HEAD)
        for page in pages:
            file.write(page_xml(page))
        file.write("</mediawiki>\n")
    return path


def write_table(path: Path, table: str, rows: Sequence[str], *, a_line: int = 3) -> Path:
    """A SQL dump with some rows a line."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(f"-- MariaDB dump\nDROP TABLE IF EXISTS `{table}`;\nCREATE TABLE `{table}` (\n  `x` int\n);\n")
        for start in range(0, len(rows), a_line):
            file.write(f"INSERT INTO `{table}` VALUES {','.join(rows[start : start + a_line])};\n")
        file.write("/* done */\n")
    return path


def quoted(text: str) -> str:
    """A string of SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def write_dumps(folder: Path, pages: Sequence[Page], *, articles: str = "articles.xml.bz2") -> dict[str, Path]:
    """The three dumps of a Wikipedia."""
    folder.mkdir(parents=True, exist_ok=True)
    links = [f"({p.number},'en',{quoted(p.english)})" for p in pages if p.english]
    links += [f"({p.number},'fr',{quoted(p.english + ' (fr)')})" for p in pages]
    properties = [f"({p.number},'page_image_free','x,(7,\\'disambiguation\\',\\'\\',NULL)',NULL)" for p in pages]
    properties += [f"({p.number},'disambiguation','',NULL)" for p in pages if p.disambiguation]
    return {
        "langlinks": write_table(folder / "langlinks.sql.gz", "langlinks", links),
        "properties": write_table(folder / "page_props.sql.gz", "page_props", properties),
        "articles": write_articles(folder / articles, pages),
    }
