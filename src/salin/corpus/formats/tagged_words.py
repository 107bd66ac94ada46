"""A sentence as words with tags, checked to be what a line with columns can hold."""

from __future__ import annotations

import re

from salin.corpus.schemes import spans_to_tags
from salin.corpus.sentence import Sentence
from salin.errors import DataError

# Tabs stand between columns, line ends between words, and half of a surrogate pair is no character in a file.
_FORBIDDEN = re.compile("[\t\r\n\ud800-\udfff]")
_LABEL = re.compile(r"[^\s\ud800-\udfff]+")


def tagged_words(sentence: Sentence, scheme: str = "IOB2") -> list[tuple[str, str]]:
    """The words of a sentence, each with its tag.

    Raises:
        DataError: When an entity does not begin and end with a word, or a word or label cannot stand in a column.
    """
    tokens = sentence.tokens
    for token in tokens:
        if not token.strip(" ") or _FORBIDDEN.search(token) or token.startswith("-DOCSTART-"):
            raise DataError(
                f"the word {token!r} of {sentence.text!r} cannot stand in a CoNLL file", remedy="Write JSONL instead"
            )
    for entity in sentence.entities:
        if not _LABEL.fullmatch(entity.label):
            remedy = "Rename it (--map, or map_labels in Python), or write JSONL"
            raise DataError(f"the label {entity.label!r} cannot stand in a CoNLL file", remedy=remedy)
    try:
        spans = sentence.spans()
    except ValueError as error:
        remedy = "Cut its words there (segment_words(text, boundaries)), or write JSONL"
        raise DataError(str(error), remedy=remedy) from error
    return list(zip(tokens, spans_to_tags(spans, len(tokens), scheme), strict=True))
