"""Whatever stands in a file: a sound corpus or an error that a user understands, never a crash."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.corpus.formats import conll, inline, jsonl, lines, text
from salin.corpus.formats.source import Source
from salin.errors import DataError

PARTS = st.sampled_from([
    b"Ana\tB-PER", b"1\tAna\tO\t-\t-", b"x O", b"#", b"# text = a", b"\t", b" ", b"\n", b"\n\n", b"\r\n", b"-DOCSTART-",
    b"\xff", b"\xef\xbb\xbf", b"[a](PER)", b"[", b"\\", b"\x00", b"\xc2\x85", b"\xe2\x80\xa8", b'{"text": "a b", ',
    b'"entities": [[0, 1, "X"]]}', b'"spans": [{"start": 0, "end": 9, "label": "X"}]}', b'"words": [[1, 0]]}',
    b'{"tokens": ["a", "b"], "tags": ["B-X"]}', b'{"tokens": [], "tags": 3}', b'{"text": 3}', b"null", b"[" * 9,
    b'{"text": "\\ud800"}', b"1" * 5000, b"1 Ana B-PER", b"2 va O", b"1-2\tx\tO", b"\r", b"Ana B-PER\tO",
    b'"words": [[0, 3]], ', b'"entities": {"X": 1}}', b'"label": "X"}', b'{"tokens": ["a"], "spans": [[0, 1, "X"]]}',
    b"1\ta\t_\t_\t_\t_\t_\t_\t_\tNER=B-X|SpaceAfter=No",
])  # fmt: skip
LINES = (st.lists(PARTS | st.binary(max_size=4), max_size=12).map(b"".join)).map(
    lambda raw: raw.splitlines(keepends=True)
)
READERS = {
    "conll": conll.read,
    "words": partial(conll.read, labelled=False),
    "jsonl": jsonl.read,
    "jsonl in bytes": partial(jsonl.read, offsets="bytes"),
    "objects": partial(jsonl.read, labelled=False),
    "inline": inline.read,
    "text": text.read,
    "lines": lines.read,
}


@pytest.mark.parametrize("format", READERS)
@given(content=LINES, on_error=st.sampled_from(["strict", "repair", "skip"]))
def test_any_bytes(format: str, content: list[bytes], on_error: Any) -> None:
    try:
        sentences = list(READERS[format](Source(content, "a", on_error)))
    except DataError as error:
        # Beyond strict mode only what concerns the file as a whole is refused: its encoding, its columns.
        if on_error != "strict" and not re.search("UTF-16|column", error.reason):
            raise
        return
    for sentence in sentences:
        edges = [0, *(edge for word in sentence.words for edge in word), len(sentence.text)]
        assert edges == sorted(edges)
        assert all(start < end for start, end in sentence.words)
        assert all(e.text and e.text == sentence.text[e.start : e.end] for e in sentence.entities)
        assert len(sentence.tags()) == len(sentence.words)
        sentence.text.encode()
