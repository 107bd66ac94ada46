"""From a tagger and a corpus to a result file and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salin.corpus import Corpus
from salin.errors import DataError
from salin.evaluation import (
    AdaptationRecord,
    DataRecord,
    FileRecord,
    Result,
    Signature,
    bootstrap_interval,
    evaluate,
    result_table,
    score_predictions,
)
from salin.evaluation.records import CalibrationRecord
from salin.evaluation.result import SentenceCounts


def test_a_result_says_everything(corpus: Any, middling: Any) -> None:
    result = evaluate(middling, corpus, seeds=[95], windows="128/63", source_entities={"Ana"}, notes=["a note"])
    assert result.system == "middling"
    assert (result.micro.tp, result.micro.fp, result.micro.fn) == (2, 3, 3)
    assert result.micro.f1 == pytest.approx(0.4)
    assert list(result.by_type) == ["LOC", "ORG", "PER"]
    assert result.by_type["PER"].support == 3
    assert result.spans.tp == 3
    assert result.seen is not None
    assert result.seen.recall == 1
    assert (result.data.name, result.data.sentences) == ("tiny", 4)
    assert result.interval.low <= result.micro.f1 <= result.interval.high
    assert result.seconds is not None
    assert result.seconds >= 0
    assert result.environment.cpus >= 1
    assert result.notes == ["a note of the reader", "a note"]
    signature = Signature.parse(result.signature)
    assert (signature.n, signature.seeds, signature.windows, signature.data) == (
        4,
        (95,),
        "128/63",
        corpus.checksum[:12],
    )
    assert (signature.labels, signature.counted) == (("LOC", "ORG", "PER"), ())


def test_the_tagger_never_sees_the_gold(corpus: Any, perfect: Any) -> None:
    assert evaluate(perfect, corpus).micro.f1 == 1
    assert len(perfect.shown) == 4
    assert all(sentence.entities == () for sentence in perfect.shown)


def test_a_restriction_to_labels_stands_in_the_signature(corpus: Any, middling: Any) -> None:
    result = evaluate(middling, corpus, labels=["PER"])
    assert list(result.by_type) == ["PER"]
    assert Signature.parse(result.signature).counted == ("PER",)


def test_what_does_not_count_is_no_miscalibration(corpus: Any, perfect: Any) -> None:
    perfect.scores = 1.0
    perfect.tags[1] = "O B-LOC"
    assert evaluate(perfect, corpus).calibration == CalibrationRecord(ece=1 / 6, bins=15, binning="mass", entities=6)
    only = evaluate(perfect, corpus, labels=["PER", "ORG"])
    assert only.micro.f1 == 1
    assert only.calibration == CalibrationRecord(ece=0, bins=15, binning="mass", entities=4)


def test_calibration_is_there_when_scores_are(corpus: Any, middling: Any, perfect: Any) -> None:
    calibration = evaluate(middling, corpus).calibration
    assert calibration is not None
    assert calibration.entities == 5
    # All scores are 0.5; each of five entities is a bin of its own, so each is half wrong.
    assert calibration.ece == pytest.approx(0.5)
    assert evaluate(perfect, corpus).calibration is None


def test_ready_predictions_can_be_scored(corpus: Any) -> None:
    result = score_predictions(corpus, list(corpus), system="copy")
    assert result.micro.f1 == 1
    assert result.seconds is None


def test_a_corpus_without_labels_is_refused(corpus: Any, perfect: Any) -> None:
    with pytest.raises(DataError, match="tiny holds no entities"):
        evaluate(perfect, corpus.without_entities())
    with pytest.raises(DataError, match="the corpus holds no entities"):
        evaluate(perfect, Corpus(()))


def test_data_without_tags_have_no_scheme(corpus: Any, perfect: Any) -> None:
    signature = Signature.parse(evaluate(perfect, replace(corpus, scheme=None)).signature)
    assert (signature.scheme, signature.repair) == ("", "")


def test_a_tagger_that_loses_sentences_is_refused(corpus: Any) -> None:
    with pytest.raises(DataError, match="4 gold sentences but 3 predicted"):
        score_predictions(corpus, list(corpus)[:3], system="lossy")


def test_results_survive_the_file(corpus: Any, middling: Any, tmp_path: Path) -> None:
    result = evaluate(middling, corpus, source_entities={"Ana"})
    path = tmp_path / "results" / "one.json"
    result.save(path)
    again = Result.load(path)
    assert again == result
    assert np.array_equal(again.counts(), result.counts())
    # The interval can be had again from the file alone.
    assert bootstrap_interval(again.counts()).low == result.interval.low
    assert json.loads(path.read_text(encoding="utf-8"))["sentence_counts"]["by_type"]["ORG"] == "2:0/1/1"
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]


def test_a_result_says_how_its_tagger_adapted(corpus: Any, perfect: Any, tmp_path: Path) -> None:
    lexicon = tmp_path / "en-es.tsv"
    lexicon.write_text("the\tel\n", encoding="utf-8")
    how = AdaptationRecord(
        rule="sgd", rate=0.05, steps=1, k=2, vectors="mean-0-centred", source=[DataRecord.of(corpus)],
        lexicons=[FileRecord.of(lexicon)],
    )  # fmt: skip
    result = evaluate(perfect, corpus, adaptation=how)
    result.save(tmp_path / "x.json")
    assert Result.load(tmp_path / "x.json").adaptation == how
    assert how.source[0].checksum == corpus.checksum
    assert (how.lexicons[0].name, len(how.lexicons[0].checksum)) == ("en-es.tsv", 64)
    shown = result_table(result).markdown()
    assert f"adapted: sgd at rate 0.05, 1 step on 2 of tiny ({corpus.checksum[:12]}) translated with en-es" in shown
    with pytest.raises(DataError, match="cannot be read"):
        FileRecord.of(tmp_path / "missing.tsv")
    cheaper = how.model_copy(update={"frozen_blocks": 2, "min_similarity": 0.8})
    assert str(cheaper) == f"{how}, where the nearest has a cosine of 0.8, the lowest 2 blocks left as they are"


def test_results_from_before_that_still_load(corpus: Any, perfect: Any, tmp_path: Path) -> None:
    value = evaluate(perfect, corpus).model_dump(mode="json")
    del value["adaptation"]
    (tmp_path / "old.json").write_text(json.dumps(value), encoding="utf-8")
    assert Result.load(tmp_path / "old.json").adaptation is None


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not a result of salin: the file"), ("{}", "not a result of salin: system"), (None, "no such file")],
)
def test_other_files_are_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        Result.load(path)
    assert str(path) in str(error.value)


def test_unknown_fields_are_refused(corpus: Any, perfect: Any, tmp_path: Path) -> None:
    value = evaluate(perfect, corpus).model_dump(mode="json") | {"f2": 1}
    (tmp_path / "x.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(DataError, match="f2"):
        Result.load(tmp_path / "x.json")


@pytest.mark.parametrize("text", ["0:1/1", "9:1/1/1", "-1:1/1/1", "0:x/1/1"])
def test_damaged_counts_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="counts of a sentence"):
        SentenceCounts(sentences=2, by_type={"PER": text}, spans="").table()
