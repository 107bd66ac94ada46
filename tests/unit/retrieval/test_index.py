"""The index of a source corpus, in memory and on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from salin.corpus import Sentence
from salin.errors import DataError, ModelError
from salin.models import Tagger
from salin.retrieval import SourceIndex, VectorSettings
from salin.retrieval.vectors import centre
from tiny_corpora import DEV, TRAIN, corpus, labelled

SOURCE, QUERIES = corpus(), corpus(DEV)


@pytest.fixture
def tagger(model_folder: Callable[[str], Path]) -> Tagger:
    torch.manual_seed(0)
    return Tagger.on_encoder(model_folder("bert"), ["LOC", "ORG", "PER"])


def build(tagger: Tagger, settings: str, **options: object) -> SourceIndex:
    return SourceIndex.build(tagger, SOURCE, VectorSettings.parse(settings), **options)


@pytest.mark.parametrize("settings", ["mean-1", "cls-last", "ngrams", "mean-1-centred"])
def test_a_sentence_of_the_source_is_nearest_to_itself(tagger: Tagger, settings: str) -> None:
    cosines, indices = build(tagger, settings).nearest(SOURCE, 3)
    assert indices[:, 0].tolist() == list(range(len(SOURCE)))
    assert torch.allclose(cosines[:, 0], torch.ones(len(SOURCE)), atol=1e-5)
    assert (cosines.diff(dim=1) <= 0).all()


@pytest.mark.parametrize("settings", ["mean-1", "mean-1-centred", "ngrams"])
def test_among_the_source_a_sentence_never_finds_itself_or_a_copy(tagger: Tagger, settings: str) -> None:
    lines = (*TRAIN, TRAIN[2], TRAIN[2])
    doubled = corpus(lines)
    index = SourceIndex.build(tagger, doubled, VectorSettings.parse(settings))
    cosines, indices = index.among_source(doubled, 4)
    for row, found in enumerate(indices.tolist()):
        assert len(set(found)) == 4
        assert all(lines[i] != lines[row] for i in found)
    assert cosines.isfinite().all()


@pytest.mark.parametrize("settings", ["mean-1", "mean-1-centred", "ngrams"])
def test_sentences_without_words_are_near_to_nothing_and_move_nothing(tagger: Tagger, settings: str) -> None:
    with_empty = [Sentence("", ()), *SOURCE, Sentence("", ())]
    index = SourceIndex.build(tagger, with_empty, VectorSettings.parse(settings))
    cosines, indices = index.nearest(QUERIES, len(with_empty))
    expected, same = build(tagger, settings).nearest(QUERIES, len(SOURCE))
    assert torch.allclose(cosines[:, :-2], expected, atol=1e-6)
    assert torch.equal(indices[:, :-2], same + 1)
    assert (cosines[:, -2:] == -torch.inf).all()


def test_one_sentence_is_enough(tagger: Tagger) -> None:
    index = SourceIndex.build(tagger, SOURCE[:1], VectorSettings.parse("mean-1-centred"))
    assert index.nearest(QUERIES, 2)[0].isfinite().all()


def test_where_all_are_copies_nothing_is_near(tagger: Tagger) -> None:
    copies = corpus((TRAIN[0],) * 3)
    cosines, _ = SourceIndex.build(tagger, copies, VectorSettings.parse("mean-1")).among_source(copies, 2)
    assert (cosines == -torch.inf).all()


def test_fewer_sentences_than_asked_for(tagger: Tagger) -> None:
    index = SourceIndex.build(tagger, SOURCE[:2], VectorSettings.parse("mean-1"))
    assert index.nearest(QUERIES, 5)[1].shape == (2, 2)


def test_queries_are_centred_by_their_own_mean(tagger: Tagger) -> None:
    plain, target = build(tagger, "mean-1-centred"), build(tagger, "mean-1-centred", target=QUERIES)
    assert torch.equal(plain.source, target.source)
    assert torch.equal(plain.query_mean, plain.source.mean(0))
    queries = target.vectors(QUERIES)
    assert torch.equal(target.query_mean, queries.mean(0))
    expected = centre(queries, queries.mean(0)) @ centre(plain.source, plain.source.mean(0)).T
    cosines, indices = target.nearest(QUERIES, 2)
    assert torch.allclose(cosines, expected.gather(1, indices), atol=1e-6)
    assert indices[:, 0].tolist() == expected.argmax(1).tolist()


def test_the_same_index_every_time(tagger: Tagger) -> None:
    assert torch.equal(build(tagger, "mean-1").source, build(tagger, "mean-1").source)


def test_no_source_is_refused(tagger: Tagger) -> None:
    with pytest.raises(DataError, match="no source sentences"):
        SourceIndex.build(tagger, [], VectorSettings.parse("ngrams"))


@pytest.mark.parametrize("settings", ["mean-1-centred", "ngrams"])
def test_an_index_comes_back_from_disk(tagger: Tagger, tmp_path: Path, settings: str) -> None:
    made = build(tagger, settings, target=QUERIES)
    made.save(tmp_path / "index", SOURCE)
    loaded = SourceIndex.load(tmp_path / "index", SOURCE, tagger)
    for before, after in zip(made.nearest(QUERIES, 3), loaded.nearest(QUERIES, 3), strict=True):
        assert torch.equal(before, after)
    assert loaded.vectors.settings == made.vectors.settings


def test_an_index_of_another_corpus_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    build(tagger, "mean-1").save(tmp_path / "index", SOURCE)
    with pytest.raises(DataError, match="made of another corpus than other"):
        SourceIndex.load(tmp_path / "index", corpus(TRAIN[1:], name="other"), tagger)


def test_an_index_made_with_another_model_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    build(tagger, "mean-1").save(tmp_path / "index", SOURCE)
    build(tagger, "ngrams").save(tmp_path / "ngrams", SOURCE)
    with torch.no_grad():
        next(tagger.network.parameters()).add_(1e-3)
    with pytest.raises(ModelError, match=r"made with another model\. Make it again"):
        SourceIndex.load(tmp_path / "index", SOURCE, tagger)
    SourceIndex.load(tmp_path / "ngrams", SOURCE, tagger)  # character n-grams need no model


def test_another_head_makes_no_other_index(tagger: Tagger, tmp_path: Path) -> None:
    build(tagger, "mean-1").save(tmp_path / "index", SOURCE)
    with torch.no_grad():
        tagger.network.classifier.classifier.weight.add_(1)
    SourceIndex.load(tmp_path / "index", SOURCE, tagger)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"vectors": "max-2"}', "[" * 100_000])
def test_a_damaged_description_is_refused(tagger: Tagger, tmp_path: Path, content: str) -> None:
    build(tagger, "mean-1").save(tmp_path / "index", SOURCE)
    (tmp_path / "index" / "index.json").write_text(content)
    with pytest.raises(DataError, match="index"):
        SourceIndex.load(tmp_path / "index", SOURCE, tagger)


def test_a_missing_index_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no index here"):
        SourceIndex.load(tmp_path / "nothing", SOURCE, tagger)


def test_damaged_vectors_are_refused(tagger: Tagger, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(tagger, "mean-1").save(folder, SOURCE)
    path = folder / "vectors.safetensors"
    whole = path.read_bytes()
    for content in (whole[:-1], b"", b"\x80\x04" + whole):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"vectors\.safetensors"):
            SourceIndex.load(folder, SOURCE, tagger)
    save_file({"source": torch.zeros(2, 16)}, path)
    with pytest.raises(ModelError, match="damaged"):
        SourceIndex.load(folder, SOURCE, tagger)
    save_file({"source": torch.zeros(2, 16), "query_mean": torch.zeros(16)}, path)
    with pytest.raises(ModelError, match="not one a sentence"):
        SourceIndex.load(folder, SOURCE, tagger)
    path.unlink()
    with pytest.raises(ModelError, match="missing"):
        SourceIndex.load(folder, SOURCE, tagger)


def test_the_description_is_plain_json(tagger: Tagger, tmp_path: Path) -> None:
    build(tagger, "mean-1-centred").save(tmp_path / "index", SOURCE)
    described = json.loads((tmp_path / "index" / "index.json").read_text())
    assert described["vectors"] == "mean-1-centred"
    assert described["corpus"] == SOURCE.checksum
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["index.json", "vectors.safetensors"]


def test_a_query_never_seen_finds_what_is_like_it(tagger: Tagger) -> None:
    query = labelled("Reuters/O said/O Maria/O met/O the/O premier/O")
    _, indices = build(tagger, "ngrams").nearest([query], 1)
    assert indices.tolist() == [[6]]
