"""Statistics of corpora, and leaks between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from salin.corpus import Corpus, Sentence, read
from salin.corpus.statistics import corpus_statistics, find_leak


def sentence(text: str, *tags: str) -> Sentence:
    tokens = text.split()
    return Sentence.from_tokens(tokens, [*tags, *["O"] * (len(tokens) - len(tags))])


def test_counts_by_example() -> None:
    corpus = Corpus(
        (
            sentence("Ana goes to the big Oslo", "B-PER"),
            sentence("Ana goes to the big Oslo", "B-PER", "O", "O", "O", "O", "B-LOC"),
            sentence("nothing"),
        ),
        labels=("LOC", "MISC", "PER"),
    )
    found = corpus_statistics(corpus)
    assert (found.sentences, found.words, found.mentions, found.without_entities) == (3, 13, 2, 1)
    assert found.entities == {"LOC": 1, "MISC": 0, "PER": 2}
    assert (found.median_words, found.most_words, found.mean_words) == (6, 6, pytest.approx(13 / 3))
    assert (found.duplicates, found.conflicts) == (1, 1)


def test_leaks_by_example() -> None:
    train = Corpus((sentence("Ana goes to the fair", "B-PER"), sentence("a short one")))
    test = Corpus((sentence("Ana goes to the fair", "B-PER"), sentence("a short one"), sentence("Eva left", "B-PER")))
    leak = find_leak(train, test)
    assert (leak.sentences, leak.seen_sentences, leak.sentence_share) == (1, 1, 1.0)
    assert (leak.entities, leak.seen_entities, leak.entity_share) == (2, 1, 0.5)
    assert find_leak(train, Corpus(())).entity_share == 0.0


def test_spanish_test_sentences_that_stand_in_train(shared_data: Path) -> None:
    train, test = (read(shared_data / f"ner/conll2002/es/{split}.conll") for split in ("train", "test"))
    assert find_leak(train, test).sentence_share == pytest.approx(0.11, abs=0.01)
