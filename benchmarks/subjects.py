"""What the benchmarks run on: real corpora where they are, and an encoder of mBERT's size."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from salin.corpus import Corpus, read
from salin.models import Tagger
from salin.models.loading import load_tokenizer, resolve

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "benchmarks"
_NER = ROOT.parent / "shared" / "data" / "ner"


def corpora(labels: Sequence[str]) -> tuple[Corpus, Corpus]:
    """Labelled English and a Spanish test set: CoNLL's where ../shared/data is, else the open corpus's.

    Args:
        labels: Those of the tagger; other entities of the English corpus are left out.
    """
    if _NER.exists():
        source, target = read(_NER / "conll2003" / "en" / "train.conll"), read(_NER / "conll2002" / "es" / "test.conll")
    else:
        source, target = read("open-corpus/en/train"), read("open-corpus/es/test")
    return source.map_labels({label: "O" for label in source.labels if label not in labels}), target


def make_tagger(name: str) -> Tagger:
    """`salin-tiny`, or `mbert-sized`: 12 blocks of 768 with random weights.

    The latter has the bundled tokenizer, since the size of a vocabulary costs nothing in tagging.
    """
    if name == "salin-tiny":
        return Tagger.from_pretrained("salin-tiny")
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve("salin-tiny-encoder"))
    with tempfile.TemporaryDirectory() as folder:
        BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return Tagger.on_encoder(folder, ["LOC", "MISC", "ORG", "PER"])
