"""No test skips by itself: `require` of tests/conftest.py does, so that SALIN_REQUIRE_ALL=1 can forbid it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SKIPPING = {"skip", "skipif", "importorskip", "xfail"}


def own_skips(code: str) -> list[int]:
    """The lines of a test file at which it skips other than through `require`."""
    found = []
    for node in ast.walk(ast.parse(code)):
        imported = node.names if isinstance(node, ast.ImportFrom) and node.module == "pytest" else []
        # `pytest.skip`, `pytest.mark.skipif`, and a mark under another name.
        of_pytest = isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] in ("pytest", "mark")
        if (of_pytest and node.attr in SKIPPING) or any(alias.name in SKIPPING for alias in imported):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    "line",
    [
        "pytest.skip('no disk')",
        "pytest.importorskip('onnx')",
        "from pytest import skip",
        "@pytest.mark.skipif(True, reason='')\ndef test(): ...",
        "pytestmark = [pytest.mark.skip]",
        "mark.xfail()",
    ],
)
def test_a_skip_is_found_in_made_up_code(line: str) -> None:
    assert own_skips(f"import pytest\n{line}\n") == [2]


def test_what_only_sounds_like_a_skip_is_none() -> None:
    assert own_skips("read(path, on_error='skip')\nrequire('onnx', False)\nreader.skip(1)  # fmt: skip\n") == []


def test_no_test_skips_but_through_require() -> None:
    files = [path for path in sorted(TESTS.rglob("*.py")) if path != TESTS / "conftest.py"]
    assert len(files) > 100
    assert [f"{path}:{line}" for path in files for line in own_skips(path.read_text("utf-8"))] == []
