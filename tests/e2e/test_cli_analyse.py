"""`salin analyse`: tables for people, JSON for programs, a figure on demand, and one line where something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import svg_files


@pytest.fixture
def tagalog(tmp_path: Path) -> Path:
    """Three sentences in inline markup."""
    text = "Kumain si [Maria Reyes](PER) sa [Cebu](LOC).\nSi [Juan](PER) ang bunso.\nMay aklat ang bata.\n"
    path = tmp_path / "tagalog.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_particles(salin: Callable, tagalog: Path, tmp_path: Path) -> None:
    ran = salin("analyse", "particles", tagalog, "--source", tagalog, "--plot", tmp_path / "shares.svg")
    assert ran.status == 0, ran.errors
    assert "2/2 = 100.0% [34.2, 100.0]" in ran.output
    assert "not in the source: of the words of entities 0/4" in ran.output
    assert "personal: si ni; common: ang ng sa" in ran.errors
    assert len(svg_files.dots(tmp_path / "shares.svg", "personal-0")) == 4
    (found,) = json.loads(salin("analyse", "particles", tagalog, "--language", "ceb", "--json").output)
    assert found["personal"] == ["si", "ni", "kang"] and found["file"] == str(tagalog)
    assert (found["preceded"]["PER"]["personal"]["count"], found["preceded"]["PER"]["personal"]["of"]) == (2, 2)
    assert found["unseen"] is None


def test_dynamics_of_a_finished_tagger(salin: Callable, tagger_folder: Path, tmp_path: Path) -> None:
    ran = salin("analyse", "dynamics", tagger_folder, "--plot", tmp_path / "curves.svg")
    assert ran.status == 0, ran.errors
    assert "t90" in ran.output and "settled" in ran.output
    assert "LOC" in ran.output, "F1 of each type"
    assert len(svg_files.dots(tmp_path / "curves.svg", "f1-LOC-0")) == 1
    found = json.loads(salin("analyse", "dynamics", tagger_folder, "--json").output)
    assert found["runs"][0]["convergence"]["training loss"]["records"] == 4
    assert (found["against"], found["differences"]) == ([], {})


def test_dynamics_of_two_groups(salin: Callable, tmp_path: Path) -> None:
    for number, losses in enumerate([(9, 1, 1, 0.9), (9, 1, 0.9, 0.5), (9, 5, 4, 1), (9, 5, 1.6, 1)]):
        records = [{"step": 100 * (1 + place), "loss": loss} for place, loss in enumerate(losses)]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / f"run{number}").mkdir()
        (tmp_path / f"run{number}" / "log.jsonl").write_text(lines, encoding="utf-8")
    first, second = ([tmp_path / f"run{number}" for number in pair] for pair in ((0, 1), (2, 3)))
    groups = [*first, "--against", second[0], "--against", second[1]]
    found = json.loads(salin("analyse", "dynamics", *groups, "--json").output)
    t90, mean_loss, _ = found["differences"]["training loss"]
    assert (t90["first"], t90["second"], t90["difference"]) == (200, 350, -150)
    assert t90["resolution"] == [-250, -50]
    assert mean_loss["difference"] < 0 and mean_loss["interval"][0] < mean_loss["interval"][1]
    ran = salin("analyse", "dynamics", *groups, "--paired")
    assert ran.status == 0, ran.errors
    assert "[-250, -50]" in ran.output


def test_dynamics_of_episodes_tell_supports_from_queries(salin: Callable, tmp_path: Path) -> None:
    records = [
        {"step": step, "loss": 3.0, "episodes_accuracy": 0.1, "episodes_support_accuracy": fitted}
        for step, fitted in ((10, 0.2), (80, 0.3), (95, 0.8), (100, 0.9))
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    ran = salin("analyse", "dynamics", log)
    assert ran.status == 0, ran.errors
    (row,) = (line for line in ran.output.splitlines() if "episodes, supports" in line)
    assert "20.0 at 10" in row and "85.0 from 90 on" in row


def test_prototypes_of_two_taggers(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    ran = salin("analyse", "prototypes", tagger_folder, tagger_folder, "--plot", tmp_path / "words.svg")
    assert ran.status == 0, ran.errors
    assert "Malapit" in ran.output and "feed-forward output" in ran.output
    assert len(svg_files.dots(tmp_path / "words.svg", "difference-PER")) == 11
    arguments = ["--corpus", corpora.test, "--json"]
    found = json.loads(salin("analyse", "prototypes", tagger_folder, tagger_folder, *arguments).output)
    assert set(found["mean_differences"]) == {"O", "PER", "LOC", "ORG"}
    assert {difference for word in found["words"] for difference in word["difference"].values()} == {0}
    assert sum(word["entity"] for word in found["frequent"]) == 10


def test_models_without_tags_have_ranks_alone(salin: Callable, model_folder: Callable[[str], Path]) -> None:
    ran = salin("analyse", "prototypes", model_folder("llama"), "--json")
    assert ran.status == 0, ran.errors
    assert "no tagger" in ran.errors
    assert set(json.loads(ran.output)) == {"models", "ranks"}
    assert "effective rank" in salin("analyse", "prototypes", model_folder("llama")).output


def test_what_is_wrong_is_said_in_one_line(
    salin: Callable, tagalog: Path, corpora, model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    bare = tmp_path / "bare.txt"
    bare.write_text("Walang pangalan dito.\n", encoding="utf-8")
    refused = {
        "no particles are known of 'sw', only of tl, ceb": salin("analyse", "particles", tagalog, "--language", "sw"),
        "bare.txt: holds no entities": salin("analyse", "particles", bare),
        "a figure is a file in .svg, .png, .pdf": salin("analyse", "particles", tagalog, "--plot", tmp_path / "x.gif"),
        "holds no log.jsonl of a run": salin("analyse", "dynamics", tmp_path),
        "give --against too": salin("analyse", "dynamics", tmp_path, "--paired"),
        "no such folder": salin("analyse", "prototypes", "salin-tinny"),
        "no salin tagger": salin("analyse", "prototypes", model_folder("bert"), "--corpus", corpora.test),
    }
    for complaint, ran in refused.items():
        assert (ran.status, ran.output) == (2, ""), complaint
        assert ran.errors.splitlines()[-1].startswith("error: ") and complaint in ran.errors


def test_what_needs_no_model_loads_no_tensors(tagalog: Path) -> None:
    code = (
        "import sys\nfrom salin.cli import main\n"
        f"try: main(['analyse', 'particles', {str(tagalog)!r}])\n"
        "finally: print({'torch', 'transformers'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "set()"
