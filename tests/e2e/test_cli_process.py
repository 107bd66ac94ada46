"""The command as a process: how quickly it answers, what it sends where, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SALIN = [sys.executable, "-m", "salin"]
RULES = [*SALIN, "tag", "--model", "rules:tl"]


def run(*arguments: object, **settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SALIN, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **settings
    )


def test_help_and_version() -> None:
    ran = run("--help")
    assert ran.returncode == 0
    assert all(command in ran.stdout for command in ("tag", "train", "evaluate", "data"))
    assert run("--version").stdout.startswith("salin ")


@pytest.mark.parametrize("command", ["tag", "train", "finetune", "evaluate", "compare", "pretrain", "index", "run"])
def test_every_command_has_help_without_loading_torch(command: str) -> None:
    code = (
        "import sys; sys.argv = ['salin', sys.argv[1], '--help']; from salin.cli import main\n"
        "try: main()\nfinally: print({'torch', 'transformers'} & sys.modules.keys(), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, timeout=60, check=True)
    assert "Usage: salin" in ran.stdout
    assert ran.stderr.strip() == "set()"


def test_help_takes_less_than_a_second_of_the_processor() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_an_unknown_option_is_status_2() -> None:
    ran = run("tag", "--no-such-option")
    assert ran.returncode == 2
    assert "--no-such-option" in ran.stderr


def test_an_error_is_one_line_on_standard_error(tmp_path: Path) -> None:
    ran = run("tag", tmp_path / "missing.txt", "--model", "rules:tl")
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1


def test_a_defect_of_salin_keeps_its_traceback() -> None:
    code = "import salin.cli.app as app\ndef broken(*_, **__): raise ZeroDivisionError\napp.app = broken\napp.main([])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert "ZeroDivisionError" in ran.stderr


def test_it_streams() -> None:
    """What went in comes out while more is still to come."""
    with subprocess.Popen(RULES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.writelines(json.dumps({"text": f"Pumunta si Juan {i}."}) + "\n" for i in range(2_000))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == "Pumunta si Juan 0."
        process.stdin.close()
        assert len(process.stdout.readlines()) == 1_999
    assert process.returncode == 0


@pytest.mark.parametrize("model", ["rules:capitalised", "salin-tiny"])
def test_each_line_of_a_pipe_is_answered_before_the_next_is_written(model: str) -> None:
    """Two programs talk: one waits for the entities of a sentence before it sends the next."""
    command = [*SALIN, "tag", "--model", model, "--to", "jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(5):
            process.stdin.write(json.dumps({"text": f"Ayer Ana Pérez viajó a Madrid {number}."}) + "\n")
            process.stdin.flush()
            answered, _, _ = select.select([process.stdout], [], [], 60)
            assert answered, "nothing came while the pipe stayed open"
            assert json.loads(process.stdout.readline())["text"].endswith(f"Madrid {number}.")
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("sentences", [1, 5_000])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, sentences: int) -> None:
    """As in `salin tag ... | head`, whether the pipe breaks in the middle or when the rest is flushed."""
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "si Juan"}\n' * sentences, encoding="utf-8")
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*RULES, str(lines)], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writing)
    assert ran.stderr == ""
    assert ran.returncode == 1


def test_an_interruption_is_status_130() -> None:
    with subprocess.Popen(RULES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.writelines(b'{"text": "si Juan"}\n' for _ in range(2_000))
        process.stdin.flush()
        process.stdout.readline()  # it is at work now
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert b"Traceback" not in process.stderr.read()
        # So that leaving the block does not flush into a closed pipe.
        process.stdin = None


def test_a_termination_is_status_143_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """As schedulers and containers end programs."""
    command = [*RULES, "--out", str(tmp_path / "out.jsonl")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 60
        while not os.listdir(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert os.listdir(tmp_path) != []  # it has begun to write
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
        assert process.stderr.read() == b""
    assert os.listdir(tmp_path) == []


def test_nothing_is_cut_off_where_a_program_reads() -> None:
    listed = run("data", "list", env={**os.environ, "COLUMNS": "40"}).stdout
    names = [dataset["name"] for dataset in json.loads(run("data", "list", "--json").stdout)]
    assert [line.split()[0] for line in listed.splitlines()[1:]] == names
    assert "Reuters research agreement; local evaluation only" in listed


def test_a_long_note_is_one_line_where_a_program_reads(tmp_path: Path) -> None:
    path = tmp_path / f"{'long-' * 30}name.conll"
    path.write_text("Ana\tB-PER\nva\n", encoding="utf-8")
    ran = run("tag", path, "--model", "rules:tl", "--on-error", "repair")
    assert ran.returncode == 0
    (noted,) = ran.stderr.splitlines()
    assert noted == noted.strip()
    assert noted.startswith(f"{path}: repaired 1")


def test_a_name_that_is_not_utf_8_is_an_error_like_another(tmp_path: Path) -> None:
    missing = os.fsencode(tmp_path) + b"/nosuch\xff.txt"
    ran = subprocess.run([*RULES, missing], capture_output=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert b"nosuch\\udcff.txt: there is no such file" in ran.stderr


def test_a_full_disk_leaves_the_earlier_output(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk that is full halfway."""
    path = tmp_path / "out.jsonl"
    path.write_text("as it was\n", encoding="utf-8")
    lines = "".join('{"text": "si Juan"}\n' for _ in range(5_000))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    ran = run("tag", "--model", "rules:tl", "--out", path, input=lines, preexec_fn=limit)
    assert ran.returncode == 2, ran.stderr
    assert f"{path}: cannot be written: File too large" in ran.stderr
    assert path.read_text("utf-8") == "as it was\n"
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_standard_output_on_a_full_disk(require: Callable[[str, bool], None]) -> None:
    require("/dev/full, which only Linux has", Path("/dev/full").exists())
    with open("/dev/full", "w") as full:
        ran = subprocess.run([*RULES, "--text", "si Juan"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.strip() == "error: standard output: No space left on device"
