"""Which column of a CoNLL file is what, told from its first sentences: counted, numbered, or named in a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from salin.corpus.formats.layout import CONLLU_WIDTH, Layout, Rows, is_extra, is_tag, split_columns
from salin.corpus.formats.source import Source, option
from salin.corpus.schemes import split_tag
from salin.errors import DataError, SettingError

_HEADER = "# global.columns ="
# Keys that CoNLL-U files use in their tenth column.
_MISC_KEYS = ("NER", "NE", "ner", "name")
# Phrases, which some files tag in a column of their own: the labels of CoNLL-2000 and of the TreeTagger.
_CHUNKS = {
    *("ADJP", "ADVP", "CONJP", "INTJ", "LST", "NP", "PP", "PRT", "SBAR", "UCP", "VP"),
    *("AC", "AVC", "NC", "PC", "VC"),
}


def detect_layout(
    sample: Sequence[Rows],
    source: Source,
    token_column: int | None = None,
    tag_column: int | None = None,
    *,
    labelled: bool = True,
) -> Layout:
    """Tells the layout from the first sentences of a file.

    Args:
        sample: The sentences.
        source: What they come from; it is told where the choice of a column may surprise.
        token_column: The column of the word, where the user names it.
        tag_column: The column of the tag, where the user names it.
        labelled: Whether there has to be a column of tags.

    Raises:
        DataError: When there is no column that could hold tags, or the words are not told apart from other columns.
        SettingError: When a column that the user names does not exist.
    """
    table = _Table(sample)
    for column in (token_column, tag_column):
        if column is not None and not -table.width <= column < table.width:
            where = f"line {table.line} of {source.name} has {table.width} (counted from 0)"
            raise SettingError(f"there is no column {column}: {where}")
    numbered = token_column not in (0, -table.width) and table.is_numbered()
    token = token_column % table.width if token_column is not None else _token_column(table, numbered, source)
    tag, key = (tag_column, "") if tag_column is not None else _tag_column(table, token, numbered, labelled, source)
    if tag is None and labelled:
        raise DataError(
            "no column of tags was found" if table.width > 1 else "expected 2 columns or more, found 1",
            path=source.name,
            line=table.line,
            remedy=f"Name it ({option('tag_column')}), or read plain text ({option('format', 'text')})",
        )
    return Layout(table.width, table.line, token, None if tag is None else tag % table.width, table.tabs, numbered, key)


class _Table:
    """The lines of a sample in columns.

    Attributes:
        tabs: Whether tabs stand between columns, or else spaces.
        width: How many columns most lines have.
        line: The first line that has so many.
        rows: The columns of each line that has so many.
        names: Of the columns, where a header gives them.
    """

    def __init__(self, sample: Sequence[Rows]) -> None:
        self._sample = sample
        lines = [pair for rows in sample for pair in zip(rows.numbers, rows.lines, strict=True)]
        words = [pair for pair in lines if not pair[1].startswith("#")] or lines
        self.tabs = 2 * sum("\t" in line for _, line in words) >= len(words)
        split = [(number, split_columns(line, self.tabs)) for number, line in words]
        counts = Counter(len(columns) for _, columns in split)
        self.width = max(counts, key=lambda width: (counts[width], width))
        self.line = next(number for number, columns in split if len(columns) == self.width)
        self.rows = [columns for _, columns in split if len(columns) == self.width]
        headers = (line.removeprefix(_HEADER).split() for _, line in lines if line.startswith(_HEADER))
        self.names = next(headers, list[str]())

    def values(self, column: int) -> list[str]:
        """What stands in a column."""
        return [row[column].strip(" ") for row in self.rows]

    def holds_tags(self, column: int) -> bool:
        """Whether most values of a column are tags (some may be broken, and are to be refused as such)."""
        return 2 * sum(map(is_tag, self.values(column))) > len(self.rows)

    def holds_phrases(self, column: int) -> bool:
        """Whether the tags of a column are those of a chunker, or all O."""
        return {split_tag(tag)[1] for tag in self.values(column) if is_tag(tag) and tag != "O"} <= _CHUNKS

    def is_numbered(self) -> bool:
        """Whether most lines begin with the number of their word, counted in each sentence or through the file."""
        # Beside the numbers there must be words.
        if self.width < 2 or (self.width == 2 and self.holds_tags(1)):
            return False
        counted = total = last = 0
        for rows in self._sample:
            cells = [split_columns(line, self.tabs)[0] for line in rows.lines if not line.startswith("#")]
            expected = {"0", "1", str(last + 1)}
            for cell in cells:
                if is_extra(cell):
                    continue
                number = int(cell) if cell.isdecimal() and len(cell) < 10 else None
                counted += number is not None and str(number) in expected
                total += 1
                # One broken number breaks the count only once.
                last = last + 1 if number is None else number
                expected = {str(last + 1)}
        return 2 * counted > total


def _token_column(table: _Table, numbered: bool, source: Source) -> int:
    if "FORM" in table.names:
        return table.names.index("FORM")
    column = int(numbered)
    words = table.values(column)
    # A word can hold a space ("1 000"); where nearly all do, there are more columns than tabs say.
    if table.width > 1 and 10 * sum(" " in word for word in words) > 9 * len(words):
        raise DataError(
            f"there are spaces in the column of the words, as in {words[0]!r}",
            path=source.name,
            line=table.line,
            remedy=f"Put tabs between all columns; or if these are words, name it ({option('token_column', column)})",
        )
    return column


def _tag_column(table: _Table, token: int, numbered: bool, labelled: bool, source: Source) -> tuple[int | None, str]:
    """The column of the tags and, in CoNLL-U's MISC, their key."""
    for position, name in enumerate(table.names):
        if name.rpartition(":")[2].upper() in ("NER", "NE"):
            return position, ""
    others = [column for column in range(int(numbered), table.width) if column != token]
    tagged = [column for column in others if table.holds_tags(column)]
    entities = [column for column in tagged if not table.holds_phrases(column)] or tagged
    if numbered:
        # The first, since GermEval has a second one for entities inside of entities.
        chosen = entities[0] if entities else None
    else:
        # By custom the last; where it holds no tags, its values are to be refused as such.
        chosen = others[-1] if others and (labelled or others[-1] in tagged) else None
    surprising = [column for column in entities if column != chosen]
    if labelled and chosen is not None and surprising:
        other = option("tag_column", surprising[0])
        source.note(f"columns {chosen} and {surprising[0]} hold tags, and column {chosen} is read (else {other})")
    if chosen is not None or not numbered:
        return chosen, ""
    if table.width == CONLLU_WIDTH:
        keys = {pair.partition("=")[0] for misc in table.values(-1) for pair in misc.split("|")}
        for key in _MISC_KEYS:
            if key in keys:
                return CONLLU_WIDTH - 1, key
    # Most tags are broken or missing, so the column with the most of them.
    found = {column: sum(map(is_tag, table.values(column))) for column in others}
    most = max(found, key=lambda column: found[column], default=None)
    return (most if most is not None and found[most] else None), ""
