"""CoNLL in its dialects: a word and its tag a line, a blank line between sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import IO

from salin.corpus.formats.columns import detect_layout
from salin.corpus.formats.layout import Layout, Rows
from salin.corpus.formats.source import BadSentence, Source, option
from salin.corpus.formats.tagged_words import tagged_words
from salin.corpus.joining import join_tokens, writes_without_spaces
from salin.corpus.schemes import split_tag, tags_to_spans
from salin.corpus.sentence import Sentence
from salin.errors import DataError

# So many sentences are looked at to tell the layout of the columns and whether the language writes spaces.
_SAMPLE = 200
# Few sentences have so many words.
_LONG = 200
_HEADS = {"tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "ne", "entity", "entities", "iob", "bio"}
_ANOTHER = f"is it another column? ({option('tag_column')})"


@dataclass(slots=True)
class _Parsed:
    """One sentence: words, tags, which words no space follows, its text where a comment gives it, its first line."""

    tokens: list[str] = field(default_factory=list[str])
    tags: list[str] = field(default_factory=list[str])
    unspaced: set[int] = field(default_factory=set[int])
    text: str | None = None
    line: int = 0


def read(
    source: Source, token_column: int | None = None, tag_column: int | None = None, *, labelled: bool = True
) -> Iterator[Sentence]:
    """Reads sentences, lazily.

    Columns stand between tabs, or between spaces where most lines have no tab. `-DOCSTART-` lines end a sentence and
    are dropped. Where lines are numbered (CoNLL-U, UNER, GermEval), `#` lines are comments, the tags are told from the
    columns, and the text of `# text =` is kept where the words are found in it, or else what `SpaceAfter=No` says;
    elsewhere the last column holds the tags, and a line that begins with `#` is a comment only if it does not have the
    columns of a word. Tags of any scheme are read by the rules of conlleval.

    Args:
        source: The lines.
        token_column: Where the word stands, counted from 0; negative from the right.
        tag_column: Where the tag stands.
        labelled: False for words to be tagged: there need be no tags, and none are read.

    Yields:
        A sentence with words and entities.

    Raises:
        DataError: As `source.on_error` says; and where no tag but O is known, so that mending them would lose all.
    """
    blocks = _blocks(source.lines())
    sample = list(islice(blocks, _SAMPLE))
    if not sample:
        return
    layout = detect_layout(sample, source, token_column, tag_column, labelled=labelled)
    parse = (_parse(block, layout, source, labelled) for block in chain(sample, blocks))
    parsed = (sentence for sentence in parse if sentence is not None)
    head = list(islice(parsed, _SAMPLE))
    spaced = not writes_without_spaces(token for sentence in head for token in sentence.tokens)
    known = False
    for found in chain(head, parsed):
        if len(sample) == 1 and len(found.tokens) > _LONG:
            source.note(f"no blank line: {len(found.tokens):,} words are one sentence")
        text, words = join_tokens(found.tokens, spaced=spaced, unspaced=found.unspaced, text=found.text)
        sentence = Sentence(text, words, origin=f"{source.name}:{found.line}")
        if labelled:
            source.tags.append(found.tags)
            known = known or any(tag != "O" for tag in found.tags)
            sentence = sentence.with_spans(tags_to_spans(found.tags))
        yield sentence
    if source.unknown_tag and not known:
        tag, number = source.unknown_tag
        reason = f"no tag in this column but O is of any scheme, as {tag!r}, and no entity would be left"
        raise DataError(reason, path=source.name, line=number, remedy=_tag_remedy(tag))


def _blocks(lines: Iterator[tuple[int, str]]) -> Iterator[Rows]:
    rows = Rows([], [])
    for number, line in lines:
        # Only these characters, since a no-break or an ideographic space can be a word.
        line = line.rstrip(" \t")
        if line and not line.startswith("-DOCSTART-"):
            rows.numbers.append(number)
            rows.lines.append(line)
        elif rows.lines:
            yield rows
            rows = Rows([], [])
    if rows.lines:
        yield rows


def _parse(rows: Rows, layout: Layout, source: Source, labelled: bool) -> _Parsed | None:
    """One sentence, or None where it is left out."""
    found = _Parsed()
    # The numbers of words that no space follows; of a contraction (2-3), that of its last.
    unspaced: set[str] = set()
    try:
        source.check(rows.numbers)
        for number, line in zip(rows.numbers, rows.lines, strict=True):
            if layout.is_comment(line):
                if line.startswith("# text ="):
                    found.text = line.removeprefix("# text =").strip()
                continue
            columns = layout.split(line)
            if layout.numbered and layout.ends_unspaced(columns):
                unspaced.add(columns[0].rpartition("-")[2])
            if layout.is_extra_row(columns):
                continue
            word = _word(columns, line, number, layout, source, labelled)
            if word is not None:
                if layout.numbered and columns[0] in unspaced:
                    found.unspaced.add(len(found.tokens))
                found.tokens.append(word[0])
                found.tags.append(word[1])
                found.line = found.line or number
    except BadSentence:
        return None
    return found if found.tokens else None


def _word(
    columns: list[str], line: str, number: int, layout: Layout, source: Source, labelled: bool
) -> tuple[str, str] | None:
    """A word and its tag, or None for a line that is left out."""
    if layout.lacks_number(columns):
        source.bad(
            f"expected the number of a word, found {columns[0]!r}",
            number,
            remedy=f"If the lines are not numbered, name the column of the words ({option('token_column', 0)})",
            repair="a word without a number read all the same",
        )
    if len(columns) != layout.columns:
        columns = _mended(columns, line, number, layout, source)
    token, tag = columns[layout.token].strip(" "), layout.tag_of(columns) if labelled else "O"
    if not token:
        source.bad("the word is empty", number, repair="a line without a word left out")
        return None
    try:
        letter, label = split_tag(tag)
        if letter != "O" and not label:
            raise ValueError(f"the tag {tag!r} has no type")
    except ValueError as error:
        source.unknown_tag = source.unknown_tag or (tag, number)
        source.bad(str(error), number, remedy=_tag_remedy(tag), repair="an unknown tag read as O")
        tag = "O"
    return token, tag


def _tag_remedy(tag: str) -> str:
    if tag.startswith("M-"):
        return f"BMES calls the inside of an entity M: write I-{tag[2:]}"
    if tag.lower() in _HEADS:
        return f"Take the head of the table out; or {_ANOTHER}"
    if tag.isalpha() and tag.isupper():
        return f"If it is a type, say where its entities begin: B-{tag}, then I-{tag}; or {_ANOTHER}"
    return f"A tag is O, or one of B I E S L U, a hyphen and a type; {_ANOTHER}"


def _mended(columns: list[str], line: str, number: int, layout: Layout, source: Source) -> list[str]:
    """As many columns as there should be, by the policy for bad lines."""
    expected = f"expected {layout.columns} columns as in line {layout.line}, found {len(columns)}"
    if len(columns) == 1 and len(parts := line.split()) == layout.columns == 2:
        source.bad(expected, number, remedy="Put a tab between them", repair="columns split at a space")
        return parts
    if len(columns) > layout.columns:
        source.bad(expected, number, remedy="Take out what is too much")
    source.bad(expected, number, remedy="Add what is missing", repair="a missing tag read as O")
    filled = ["O"] * layout.columns
    filled[layout.token] = columns[layout.token] if layout.token < len(columns) else ""
    return filled


def write(sentences: Iterable[Sentence], file: IO[str], scheme: str = "IOB2") -> int:
    """Writes `word TAB tag` lines with a blank line after each sentence; sentences without words are left out.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When an entity does not begin and end with a word, or a word or label cannot stand on a line.
    """
    count = 0
    for sentence in sentences:
        if sentence.words:
            rows = [f"{token}\t{tag}\n" for token, tag in tagged_words(sentence, scheme)]
            file.write("".join(rows) + "\n")
            count += 1
    return count
