"""The chat road from end to end through a real server with OpenAI's API: transformers' own, with a tiny model."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import httpx
import pytest

from salin.cli import main
from salin.translation.opening import open_translator
from salin.translation.translator import Candidate, Phrases, Translation
from tiny_chat import ANSWER, build_chat_model

pytestmark = pytest.mark.slow  # the server takes its time to start
_NEEDED = ("fastapi", "uvicorn", "openai")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, bool], None]
) -> Generator[tuple[str, str]]:
    """The address of the server, and its name for the model."""
    there = all(importlib.util.find_spec(name) is not None for name in _NEEDED)
    require("transformers' server (pip install 'transformers[serving]')", there)
    folder = build_chat_model(tmp_path_factory.mktemp("chat") / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"], stdout=output, stderr=output
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.kill()
        process.wait(30)


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(address, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"no answer within three minutes: {log.read_text()}")


def test_both_ways_of_asking_through_a_real_server(server: tuple[str, str], tmp_path: Path) -> None:
    base, model = server
    sentence, english = "Llueve en Lisboa.", "It rains in Lisbon."
    name = f"openai:{base}?model={model}&cache={tmp_path / 'answers.sqlite'}"

    default = open_translator(name, language="es")
    assert default.translate([sentence]) == [Translation(english, (Candidate("Lisboa", "Lisbon", "LOC"),))]
    assert default.bring_back([Phrases(sentence, english, ("Lisbon",))]) == [("Lisboa",)]
    assert (default.usage.calls, default.usage.completion_tokens, default.usage.lost) == (2, 4, {})
    assert default.usage.prompt_tokens > 1000  # bytes

    again = open_translator(name, language="es")
    again.translate([sentence])
    assert (again.usage.calls, again.usage.cached) == (0, 1)

    official = open_translator(f"{name}&prompts=official", language="es")
    assert official.translate([sentence]) == [Translation(ANSWER)]
    official.bring_back([Phrases(sentence, english, ("Lisbon", "rains"))])
    assert official.usage.calls == 3 + 3 * 2


def test_the_command_through_a_real_server(
    server: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"openai:{server[0]}?model={server[1]}&cache={tmp_path / 'answers.sqlite'}"
    out = tmp_path / "tagged.jsonl"
    with pytest.raises(SystemExit) as ended:
        main(["translate", "--with", name, "--text", "Llueve en Lisboa.", "--language", "es", "--out", str(out)])
    assert ended.value.code == 0
    tagged = json.loads(out.read_text(encoding="utf-8"))
    assert [(entity["text"], entity["label"]) for entity in tagged["entities"]] == [("Lisboa", "LOC")]
    assert "1 calls" in capsys.readouterr().err
