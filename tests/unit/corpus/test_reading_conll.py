"""CoNLL in its dialects, and what happens to broken files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.corpus import Corpus, read
from salin.errors import DataError, SettingError

GOOD = "Ginebra\tB-LOC\n,\tO\n23\tO\n\nEFECOM\tB-ORG\n"

File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(content: str | bytes, name: str = "a.conll") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def entities(corpus: Corpus) -> list[tuple[str, str]]:
    return [(entity.text, entity.label) for sentence in corpus for entity in sentence.entities]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\t", " "),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\ufeff" + GOOD,
        GOOD.rstrip("\n"),
        "\n\n" + GOOD.replace("\n\n", "\n \n\t\n"),
        "-DOCSTART- -X- O O\n\n" + GOOD.replace("\t", " "),
        "-DOCSTART-\tO\n" + GOOD,
        "# sent_id = 1\n# text = something else\n" + GOOD,
        GOOD.replace("\tB-", "\tI-"),
        GOOD.replace("\tB-", "\tS-"),
        GOOD.replace("\tB-", "\tU-"),
        GOOD.replace("\tB-", "\tE-"),
    ],
)
def test_every_dialect_gives_the_same_sentences(file: File, content: str) -> None:
    corpus = read(file(content))
    assert [sentence.tokens for sentence in corpus] == [["Ginebra", ",", "23"], ["EFECOM"]]
    assert entities(corpus) == [("Ginebra", "LOC"), ("EFECOM", "ORG")]
    assert corpus[0].text == "Ginebra , 23"
    assert corpus.checksum == read(file(GOOD, "b.conll")).checksum


def test_columns_can_be_named(file: File) -> None:
    path = file("B-PER NNP Ana 1\nO VBZ corre 2\n")
    assert entities(read(path, token_column=2, tag_column=0)) == [("Ana", "PER")]
    assert entities(read(path, token_column=-2, tag_column=-4)) == [("Ana", "PER")]
    with pytest.raises(SettingError, match=r"no column 4: line 1 of .* has 4"):
        read(path, tag_column=4)


def test_the_scheme_is_named(file: File) -> None:
    corpus = read(file("Ana I-PER\nEva B-PER\nok O\n"))
    assert corpus.scheme == "IOB1"
    assert corpus.describe() == "1 sentence, 2 entities (PER), CoNLL, IOB1 detected"
    assert entities(corpus) == [("Ana", "PER"), ("Eva", "PER")]


def test_stray_transitions_are_noted(file: File) -> None:
    corpus = read(file("Ana B-PER\nok O\n\nEva B-PER\nok O\n\nRío I-LOC\n"))
    assert corpus.scheme == "IOB2"
    assert corpus.notes == ("1 transition breaks IOB2; conlleval's rules decide what is meant",)


def test_a_hash_can_be_a_word(file: File) -> None:
    assert read(file("# O\n1 O\nfan O\n"))[0].tokens == ["#", "1", "fan"]
    assert read(file("#\tO\n1\tO\n"))[0].tokens == ["#", "1"]
    assert read(file("# id = 5\n1 O\nfan O\n"))[0].tokens == ["1", "fan"]


def test_chinese_characters_stand_without_spaces(file: File) -> None:
    corpus = read(file("我\tO\n爱\tO\n北\tB-LOC\n京\tI-LOC\n\nSan\tB-LOC\nPedro\tI-LOC\n在\tO\n1\tO\n9\tO\n"))
    assert [sentence.text for sentence in corpus] == ["我爱北京", "San Pedro在19"]
    assert entities(corpus) == [("北京", "LOC"), ("San Pedro", "LOC")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ana\tB-PER\nEva\n", r"a.conll:2: expected 2 columns as in line 1, found 1. Add what is missing"),
        ("Ana\tB-PER\nEva\tx\tO\nok\tO\n", r"a.conll:2: expected 2 columns as in line 1, found 3"),
        ("Ana\tB-PER\nEva\tX-PER\n", r"a.conll:2: unknown tag 'X-PER'. A tag is O, or one of B I E S L U"),
        ("Ana\tB-PER\nEva\tPERSON\n", r"unknown tag 'PERSON'. If it is a type, .* B-PERSON, then I-PERSON"),
        ("Ana\tB-PER\nRío\tM-LOC\n", r"unknown tag 'M-LOC'. BMES calls the inside of an entity M: write I-LOC"),
        ("word\tner_tag\nAna\tB-PER\n", r"a.conll:1: unknown tag 'ner_tag'. Take the head of the table out"),
        ("Ana\tB-PER\nEva\tB-\n", r"a.conll:2: the tag 'B-' has no type"),
        ("Ana\tB-PER\n \tO\n", r"a.conll:2: the word is empty"),
        (
            "Ana\nEva\n",
            r"a.conll:1: expected 2 columns or more, found 1. Name it \(--tag-column, or tag_column in Python\), "
            r"or read plain text \(--format text, or format='text' in Python\)",
        ),
        ("", r"a.conll: there is no sentence in it"),
        ("-DOCSTART- O\n\n\n", r"a.conll: there is no sentence in it"),
        (b"Ana\tB-PER\n\xe9\tO\n", r"a.conll:2: byte 0xe9 is not UTF-8. Convert the file"),
        ("Ana\tO\n".encode("utf-16"), r"a.conll: the file is UTF-16. Save it as UTF-8"),
        ("Ana\tB-PER\n".encode("utf-16-be"), r"a.conll: the file is UTF-16. Save it as UTF-8"),
        ("Ana\tO\n".encode("utf-32"), r"a.conll: the file is UTF-32. Save it as UTF-8"),
        ("Ana  NNP\tB-PER\nva  V\tO\n", r"a.conll:1: there are spaces in the column of the words, as in 'Ana  NNP'"),
        ("1\tAna\tx\n2\tva\tx\n", r"a.conll:1: no column of tags was found"),
    ],
)
def test_errors_name_file_line_reason_and_remedy(file: File, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(file(content))


def test_remedies_are_said_for_the_command_line_and_for_python(file: File) -> None:
    with pytest.raises(DataError, match=r"Repair it \(--on-error repair, or on_error='repair' in Python\)$"):
        read(file("Ana\tB-PER\nEva\n"))
    with pytest.raises(DataError, match=r"too much. Skip it \(--on-error skip, or on_error='skip' in Python\)$"):
        read(file("Ana\tB-PER\nEva\tx\tO\nok\tO\n"))


def test_repair_mends_and_counts(file: File) -> None:
    path = file(b"Ana\tB-PER\nva\n\n1487 O\nDoctors'I-ORG\n\nEva\tPERSON\n\nL\xe9on\tB-PER\n\nok\tO\tO\tO\n\nfin\tO\n")
    corpus = read(path, on_error="repair")
    words = [" ".join(sentence.tokens) for sentence in corpus]
    assert words == ["Ana va", "1487 Doctors'I-ORG", "Eva", "L\N{REPLACEMENT CHARACTER}on", "fin"]
    assert corpus.notes == (
        "repaired 2: a missing tag read as O (first at line 2)",
        "repaired 1: a byte that is not UTF-8 read as U+FFFD (first at line 9)",
        "repaired 1: columns split at a space (first at line 4)",
        "repaired 1: an unknown tag read as O (first at line 7)",
        "skipped 1 sentence: expected 2 columns as in line 1, found 4 (first at line 11)",
    )


@pytest.mark.parametrize("on_error", ["repair", "skip"])
def test_nothing_is_mended_where_every_entity_would_be_lost(file: File, on_error: str) -> None:
    bare = "ok\tO\n\nEU\tORG\nsays\tO\n\nPeter\tPER\n"
    message = r"a.conll:3: no tag in this column but O is of any scheme, as 'ORG'.* B-ORG, then I-ORG"
    with pytest.raises(DataError, match=message):
        read(file(bare), on_error=on_error)  # type: ignore[arg-type]
    assert entities(read(file(bare + "\nAna\tB-PER\n"), on_error=on_error)) == [("Ana", "PER")]  # type: ignore[arg-type]
    assert len(read(file("ok\tO\n\nEU\tO\n"), on_error=on_error)) == 2  # type: ignore[arg-type]


def test_a_file_without_a_blank_line_is_said_to_be_one_sentence(file: File) -> None:
    words = "Il O\nvit O\nà O\nParis I-LOC\n. O\n" * 50
    assert read(file(words)).notes == ("no blank line: 250 words are one sentence",)
    assert read(file(f"{words}\n{words}")).notes == ()
    assert read(file("Il O\nvit O\n")).notes == (), "as a sentence may be"


def test_skip_leaves_sentences_out_and_counts(file: File) -> None:
    path = file(b"Ana\tB-PER\nva\n\nEva\tB-PER\n\nL\xe9on\tB-PER\n\nfin\tO\n")
    corpus = read(path, on_error="skip")
    assert [sentence.tokens for sentence in corpus] == [["Eva"], ["fin"]]
    assert corpus.notes == (
        "skipped 1 sentence: expected 2 columns as in line 1, found 1 (first at line 2)",
        "skipped 1 sentence: not UTF-8 (first at line 6)",
    )


def test_settings_are_checked(file: File) -> None:
    with pytest.raises(SettingError, match="on_error is 'ignore'; it can be strict, repair or skip"):
        read(file(GOOD), on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="no format 'xml'; there are conll, jsonl, inline, text, lines"):
        read(file(GOOD), format="xml")  # type: ignore[arg-type]


def _manifest() -> list[tuple[str, int, int, int]]:
    """The table of counts in the manifest of the shared corpora, or nothing where it is absent."""
    import os

    root = Path(os.environ.get("SALIN_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
    manifest = root / "MANIFEST.md"
    text = manifest.read_text("utf-8") if manifest.exists() else ""
    rows = re.findall(r"^\| (\S+\.conll) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", text, flags=re.MULTILINE)
    return [(path, *(int(n.replace(",", "")) for n in counts)) for path, *counts in rows]


@pytest.mark.parametrize("row", _manifest() or [None], ids=lambda row: row[0] if row else "none")
def test_real_corpora_have_the_published_counts(shared_data: Path, row: tuple[str, int, int, int] | None) -> None:
    assert row is not None, "the manifest has no table of counts"
    corpus = read(shared_data / "ner" / row[0])
    assert (len(corpus), sum(len(s.words) for s in corpus), corpus.entity_count) == row[1:]
    assert corpus.scheme == "IOB2"
    assert all(e.text == s.text[e.start : e.end] for s in corpus for e in s.entities)
