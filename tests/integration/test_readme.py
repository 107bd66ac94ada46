"""The README's Python example and command line run as they stand, on small files of the names that they use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import salin

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    salin.write(salin.load_open_corpus("en", "train")[:80], tmp_path / "eng.train", "conll")
    salin.write(salin.load_open_corpus("es", "test")[:20], tmp_path / "esp.testb", "conll")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_python() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    lines = example.strip().splitlines()
    found: dict[str, object] = {}
    exec("\n".join([*lines[:-1], f"result = {lines[-1]}"]), found)
    result = found["result"]
    assert isinstance(result, salin.evaluation.result.Result)
    assert 0 < result.micro.f1 <= 1


def test_command_line(folder: Path) -> None:
    commands = [line[2:] for line in README.splitlines() if line.startswith(("$ echo", "$ salin"))]
    assert len(commands) >= 2
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in commands:
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, cwd=folder, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
