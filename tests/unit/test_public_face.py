"""`import salin`: quick, complete, and nothing but what it says."""

from __future__ import annotations

import subprocess
import sys

import pytest

import salin


def test_importing_it_loads_next_to_nothing() -> None:
    code = "import sys, salin; print(*sorted({'torch', 'transformers', 'numpy', 'pydantic'} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", salin.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(salin, name) is not None
    assert name in dir(salin)


def test_the_same_name_is_the_same_thing() -> None:
    from salin.corpus import read
    from salin.evaluation import evaluate

    assert salin.read is read
    assert salin.evaluate is evaluate


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'taggr'"):
        _ = salin.taggr
