"""CoNLL whose lines are numbered: CoNLL-U, UNER, GermEval. A number is never read as a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Corpus, Sentence, read
from salin.corpus.formats import conll
from salin.corpus.formats.source import Source
from salin.errors import DataError

File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(content: str, name: str = "a.conll") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return make


def entities(corpus: Corpus) -> list[tuple[str, str]]:
    return [(entity.text, entity.label) for sentence in corpus for entity in sentence.entities]


SENTENCES = [["Ana", "va"], ["Eva"], ["Un", "río", "."], ["1", "2", "3", "4"]]


@pytest.mark.parametrize("space", ["\t", " ", "   "])
@pytest.mark.parametrize("start", [0, 1, 17])
@pytest.mark.parametrize("running", [False, True], ids=["a count a sentence", "one count"])
def test_numbers_are_no_words_however_they_count(file: File, space: str, start: int, running: bool) -> None:
    lines, number = [], start
    for words in SENTENCES:
        number = number if running else min(start, 1)
        for word in words:
            lines.append(f"{number}{space}{word}{space}{'B-PER' if word == 'Ana' else 'O'}\n")
            number += 1
        lines.append("\n")
    corpus = read(file("".join(lines)))
    assert [sentence.tokens for sentence in corpus] == SENTENCES
    assert entities(corpus) == [("Ana", "PER")]


def test_one_sentence_may_count_otherwise(file: File) -> None:
    corpus = read(file("0 Ana B-PER\n1 va O\n\n1 Eva B-PER\n2 va O\n\n5 ok O\n\n1 a O\n2 b O\n4 c O\n"))
    assert [sentence.tokens for sentence in corpus] == [["Ana", "va"], ["Eva", "va"], ["ok"], ["a", "b", "c"]]


def test_numbers_that_do_not_count_are_words(file: File) -> None:
    assert read(file("7 CD O\n7 CD O\n\n19 CD O\n4 CD O\n"))[0].tokens == ["7", "7"]
    assert read(file("1 O\n2 O\n"))[0].tokens == ["1", "2"]
    assert read(file("1 CD O\n2 CD O\n"), token_column=0)[0].tokens == ["1", "2"]


def test_a_line_without_its_number_is_bad(file: File) -> None:
    path = file("1\tAna\tB-PER\n2\tva\tO\nEva\tx\tO\n")
    message = r"a.conll:3: expected the number of a word, found 'Eva'. If the lines are not numbered, name the column"
    with pytest.raises(DataError, match=message):
        read(path)
    corpus = read(path, on_error="repair")
    assert corpus[0].tokens == ["Ana", "va", "x"]
    assert corpus.notes == ("repaired 1: a word without a number read all the same (first at line 3)",)


def test_a_number_alone_never_becomes_a_word(file: File) -> None:
    corpus = read(file("1\tAna\tB-PER\n2\n3\tva\tO\n"), on_error="repair")
    assert corpus[0].tokens == ["Ana", "va"]


GERMEVAL = (
    "#\thttp://example.org [2009-10-17]\n"
    "1\tBayern\tB-ORG\tB-LOC\n2\tMünchen\tI-ORG\tB-LOC\n3\tsiegt\tO\tO\n"
)  # fmt: skip


def test_of_two_columns_of_tags_the_first_is_read_and_the_user_told(file: File) -> None:
    corpus = read(file(GERMEVAL))
    assert entities(corpus) == [("Bayern München", "ORG")]
    assert corpus.notes == (
        "columns 2 and 3 hold tags, and column 2 is read (else --tag-column 3, or tag_column=3 in Python)",
    )
    nested = read(file(GERMEVAL), tag_column=3)
    assert entities(nested) == [("Bayern", "LOC"), ("München", "LOC")]
    assert nested.notes == ()


@pytest.mark.parametrize("numbers", [True, False])
def test_phrases_of_a_chunker_are_no_entities(file: File, numbers: bool) -> None:
    rows = ["EU NNP B-NP B-ORG", "rejects VBZ B-VP O", "the DT B-NP O", "call NN I-NP O"]
    corpus = read(file("".join(f"{n} {row}\n" if numbers else f"{row}\n" for n, row in enumerate(rows, 1))))
    assert corpus[0].tokens == ["EU", "rejects", "the", "call"]
    assert entities(corpus) == [("EU", "ORG")]
    assert corpus.notes == ()


def test_uner_keeps_the_text_of_its_comment(file: File) -> None:
    rows = "1\tAna\tB-PER\t-\t-\n2\tcorre\tO\t-\t-\n3\t.\tO\t-\t-\n"
    corpus = read(file(f"# sent_id = a\n# text = Ana corre.\n{rows}", "a.iob2"))
    assert corpus[0].text == "Ana corre."
    assert entities(corpus) == [("Ana", "PER")]
    assert read(file(f"# text = other\n{rows}", "b.iob2"))[0].text == "Ana corre ."


def conllu(*rows: str) -> str:
    """Rows of CoNLL-U of which only number, word and MISC matter."""
    return "".join("{}\t{}\t_\tX\t_\t_\t_\t_\t_\t{}\n".format(*row.split()) for row in rows)


@pytest.mark.parametrize(
    "content",
    [
        "# text = Voy al Prado.\n"
        + conllu("1 Voy NER=O", "2-3 al _", "2 a _", "3 el _", "4 Prado A=1|NER=B-LOC"),
        "# global.columns = ID FORM UPOS UNER:NER\n1\tVoy\tV\tO\n2-3\tal\t_\tO\n2\ta\tA\tO\n3\tel\tD\tO\n"
        "3.1\tx\tD\tO\n4\tPrado\tN\tB-LOC\n",
    ],
)  # fmt: skip
def test_conllu_with_entities(file: File, content: str) -> None:
    corpus = read(file(content, "a.conllu"))
    assert corpus[0].tokens == ["Voy", "a", "el", "Prado"]
    assert entities(corpus) == [("Prado", "LOC")]


def test_conllu_without_text_says_where_no_space_follows(file: File) -> None:
    rows = conllu(
        "1 Voy NER=O",
        "2-3 al SpaceAfter=No",
        "2 a NER=O",
        "3 el NER=O",
        "4 ( SpaceAfter=No",
        "5 Prado NER=B-LOC|SpaceAfter=No",
        "6 ) NER=O",
    )
    corpus = read(file(rows, "a.conllu"))
    assert corpus[0].text == "Voy a el(Prado)"
    assert entities(corpus) == [("Prado", "LOC")]
    assert read(file(f"# text = Voy a el (Prado)\n{rows}", "b.conllu"))[0].text == "Voy a el (Prado)"


WORD = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5) | st.sampled_from(
    ["1", "2", "#", "O", "B-PER", "e\u0301", "שלום", "北京", "\u200b"]
)
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-work-of-art"])
COLUMNS = {
    "number, word, tag": "{n}\t{word}\t{tag}",
    "in spaces": "{n}  {word} {tag}",
    "with a part of speech": "{n}\t{word}\tNOUN\t{tag}",
    "UNER": "{n}\t{word}\t{tag}\t-\tannotator",
    "CoNLL-U": "{n}\t{word}\t_\t_\t_\t_\t_\t_\t_\tA=b|NER={tag}",
}


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
@given(
    batch=st.lists(st.lists(st.tuples(WORD, TAGS), min_size=1, max_size=6), min_size=1, max_size=4),
    first=st.sampled_from([0, 1]),
)
def test_numbered_words_are_read_as_they_were_meant(
    columns: str, batch: list[list[tuple[str, str]]], first: int
) -> None:
    text = "\n".join(
        "".join(columns.format(n=n, word=word, tag=tag) + "\n" for n, (word, tag) in enumerate(words, first))
        for words in batch
    )
    found = list(conll.read(Source(text.encode().splitlines(keepends=True), "a")))
    expected = [Sentence.from_tokens(*map(list, zip(*words, strict=True))) for words in batch]
    assert [(s.tokens, s.tags()) for s in found] == [(s.tokens, s.tags()) for s in expected]


def test_numbering_a_real_corpus_changes_nothing_of_it(shared_data: Path) -> None:
    path = shared_data / "ner" / "uner" / "pt_pud" / "test.conll"
    numbered, number = [], 0
    for line in path.read_bytes().splitlines(keepends=True)[:4000]:
        number = number + 1 if line.strip() else 0
        numbered.append(b"%d\t%s" % (number, line) if number else line)
    expected = list(conll.read(Source(path.read_bytes().splitlines(keepends=True)[:4000], "a")))
    found = list(conll.read(Source(numbered, "b")))
    assert [(s.text, s.words, s.entities) for s in found] == [(s.text, s.words, s.entities) for s in expected]
