"""What all tests share. Nothing here, and no test, downloads anything."""

from __future__ import annotations

import os

# Set before anything is imported that reads them: offline always, and one thread, since tests run side by side with
# others and sums over threads are not bit-identical.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("salin", deadline=None, derandomize=True, max_examples=60, database=None)
settings.load_profile("salin")

ROOT = Path(__file__).resolve().parents[1]


def require(component: str, present: bool) -> None:
    """Skips the test when a component is missing, with that as the reason; fails it where all are required.

    Args:
        component: What is needed and how to get it, such as `"chromium (apt-get install chromium)"`.
        present: Whether it is there.
    """
    if present:
        return
    if os.environ.get("SALIN_REQUIRE_ALL") == "1":
        pytest.fail(f"missing, though SALIN_REQUIRE_ALL=1: {component}", pytrace=False)
    pytest.skip(f"missing: {component}")


@pytest.fixture(name="require", scope="session")
def _require() -> Callable[[str, bool], None]:
    """The function `require`, for tests that look for a component themselves."""
    return require


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora (`SALIN_SHARED_DATA`, or `../shared/data` beside the repository)."""
    folder = Path(os.environ.get("SALIN_SHARED_DATA") or ROOT.parent / "shared" / "data")
    require(f"the shared corpora at {folder} (or set SALIN_SHARED_DATA)", (folder / "ner").is_dir())
    return folder


@pytest.fixture(autouse=True, scope="session")
def _one_torch_thread() -> None:
    """Holds torch to one thread where a test module has imported it; never imports it itself."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a tiny random model of one of `tiny_models.ARCHITECTURES`, made when first asked for."""
    from tiny_models import build_model

    made: dict[str, Path] = {}

    def folder(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = build_model(architecture, tmp_path_factory.mktemp(architecture))
        return made[architecture]

    return folder
