"""Gradients on disk: read back as they were written, with the tagger and the corpus that they were made with alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from salin.adaptation.adapter import Adapter
from salin.adaptation.kept import KeptGradients
from salin.adaptation.rules import BertAdam, Sgd
from salin.adaptation.store import GradientStore, check_room, made_with, write_store
from salin.corpus import Corpus, Sentence
from salin.errors import DataError, ModelError
from salin.models import Tagger
from tiny_corpora import DEV, TRAIN, corpus, labelled

LONG = labelled(" ".join([*TRAIN[:4], *DEV]))
SOURCE = Corpus((LONG, *corpus().sentences))
SENTENCES = [*map(labelled, DEV), labelled(TRAIN[1]), Sentence("", ())]
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@pytest.fixture(params=["bert", "albert"])
def tagger(request: pytest.FixtureRequest, model_folder: Callable[[str], Path]) -> Tagger:
    torch.manual_seed(2)
    return Tagger.on_encoder(model_folder(request.param), ("LOC", "ORG", "PER"), max_length=24, frozen_blocks=1)


def stored(
    folder: Path, tagger: Tagger, indices: list[int], dtype: torch.dtype = torch.float32
) -> tuple[GradientStore, KeptGradients]:
    """A store of the gradients of some source sentences, and what computed them."""
    adapter = Adapter(tagger, SOURCE, keep_dtype=dtype)
    assert adapter.kept is not None
    kept = adapter.kept
    size = kept.size(indices)
    write_store(folder, kept.computed(indices), kept.packing, size, dtype, made_with(SOURCE, tagger, Sgd()))
    return GradientStore.open(folder, SOURCE, tagger), kept


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_was_written_is_read(tagger: Tagger, tmp_path: Path, dtype: torch.dtype) -> None:
    store, kept = stored(tmp_path, tagger, [0, 5, 2], dtype)
    assert len(store) == 3
    assert store.get(1) is None
    for index, gradient in kept.of([0, 2, 5]).items():
        read = store.get(index)
        assert read is not None
        assert torch.equal(read.numbers, gradient.numbers)
        assert (read.positions, read.words, read.norms) == (gradient.positions, gradient.words, gradient.norms)
    assert store.bytes == kept.bytes, "what is said beforehand is what it takes"


def test_what_is_on_disk_is_not_computed(tagger: Tagger, tmp_path: Path) -> None:
    store, _ = stored(tmp_path, tagger, list(range(len(SOURCE))))
    computing, reading = (
        Adapter(tagger, SOURCE, rule=Sgd(), keep=0, keep_dtype=torch.float32, store=known) for known in (None, store)
    )
    for a, b in zip(reading.tag_sentences(SENTENCES), computing.tag_sentences(SENTENCES), strict=True):
        assert a.spans() == b.spans()
        assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=1e-5)
    assert reading.kept is not None
    assert reading.kept.misses == reading.kept.bytes == 0
    assert reading.kept.read > 0


def test_what_is_not_on_disk_is_computed_and_kept(tagger: Tagger, tmp_path: Path) -> None:
    store, _ = stored(tmp_path, tagger, [3])
    adapter = Adapter(tagger, SOURCE, store=store)
    assert adapter.kept is not None
    adapter.kept.of([3, 4, 3])
    assert (adapter.kept.hits, adapter.kept.read, adapter.kept.misses, len(adapter.kept)) == (1, 1, 1, 1)
    assert adapter.kept.dtype == store.dtype, "one batch holds both"


def test_it_serves_the_clipping_that_it_was_made_for(tagger: Tagger, tmp_path: Path) -> None:
    store, _ = stored(tmp_path, tagger, [3])
    assert store.serves(Sgd())
    assert store.serves(Sgd(rate=3.0)), "the step size has no part in the gradient"
    assert not store.serves(Sgd(clip=0.5))
    assert not store.serves(BertAdam())


def test_another_model_or_corpus_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    stored(tmp_path, tagger, [3])
    with pytest.raises(DataError, match="another corpus than other"):
        GradientStore.open(tmp_path, Corpus(SOURCE.sentences[1:], name="other"), tagger)
    with pytest.raises(DataError, match="another corpus"):
        GradientStore.open(tmp_path, Corpus(SOURCE.sentences, labels=("LOC", "PER")), tagger)
    with torch.no_grad():
        next(tagger.network.parameters())[0, 0] += 1
    with pytest.raises(ModelError, match="another model"):
        GradientStore.open(tmp_path, SOURCE, tagger)


def test_what_is_damaged_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    stored(tmp_path, tagger, [3, 4])
    for name in ("gradients.npy", "gradients.safetensors", "gradients.json"):
        whole = (tmp_path / name).read_bytes()
        for part in (whole[:-8], whole[:20], b"", None):
            (tmp_path / name).unlink()
            if part is not None:
                (tmp_path / name).write_bytes(part)
            with pytest.raises(ModelError, match=str(tmp_path)):
                GradientStore.open(tmp_path, SOURCE, tagger)
            (tmp_path / name).write_bytes(whole)
    made = json.loads((tmp_path / "gradients.json").read_text())
    for change in ({"dtype": "int8"}, {"packing": []}, {"clip": None}, {"packing": {**made["packing"], "blocks": []}}):
        (tmp_path / "gradients.json").write_text(json.dumps({**made, **change}))
        with pytest.raises(ModelError):
            GradientStore.open(tmp_path, SOURCE, tagger)


def test_more_than_the_disk_has_room_for_is_refused(tmp_path: Path) -> None:
    check_room(tmp_path / "new" / "index", 1)
    with pytest.raises(DataError, match="take 1,152,921,504,606,846,976 bytes"):
        check_room(tmp_path / "new" / "index", 1 << 60)
