"""Sentences with words and entities: tag schemes, label maps, readers and writers, splitting, the dataset catalogue.

Everything is counted in characters or in words; the package deliberately knows no tensors, no subwords and no models.
"""

from __future__ import annotations

from salin.corpus.corpus import Corpus
from salin.corpus.labels import parse_label_map
from salin.corpus.open_corpus import load_open_corpus
from salin.corpus.reading import iter_sentences, read
from salin.corpus.schemes import SCHEMES, Span, convert_tags, detect_scheme, spans_to_tags, tags_to_spans
from salin.corpus.sentence import Entity, Neighbour, Sentence
from salin.corpus.splitting import split_sentences
from salin.corpus.tagging import SentenceTagger, TagsText
from salin.corpus.words import segment_words
from salin.corpus.writing import write

__all__ = [
    "SCHEMES",
    "Corpus",
    "Entity",
    "Neighbour",
    "Sentence",
    "SentenceTagger",
    "Span",
    "TagsText",
    "convert_tags",
    "detect_scheme",
    "iter_sentences",
    "load_open_corpus",
    "parse_label_map",
    "read",
    "segment_words",
    "spans_to_tags",
    "split_sentences",
    "tags_to_spans",
    "write",
]
