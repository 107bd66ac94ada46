"""Names in two languages out of dumps: what is kept, what is left out, memory, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Corpus, Entity, Sentence, TagsText, segment_words
from salin.errors import DataError
from salin.translation.wikipedia import PairSettings, make_pairs, sought_names
from salin.translation.wikipedia.articles import first_sentence, read_articles
from salin.translation.wikipedia.pairs import find_title
from salin.translation.wikipedia.scan import scan
from salin.translation.wikipedia.sql_dump import read_rows
from tiny_dumps import Page, quoted, write_articles, write_dumps, write_table


@pytest.fixture(autouse=True)
def _parser(require: Callable[[str, bool], None]) -> None:
    from importlib.util import find_spec

    require("mwparserfromhell (pip install 'salin[wikipedia]')", find_spec("mwparserfromhell") is not None)


LEAD = (
    "{{Infobox|name=x|text={{nested|'''wrong'''}}}}\n"
    "[[Файл:Photo.jpg|мини|Подпись с [[ссылка|ссылкой]].]]\n"
    "'''Москва́''' ({{lang-la|Moscua}}; <ref name='a'>No.</ref>) — [[столица|столица]] [[Россия|России]]"
    "{{sfn|Иванов}}.<!-- hidden --> Второе предложение.\n\n== История ==\nТекст."
)
PAGES = [
    Page(1, "Москва", LEAD, "Moscow"),
    Page(2, "Пушкин, Александр Сергеевич", "'''Алекса́ндр Серге́евич Пу́шкин''' — русский поэт.", "Alexander Pushkin"),
    Page(3, "Париж (значения)", "'''Париж''' — многозначное слово, имя и город.", "Paris", disambiguation=True),
    Page(4, "Лондон", "#REDIRECT [[Большой Лондон]]", "London", redirect=True),
    Page(5, "Орегон", "Штат на западе страны, где растут леса.", "Oregon"),
    Page(6, "Обсуждение:Рим", "'''Рим''' — город в Италии, столица.", "Rome", namespace=1),
    Page(7, "Берлин", "'''Берлин''' — столица Германии и город.", "Berlin (city)"),
    Page(8, "Пустая", "", "Empty"),
    Page(9, "О’Нил (город)", "'''О’Нил''' — город в штате Небраска в США.", "O'Neill, \\ Nebraska"),
]
NAMES = {page.english: "LOC" for page in PAGES} | {"Alexander Pushkin": "PER"}
del NAMES["Berlin (city)"]


def settings(dumps: dict[str, Path], **more: Path) -> PairSettings:
    return PairSettings("ru", **dumps, **more)


def pairs(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_pairs_are_names_that_stand_in_first_sentences_and_the_rest_is_counted(tmp_path: Path) -> None:
    out = tmp_path / "pairs.jsonl"
    counts = make_pairs(settings(write_dumps(tmp_path / "dumps", PAGES)), NAMES, out)
    found = pairs(out)
    assert [(pair["english"], pair["label"], pair["original"]) for pair in found] == [
        ("Moscow", "LOC", "Москва"),
        ("Alexander Pushkin", "PER", "Александр Сергеевич Пушкин"),
        ("O'Neill, \\ Nebraska", "LOC", "О’Нил"),
    ]
    assert found[0]["sentence"] == "Москва — столица России."
    assert all(str(pair["sentence"])[pair["start"] : pair["end"]] == pair["original"] for pair in found)  # type: ignore[misc]
    assert counts == {
        "pairs": 3, "disambiguation page": 1, "redirect": 1, "title not in the sentence": 1, "no first sentence": 1,
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dumps", "pairs.jsonl"]


class Guesses(TagsText):
    """Takes whatever begins an English article for a place."""

    labels = ("LOC", "PER")

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence in sentences:
            start, end = sentence.words[0]
            yield Sentence(sentence.text, sentence.words, (Entity(start, end, sentence.text[start:end], "LOC"),))


def test_a_name_whose_english_article_is_of_another_type_is_left_out(tmp_path: Path) -> None:
    english = [
        Page(1, "Moscow", "'''Moscow''' is the capital of Russia."),
        Page(2, "Alexander Pushkin", "'''Alexander Pushkin''' was a poet of Russia."),
    ]
    dumps = write_dumps(tmp_path / "dumps", PAGES)
    dump = write_articles(tmp_path / "dumps" / "english.xml", english)
    out = tmp_path / "pairs.jsonl"
    counts = make_pairs(settings(dumps, english=dump), NAMES, out, tagger=Guesses())
    assert [pair["english"] for pair in pairs(out)] == ["Moscow"]
    assert counts["type not that of the article"] == len(NAMES) - 1


@pytest.mark.parametrize(
    ("title", "sentence", "expected"),
    [
        ("Köln", "Die Stadt Köln liegt am Rhein.", "Köln"),
        ("Bank (Berg)", "Der Bank ist ein Berg.", "Bank"),
        ("Чехов, Антон Павлович", "Антон Павлович Чехов — русский писатель.", "Антон Павлович Чехов"),
        ("東京都", "東京都は、日本の首都である。", "東京都"),
        ("Warszawa", "Stolicą Polski jest miasto.", None),
        ("Thierry Dehaan", "Thierry ist ein Film.", None),
    ],
)
def test_titles_are_found_in_the_form_that_the_sentence_has(title: str, sentence: str, expected: str | None) -> None:
    place = find_title(title, Sentence(sentence, segment_words(sentence)))
    assert (place and sentence[place.start : place.end]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LEAD, "Москва — столица России."),
        ("{{stub}}\n{|\n| table\n|}\n* list\n''Ana'' vive en [[Lisboa]]. Otra.", "Ana vive en Lisboa."),
        ("'''Йо́шкар-Ола́''' (ё, й) — столица республики.", "Йошкар-Ола (ё, й) — столица республики."),
        ("kurz", None),
        ("", None),
        ("{{" * 5000, None),
        ("[[" * 5000 + "a", None),
    ],
)
def test_the_first_sentence_is_what_people_read(text: str, expected: str | None) -> None:
    found = first_sentence(text, "ru")
    assert found == expected or (expected is None and len(text) > 999)


def test_names_are_those_of_one_type() -> None:
    def sentence(text: str, label: str) -> Sentence:
        return Sentence(text, segment_words(text), (Entity(0, len(text), text, label),))

    corpus = Corpus((sentence("Rome", "LOC"), sentence("Paris", "LOC"), sentence("Paris", "PER"), sentence("1", "ORG")))
    assert sought_names(corpus) == {"Rome": "LOC"}


TITLES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"))


@given(st.lists(st.tuples(st.integers(0, 10**9), TITLES), min_size=1))
def test_rows_come_out_of_a_dump_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]]
) -> None:
    path = tmp_path_factory.mktemp("dump") / "langlinks.sql.gz"
    write_table(path, "langlinks", [f"({number},'en',{quoted(title)})" for number, title in rows])
    assert list(read_rows(path, "langlinks")) == [(number, "en", title) for number, title in rows]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("file", ["langlinks", "properties", "articles"])
def test_a_dump_that_is_cut_off_is_named_and_no_pairs_appear(tmp_path: Path, file: str, share: float) -> None:
    dumps = write_dumps(tmp_path / "dumps", PAGES)
    whole = dumps[file].read_bytes()
    dumps[file].write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=dumps[file].name):
        make_pairs(settings(dumps), NAMES, tmp_path / "pairs.jsonl")
    assert not (tmp_path / "pairs.jsonl").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"<html><body/></html>", b"<mediawiki><page>"])
def test_what_is_no_dump_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "articles.xml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"articles\.xml"):
        list(read_articles(path))
    with pytest.raises(DataError, match="no dump of langlinks"):
        list(read_rows(path, "langlinks"))
    with pytest.raises(DataError, match="no such file"):
        list(read_articles(tmp_path / "none.xml.bz2"))


def test_a_bomb_of_entities_is_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><mediawiki><page>&a11;</page></mediawiki>'
    path = tmp_path / "articles.xml"
    path.write_text(bomb)
    with pytest.raises(DataError, match=r"articles\.xml"):
        list(read_articles(path))


def many(count: int) -> list[Page]:
    return [
        Page(n, f"Город {n}", f"'''Город {n}''' — это город номер {n}. " + "Текст. " * 50, f"Town {n}")
        for n in range(count)
    ]


_RUN = """
import sys
from pathlib import Path
import salin.translation.wikipedia.scan as scan
from salin.translation.wikipedia import PairSettings, make_pairs
scan._SECONDS_BETWEEN_NOTES = 0.01
langlinks, properties, articles, out = map(Path, sys.argv[1:])
names = {f"Town {n}": "LOC" for n in range(0, 400, 2)}
print(dict(make_pairs(PairSettings("ru", langlinks, properties, articles), names, out)))
"""


def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path) -> None:
    dumps = write_dumps(tmp_path / "dumps", many(400), articles="articles.xml")

    def start(out: Path) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", _RUN, *map(str, dumps.values()), str(out)], stdout=-1, text=True)

    whole, resumed = tmp_path / "whole.jsonl", tmp_path / "resumed.jsonl"
    expected, _ = start(whole).communicate(timeout=60)
    kills = 0
    for _ in range(2):
        run = start(resumed)
        notes = resumed.with_name("resumed.jsonl.part.json")
        before = notes.read_bytes() if notes.exists() else b""
        while run.poll() is None and not (notes.exists() and notes.read_bytes() != before):
            time.sleep(0.001)
        run.send_signal(signal.SIGKILL)
        kills += run.wait(30) == -signal.SIGKILL
    output, _ = start(resumed).communicate(timeout=60)
    assert kills > 0
    assert (output, resumed.read_bytes()) == (expected, whole.read_bytes())
    assert len(pairs(whole)) == 200 and not list(tmp_path.glob("*.part*"))


def test_a_part_is_gone_on_with_if_it_was_made_of_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    pages = list(read_articles(write_articles(tmp_path / "a.xml", many(10))))

    def rows(article: object, counts: Counter[str]) -> Iterator[dict[str, object]]:
        counts["seen"] += 1
        yield {"title": getattr(article, "title", "")}

    part, notes = tmp_path / "out.jsonl.part", tmp_path / "out.jsonl.part.json"
    for made_of, seen in (("this", 5 + 7), ("other", 10)):
        part.write_bytes(b"{}\n" * 5)
        notes.write_text(json.dumps({"made_of": "this", "articles": 5, "bytes": 15, "counts": {"seen": 7}}))
        assert scan(lambda: pages, out, made_of, rows)["seen"] == seen
        assert len(out.read_text().splitlines()) == 10


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from salin.translation.wikipedia.articles import read_articles\n"
        "print(sum(1 for _ in read_articles(Path(sys.argv[1]))), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks: list[int] = []
    for count in (500, 15_000):
        path = write_articles(tmp_path / f"{count}.xml", (Page(n, f"T {n}", "Text. " * 300) for n in range(count)))
        run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        number, peak = map(int, run.stdout.split())
        assert number == count
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 8_000  # KB, of 27 MB more
    assert os.path.getsize(tmp_path / "15000.xml") > 25_000_000
