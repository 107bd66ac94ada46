"""Plain text, and words without tags: where each sentence comes from, and that nothing is guessed from its looks."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Sentence, iter_sentences, read, split_sentences
from salin.corpus.formats import lines, text
from salin.corpus.formats.source import Source
from salin.errors import DataError

File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(content: str | bytes, name: str = "a.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def test_plain_text_is_split_with_the_line_of_each_sentence(file: File) -> None:
    corpus = read(file("Mr. Smith left. He ran.\n\nA headline\nAnother [one]\n"), language="en")
    assert corpus.format == "text"
    assert [s.text for s in corpus] == ["Mr. Smith left.", "He ran.", "A headline", "Another [one]"]
    assert [s.origin.rpartition(":")[2] for s in corpus] == ["1", "1", "3", "4"]
    assert [s.extra for s in corpus] == [{"offset": 0}, {"offset": 16}, {"offset": 25}, {"offset": 36}]


def test_plain_text_streams(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text("One sentence a line here.\n" * 20_000, "utf-8")
    stream = iter_sentences(path)
    assert next(stream).text == "One sentence a line here."
    assert sum(1 for _ in stream) == 19_999


def test_a_line_is_a_sentence_where_the_user_says_so(file: File) -> None:
    corpus = read(file("mr. smith left. he ran.\n \n  and then\r\nin manila, as [x](Y)\n"), format="lines")
    assert corpus.describe() == "3 sentences, 0 entities, one sentence a line"
    assert [s.text for s in corpus] == ["mr. smith left. he ran.", "and then", "in manila, as [x](Y)"]
    assert [s.origin.rpartition(":")[2] for s in corpus] == ["1", "3", "4"]
    assert [s.extra["offset"] for s in corpus] == [0, 28, 38]


TEXTS = st.lists(
    st.sampled_from(["A b. ", "No! ", "他走了。", "\n", "\n\n", "\r\n", "\r", "\t", "🎉", "e\u0301", "שלום", "\u200b"])
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0"), max_size=5),
    max_size=20,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("reader", [text.read, lines.read], ids=["text", "lines"])
@given(content=TEXTS, mark=st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_the_offset_is_where_the_sentence_stands_in_the_file(
    reader: Callable[[Source], Iterator[Sentence]], content: str, mark: bytes
) -> None:
    source = Source(io.BytesIO(mark + content.encode()), "a")
    position = 0
    for sentence in reader(source):
        offset = sentence.extra["offset"]
        assert content[offset : offset + len(sentence.text)] == sentence.text
        assert not content[position:offset].strip()
        line = content[:offset].replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        assert sentence.origin == f"a:{line}"
        position = offset + len(sentence.text)
    assert not content[position:].strip()


def test_a_long_line_takes_time_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one line or as many, the same text takes about the same time (a count from its start took 40 times that)."""

    def quickly(paragraph: str, language: str, **_: object) -> Iterator[tuple[int, Sentence]]:
        return ((start, Sentence("x", ())) for start in range(0, len(paragraph) - 1, 5))

    monkeypatch.setattr(text, "split_sentences", quickly)
    seconds: list[float] = []
    for content in (b"Ja. \n\n" * 100_000, b"Ja.  " * 100_000):
        begin = time.process_time()
        assert sum(1 for _ in text.read(Source(content.splitlines(keepends=True), "a"))) == 100_000
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 3 * seconds[0]


# Words without tags.
PLAIN_CONLLU = "# text = Ana va.\n1\tAna\tAna\tPROPN\t_\t_\t2\tnsubj\t_\t_\n2\tva\tir\tVERB\t_\t_\t0\troot\t_\tSpaceAfter=No\n3\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_\n"  # noqa: E501


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PLAIN_CONLLU, "a.conllu"),
        (PLAIN_CONLLU, "treebank"),
        (PLAIN_CONLLU.replace("# text = Ana va.\n", ""), "a.conllu"),
        ("Ana\nva\n.\n", "a.conll"),
        ("Ana\tPROPN\nva\tVERB\n.\tPUNCT\n", "a.conll"),
        ("1 Ana\n2 va\n3 .\n", "a.conll"),
        ("Ana\tB-PER\nva\tO\n.\tO\n", "a.conll"),
        ("Ana\tPER\nva\tM-X\n.\t-\n", "a.conll"),
    ],
)
def test_words_need_no_tags_to_be_tagged(file: File, content: str, name: str) -> None:
    (sentence,) = iter_sentences(file(content, name), labelled=False)
    assert sentence.tokens == ["Ana", "va", "."]
    assert sentence.entities == ()
    assert sentence.text == ("Ana va." if "SpaceAfter" in content else "Ana va .")


def test_a_hash_among_words_without_tags(file: File) -> None:
    (sentence,) = iter_sentences(file("# id = 5\n#\n1\nfan\n", "a.conll"), labelled=False)
    assert sentence.tokens == ["#", "1", "fan"]


def test_a_link_in_text_to_be_tagged_is_no_mark(file: File) -> None:
    path = file("See [Maria](Main_Page). si Ana\n", "readme.md")
    (first, second) = iter_sentences(path, labelled=False)
    assert (first.text, second.text) == ("See [Maria](Main_Page).", "si Ana")
    (marked,) = iter_sentences(path, labelled=False, format="inline")
    assert (marked.text, marked.entities) == ("See Maria. si Ana", ())
    assert read(path).format == "inline"


def test_a_line_that_has_to_be_cut_is_noted_once_or_refused(file: File, caplog: pytest.LogCaptureFixture) -> None:
    path = file("Ana left.\n\n" + "and so on " * 50_000 + "\n\nEva left.\n")
    texts = [sentence.text for sentence in iter_sentences(path, format="text")]
    assert (texts[0], texts[-1], max(map(len, texts))) == ("Ana left.", "Eva left.", pytest.approx(100_000, abs=10_000))
    (message,) = caplog.messages
    assert message.startswith(f"{path}: line 3: no sentence ends in so long a line")
    with pytest.raises(DataError, match=r"a\.txt:3: no sentence ends.*--on-overflow error"):
        list(iter_sentences(path, format="text", cuts=False))


def test_a_pipe_of_objects_is_read_as_they_come() -> None:
    """A program that writes one object and waits for the answer is not kept waiting for more lines."""
    from salin.corpus.detection import detect_format

    def asked_once() -> Iterator[bytes]:
        yield b'{"text": "Ana"}\n'
        raise AssertionError("a second line was read")

    assert detect_format(None, Source(asked_once(), "<stdin>")) == "jsonl"


def test_files_in_other_encodings_are_refused(file: File) -> None:
    for encoding, name in {
        "utf-16": "UTF-16",
        "utf-16-le": "UTF-16",
        "utf-16-be": "UTF-16",
        "utf-32": "UTF-32",
    }.items():
        with pytest.raises(DataError, match=rf"a.txt: the file is {name}. Save it as UTF-8"):
            read(file("Ana va.\nEva va.\n".encode(encoding)))
    assert read(file("a\0b va.\n"))[0].text == "a\0b va."


def test_splitting_and_reading_agree(file: File) -> None:
    content = "One. Two\r\ngoes on.\r\n\r\nThree\rFour"
    expected = [(offset, sentence.text) for offset, sentence in split_sentences(content)]
    found = [(sentence.extra["offset"], sentence.text) for sentence in read(file(content), format="text")]
    assert found == expected
