"""What the benchmarks run on: real corpora where they are, and an encoder of mBERT's size."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from salin.corpus import Corpus, read
from salin.models import Tagger
from salin.models.loading import load_tokenizer, quiet, resolve

ENCODERS = ("salin-tiny", "mbert-sized")
_NER = Path(__file__).resolve().parents[2] / "shared" / "data" / "ner"


def source(labels: Sequence[str]) -> Corpus:
    """Labelled English: CoNLL-2003 where ../shared/data is, else the open corpus's.

    Args:
        labels: Those of the tagger; other entities are left out.
    """
    corpus = read(_NER / "conll2003" / "en" / "train.conll" if _NER.exists() else "open-corpus/en/train")
    return corpus.map_labels({label: "O" for label in corpus.labels if label not in labels})


def target() -> Corpus:
    """A Spanish test set: that of CoNLL-2002 where ../shared/data is, else the open corpus's."""
    return read(_NER / "conll2002" / "es" / "test.conll" if _NER.exists() else "open-corpus/es/test")


def target_texts() -> list[str]:
    """The sentences of `target`, each as one line of text."""
    return [" ".join(sentence.text.split()) for sentence in target() if sentence.text.strip()]


def make_tagger(name: str) -> Tagger:
    """`salin-tiny`, or `mbert-sized`: 12 blocks of 768 with random weights.

    The latter has the bundled tokenizer, since the size of a vocabulary costs nothing in tagging.
    """
    if name == "salin-tiny":
        return Tagger.from_pretrained("salin-tiny")
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve("salin-tiny-encoder"))
    with tempfile.TemporaryDirectory() as folder, quiet():
        BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return Tagger.on_encoder(folder, ["LOC", "MISC", "ORG", "PER"])
