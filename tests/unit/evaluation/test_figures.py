"""All figures are whole or absent, the same everywhere, and refused early."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pytest

import svg_files
from salin.errors import DataError, SettingError
from salin.evaluation.figures import check_figure, new_figure

SUFFIXES = (".svg", ".png", ".pdf")


def draw(file: Path) -> bytes:
    with new_figure(file, 3, 2) as figure:
        panel = figure.subplots()
        panel.plot([1, 2], [3, 4], "o")
        panel.set_title("from $5 to $6")
    return file.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_is_the_same_bytes_each_time_and_whatever_the_user_has_configured(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = draw(tmp_path / f"first{suffix}")
    monkeypatch.setitem(mpl.rcParams, "font.size", 30.0)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert draw(tmp_path / f"second{suffix}") == first
    assert b"Date" not in first and b"dc:date" not in first
    assert mpl.rcParams["font.size"] == 30.0, "the user's own settings are as they were"


def test_the_suffix_says_what_is_written(tmp_path: Path) -> None:
    beginnings = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF", ".PNG": b"\x89PNG"}
    for suffix, beginning in beginnings.items():
        assert draw(tmp_path / f"figure{suffix}").startswith(beginning)


def test_text_stays_text_and_dollars_are_dollars(tmp_path: Path) -> None:
    draw(tmp_path / "figure.svg")
    assert "from $5 to $6" in svg_files.texts(tmp_path / "figure.svg")


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "svg", "figure.svg.gz"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=r"\.svg, \.png, \.pdf"):
        check_figure(name)


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SettingError, match=r"pip install 'salin\[plots\]'"):
        check_figure("figure.svg")
    with pytest.raises(SettingError, match="matplotlib"):
        draw(tmp_path / "figure.svg")


def test_what_fails_leaves_the_earlier_figure(tmp_path: Path) -> None:
    file = tmp_path / "figure.svg"
    before = draw(file)

    def fail() -> None:
        with new_figure(file, 3, 2) as figure:
            figure.subplots()
            raise RuntimeError("half drawn")

    with pytest.raises(RuntimeError, match="half drawn"):
        fail()
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["figure.svg"]
    with pytest.raises(DataError, match="cannot be written"):
        draw(file / "inside.svg")
