"""CoNLL-U and UNER as output: numbered words under a comment with the text (they are read as any CoNLL)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO

from salin.corpus.formats.tagged_words import tagged_words
from salin.corpus.sentence import Sentence
from salin.errors import DataError

# LEMMA, UPOS, XPOS, FEATS, HEAD, DEPREL, DEPS
_EMPTY = 7 * ["_"]


def write(sentences: Iterable[Sentence], file: IO[str], scheme: str = "IOB2") -> int:
    """Writes CoNLL-U: ten columns, the tags as `NER=B-LOC` in the last, which also says where no space follows.

    Sentences without words are left out, and line breaks in the text become spaces.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When an entity does not begin and end with a word, or a word or label cannot stand on a line.
    """
    return _write(sentences, file, lambda sentence: _conllu_rows(sentence, scheme))


def write_uner(sentences: Iterable[Sentence], file: IO[str], scheme: str = "IOB2") -> int:
    """Writes the five columns of Universal NER: number, word, tag, and two about annotators, which stay empty (`-`).

    Sentences without words are left out, and line breaks in the text become spaces.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When an entity does not begin and end with a word, or a word or label cannot stand on a line.
    """
    return _write(sentences, file, lambda sentence: _uner_rows(sentence, scheme))


def _write(sentences: Iterable[Sentence], file: IO[str], rows: Callable[[Sentence], Iterator[str]]) -> int:
    count = 0
    for sentence in sentences:
        if sentence.words:
            count += 1
            lines = "".join(f"{number}\t{row}\n" for number, row in enumerate(rows(sentence), 1))
            text = sentence.text.replace("\r", " ").replace("\n", " ")
            file.write(f"# sent_id = {count}\n# text = {text}\n{lines}\n")
    return count


def _uner_rows(sentence: Sentence, scheme: str) -> Iterator[str]:
    return (f"{token}\t{tag}\t-\t-" for token, tag in tagged_words(sentence, scheme))


def _conllu_rows(sentence: Sentence, scheme: str) -> Iterator[str]:
    following = [*(start for start, _ in sentence.words[1:]), None]
    for (token, tag), (_, end), start in zip(tagged_words(sentence, scheme), sentence.words, following, strict=True):
        if "|" in tag:
            raise DataError(f"the tag {tag!r} cannot stand in CoNLL-U", remedy="Write plain CoNLL or JSONL instead")
        misc = f"NER={tag}|SpaceAfter=No" if start == end else f"NER={tag}"
        yield "\t".join([token, *_EMPTY, misc])
