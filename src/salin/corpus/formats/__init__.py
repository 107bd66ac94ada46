"""One file a format: each turns lines into sentences and sentences into lines.

A format knows the shape of its own lines; it deliberately knows nothing of files, suffixes, compression or of the
other formats ([reading][salin.corpus.reading] and [writing][salin.corpus.writing] do).
"""

from __future__ import annotations

from salin.corpus.formats import conll, conllu, html, inline, jsonl, lines, text

__all__ = ["conll", "conllu", "html", "inline", "jsonl", "lines", "text"]
