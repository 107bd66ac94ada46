"""`salin export`: what it wrote tags and is scored like any tagger, and where it would not, nothing is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="module")
def _with_onnx(require: Callable[[str, bool], None]) -> None:
    for name in ("onnxruntime", "onnx", "onnxscript"):
        require(f"{name} (pip install 'salin[onnx]')", find_spec(name) is not None)


@pytest.fixture(autouse=True, scope="module")
def _traced_once() -> Iterator[None]:
    """Torch takes seconds to trace a network: here one is traced once."""
    import onnx_ir

    from salin.models import export

    real, traced = export.trace, []

    def trace(network) -> onnx_ir.Model:
        if not traced:
            traced.append(onnx_ir.to_proto(real(network)))
        return onnx_ir.from_proto(traced[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "trace", trace)
        yield


@pytest.fixture
def folder(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> Path:
    """An export of the tagger."""
    ran = salin("export", tagger_folder, "--onnx", tmp_path / "export", "--check", corpora.test)
    assert ran.status == 0, ran.errors
    return tmp_path / "export"


def entities(lines: str) -> list[list[tuple[object, ...]]]:
    found = [json.loads(line)["entities"] for line in lines.splitlines()]
    return [[(e["start"], e["end"], e["label"], pytest.approx(e["score"], abs=1e-3)) for e in line] for line in found]


def test_the_report_and_what_is_written(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    ran = salin("export", tagger_folder, "--onnx", tmp_path / "export", "--check", corpora.test)
    assert ran.status == 0, ran.errors
    for line in ("words with the same tag", "100.00% of 68", "sentences with the same entities", "times", "MB"):
        assert line in ran.output
    assert "salin tag --model" in ran.errors
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    shown = salin("info", tmp_path / "export")
    assert "onnxruntime" in shown.output and "dtype fp32" in shown.output


def test_it_tags_and_is_scored_like_the_tagger(salin: Callable, tagger_folder: Path, folder: Path, corpora) -> None:
    ours, theirs = (salin("tag", corpora.test, "--model", model) for model in (folder, tagger_folder))
    assert ours.status == 0, ours.errors
    assert entities(ours.output) == entities(theirs.output)
    assert any(entities(ours.output))
    ours, theirs = (salin("evaluate", corpora.test, "--model", model, "--json") for model in (folder, tagger_folder))
    assert json.loads(ours.output)["micro"] == json.loads(theirs.output)["micro"]


def test_by_default_it_is_checked_on_the_open_corpus(salin: Callable, tagger_folder: Path, tmp_path: Path) -> None:
    ran = salin("export", tagger_folder, "--onnx", tmp_path / "export", "--dtype", "int8", "--min-agreement", "0.8")
    assert ran.status == 0, ran.errors
    assert "of 1,245" in ran.output


def test_below_the_bound_nothing_is_written(
    salin: Callable, tagger_folder: Path, corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx_ir

    def spoil(model: onnx_ir.Model) -> None:
        for value in model.graph.initializers.values():
            if value.dtype == onnx_ir.DataType.FLOAT:
                value.const_value = onnx_ir.tensor(value.const_value.numpy() * 0)

    monkeypatch.setattr("salin.models.quantization.quantize", spoil)
    ran = salin("export", tagger_folder, "--onnx", tmp_path / "export", "--dtype", "int8", "--check", corpora.test)
    assert (ran.status, ran.output) == (2, "")
    assert ran.errors.startswith("error: ")
    for part in ("of 68 words", "at least 99.00%", "--min-agreement", "nothing was written", "--dtype fp32"):
        assert part in ran.errors
    assert list(tmp_path.iterdir()) == []


def test_what_an_export_cannot_do_is_said(salin: Callable, folder: Path, corpora, tmp_path: Path) -> None:
    asked = [
        ("tag", corpora.test, "--model", folder, "--adapt", "--source", corpora.train),
        ("index", "--model", folder, "--source", corpora.train, "--out", tmp_path / "index"),
        ("finetune", "--model", folder, "--target", corpora.train, "--dev", corpora.dev, "--out", tmp_path / "better"),
        ("export", folder, "--onnx", tmp_path / "again"),
    ]
    for arguments in asked:
        ran = salin(*arguments)
        assert (ran.status, ran.output) == (2, ""), arguments
        assert "name the tagger that it was exported from" in ran.errors


def test_what_cannot_be_exported_is_refused_before_the_work(
    salin: Callable, tagger_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused = {
        "rules:tl has no network": salin("export", "rules:tl", "--onnx", tmp_path / "export"),
        "holds something else": salin("export", tagger_folder, "--onnx", tagger_folder),
        "pip install 'salin[onnx]'": salin("export", tagger_folder, "--onnx", tmp_path / "export"),
        "min-agreement": salin("export", tagger_folder, "--onnx", tmp_path / "export", "--min-agreement", "2"),
        "--onnx": salin("export", tagger_folder),
    }
    for complaint, ran in refused.items():
        assert (ran.status, ran.output) == (2, ""), complaint
        assert complaint in ran.errors
    assert list(tmp_path.iterdir()) == []
