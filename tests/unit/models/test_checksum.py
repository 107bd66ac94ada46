"""The checksum of a model folder follows what the model does, not what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from salin.models.checksum import folder_checksum


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "salin.json", "model.safetensors", "README.md"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_where_a_model_lies_and_its_card_do_not_matter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = folder_checksum(folder)
    (folder / "README.md").write_text("another card")
    moved = folder.rename(tmp_path_factory.mktemp("models") / "moved")
    assert folder_checksum(moved) == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt", "model.onnx", "chat_template.jinja"])
def test_every_file_that_is_loaded_matters(folder: Path, name: str) -> None:
    before = folder_checksum(folder)
    (folder / name).write_text("changed")
    assert folder_checksum(folder) != before
