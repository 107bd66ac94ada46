"""The HTML page: whatever a text holds, it stays text."""

from __future__ import annotations

import io
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from salin.corpus import Entity, Neighbour, Sentence, write
from salin.corpus.formats.html import escape


class _Body(HTMLParser):
    """Collects the elements and the text inside `<body>`."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = self._inside or tag == "body"
        if self._inside:
            self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data if self._inside else ""


def _page(*sentences: Sentence) -> _Body:
    file = io.StringIO()
    assert write(sentences, file, "html") == len(sentences)
    body = _Body()
    body.feed(file.getvalue())
    return body


def test_entities_are_marked_with_their_label_and_score() -> None:
    sentence = Sentence("Ana sings.", ((0, 3), (4, 9), (9, 10)), (Entity(0, 3, "Ana", "PER", 0.987),))
    file = io.StringIO()
    write([sentence], file, "html")
    assert 'title="PER 0.99">Ana<small>PER</small></mark> sings.' in file.getvalue()


def test_neighbours_stand_below_their_sentence() -> None:
    source = Sentence("Ben sings.", ((0, 3), (4, 9), (9, 10)))
    body = _page(Sentence("Ana sings.", ((0, 3), (4, 9), (9, 10)), neighbours=(Neighbour(source, 0.5),)))
    assert body.elements == ["body", "p", "details", "summary", "p"]
    assert "0.50  Ben sings." in body.text


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_text_and_no_label_becomes_an_element(text: str, label: str) -> None:
    body = _page(Sentence(text, ((0, len(text)),), (Entity(0, len(text), text, label, 0.5),)))
    assert body.elements == ["body", "p", "mark", "small"]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"])))
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    parser = _Body()
    parser.feed(f"<body>{escape(text)}</body>")
    parser.close()
    assert parser.text == text
