"""What the benchmarks run on: real corpora where they are, and an encoder of mBERT's size."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedModel

from salin.adaptation import official
from salin.corpus import Corpus, load_open_corpus, read
from salin.corpus.lexicon import Lexicon
from salin.models import Tagger
from salin.models.loading import load_tokenizer, quiet, resolve
from salin.models.parameters import block_stack

ENCODERS = ("salin-tiny", "mbert-sized")
_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_NER = _DATA / "ner"


def source(labels: Sequence[str]) -> Corpus:
    """Labelled English: CoNLL-2003 where ../shared/data is, else the open corpus's.

    Args:
        labels: Those of the tagger; other entities are left out.
    """
    there = _NER.exists()
    corpus = read(_NER / "conll2003" / "en" / "train.conll") if there else load_open_corpus("en", "train")
    return corpus.only(labels)


def target(language: str = "es") -> Corpus:
    """A Spanish or Dutch test set: that of CoNLL-2002 where ../shared/data is, else the open corpus's."""
    there = _NER.exists()
    return read(_NER / "conll2002" / language / "test.conll") if there else load_open_corpus(language, "test")


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


def adapting_upper_half(tagger: Tagger) -> Tagger:
    """The tagger with settings that say so; by default the head alone adapts, of which there is less to measure."""
    half = tagger.network.classifier.config.num_hidden_layers // 2
    tagger.settings = tagger.settings.model_copy(update={"frozen_blocks": half})
    return tagger


def official_model(tagger: Tagger, labels: int) -> PreTrainedModel:
    """What `official.py` trains: a copy of a tagger's encoder, a third of its blocks frozen, under a head of its own.

    Args:
        tagger: It stays as it is.
        labels: Classes of the head.
    """
    model = copy.deepcopy(tagger.network.classifier)
    model.classifier = nn.Linear(model.config.hidden_size, labels)
    official.freeze(model, 0)
    blocks = model.config.num_hidden_layers
    stack = block_stack(model, blocks)
    assert stack is not None
    for number in range(blocks // 3):
        model.get_submodule(f"{stack}.{number}").requires_grad_(False)
    return model


def lexicon(language: str) -> Lexicon | None:
    """Wiktionary's English dictionary of a language; None where there is no ../shared/data."""
    path = _DATA / "dict" / "wiktionary2015" / f"en-{language}.tsv.xz"
    return Lexicon.read(path) if path.exists() else None
