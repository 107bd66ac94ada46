"""CoNLL in its dialects: a word and its tag a line, a blank line between sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO

from salin.corpus.formats.layout import Layout, Rows, detect_layout
from salin.corpus.formats.source import BadSentence, Source
from salin.corpus.joining import join_tokens, writes_without_spaces
from salin.corpus.schemes import spans_to_tags, split_tag, tags_to_spans
from salin.corpus.sentence import Sentence
from salin.errors import DataError

# So many sentences are looked at to tell the layout of the columns and whether the language writes spaces.
_SAMPLE = 200
_TAG_REMEDY = "A tag is O, or one of B I E S L U, a hyphen and a type; is it another column? (token_column, tag_column)"


def read(source: Source, token_column: int | None = None, tag_column: int | None = None) -> Iterator[Sentence]:
    """Reads sentences, lazily.

    Columns stand between tabs, or between spaces where the first line has no tab. `-DOCSTART-` lines end a sentence
    and are dropped. In CoNLL-U and UNER files (numbered words) the layout is told from the columns, `#` lines are
    comments, and the text of `# text =` is kept where the words are found in it; elsewhere a line that begins with
    `#` is a comment only if it does not have the columns of a word. Tags of any scheme are read by the rules of
    conlleval.

    Args:
        source: The lines.
        token_column: Where the word stands, counted from 0; negative from the right.
        tag_column: Where the tag stands.

    Yields:
        A sentence with words and entities.

    Raises:
        DataError: As `source.on_error` says.
    """
    blocks = _blocks(source.lines())
    sample = list(islice(blocks, _SAMPLE))
    if not sample:
        return
    layout = detect_layout(sample, source.name, token_column, tag_column)
    parsed = (words for block in chain(sample, blocks) if (words := _parse(block, layout, source)) is not None)
    head = list(islice(parsed, _SAMPLE))
    spaced = not writes_without_spaces(token for tokens, *_ in head for token in tokens)
    for tokens, tags, text, line in chain(head, parsed):
        source.tags.append(tags)
        joined, words = join_tokens(tokens, spaced=spaced, text=text)
        sentence = Sentence(joined, words, origin=f"{source.name}:{line}")
        yield sentence.with_spans(tags_to_spans(tags))


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


def _parse(rows: Rows, layout: Layout, source: Source) -> tuple[list[str], list[str], str | None, int] | None:
    """One sentence as words, tags, its text where a comment gives it, and its first line."""
    tokens: list[str] = []
    tags: list[str] = []
    text, first = None, 0
    try:
        source.check(rows.numbers)
        for number, line in zip(rows.numbers, rows.lines, strict=True):
            if layout.is_comment(line):
                if line.startswith("# text ="):
                    text = line.removeprefix("# text =").strip()
                continue
            columns = layout.split(line)
            if layout.is_extra_row(columns):
                continue
            word = _word(columns, line, number, layout, source)
            if word is not None:
                first = first or number
                tokens.append(word[0])
                tags.append(word[1])
    except BadSentence:
        return None
    return (tokens, tags, text, first) if tokens else None


def _word(columns: list[str], line: str, number: int, layout: Layout, source: Source) -> tuple[str, str] | None:
    """A word and its tag, or None for a line that is left out."""
    if len(columns) != layout.columns:
        columns = _mended(columns, line, number, layout, source)
    token, tag = columns[layout.token].strip(" "), layout.tag_of(columns)
    if not token:
        source.bad("the word is empty", number, repair="a line without a word left out")
        return None
    try:
        letter, label = split_tag(tag)
        if letter != "O" and not label:
            raise ValueError(f"the tag {tag!r} has no type")
    except ValueError as error:
        source.bad(str(error), number, remedy=_TAG_REMEDY, repair="an unknown tag read as O")
        tag = "O"
    return token, tag


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
    filled[layout.token] = columns[layout.token if layout.token < len(columns) else 0]
    return filled


def write(sentences: Iterable[Sentence], file: IO[str], scheme: str = "IOB2") -> int:
    """Writes `word TAB tag` lines with a blank line after each sentence; sentences without words are left out.

    Returns:
        How many sentences were written.

    Raises:
        DataError: When an entity does not begin and end with a word, or a word cannot stand on a line.
    """
    count = 0
    for sentence in sentences:
        if not sentence.words:
            continue
        tokens = sentence.tokens
        if odd := [t for t in tokens if not t.strip(" ") or set(t) & set("\t\r\n") or t.startswith("-DOCSTART-")]:
            raise DataError(
                f"the word {odd[0]!r} of {sentence.text!r} cannot stand in a CoNLL file", remedy="Write JSONL instead"
            )
        for token, tag in zip(tokens, _tags(sentence, scheme), strict=True):
            file.write(f"{token}\t{tag}\n")
        file.write("\n")
        count += 1
    return count


def _tags(sentence: Sentence, scheme: str) -> list[str]:
    try:
        spans = sentence.spans()
    except ValueError as error:
        remedy = "Cut its words there (segment_words(text, boundaries)), or write JSONL"
        raise DataError(str(error), remedy=remedy) from error
    return spans_to_tags(spans, len(sentence.words), scheme)
