"""A key goes where it was meant to go: to one address, out of the environment, into no message, log or file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from salin.errors import SalinError, SettingError
from salin.translation.chat import Endpoint, EndpointSettings
from salin.translation.opening import open_translator
from salin.translation.translator import TOGETHER
from scripted_chat import Asked, says, send, serving

KEY = "sk-not-a-key-0123456789"
GOOD = '{"translation": "Ana lives in Lisbon.", "entities": []}'


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALIN_API_KEY", KEY)


def test_the_key_is_sent_to_the_server_and_stands_in_no_log_and_not_in_the_cache(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with serving(says(GOOD)) as server, caplog.at_level(logging.DEBUG):
        opened = open_translator(server.name(cache=tmp_path / "answers.sqlite"))
        assert opened.translate(["Ana vive en Lisboa."])[0]
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert caplog.records  # httpx and asyncio do log
    assert KEY not in caplog.text and KEY not in repr(vars(opened))
    assert not [path for path in tmp_path.iterdir() if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_repeated_not_even_when_the_server_does(status: int) -> None:
    body = f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()
    with (
        serving(lambda handler, asked: send(handler, status, body)) as server,
        pytest.raises(SettingError, match="it refuses the key in SALIN_API_KEY") as raised,
    ):
        open_translator(server.name()).translate(["Ana vive en Lisboa."])
    assert KEY not in repr(raised.getrepr(showlocals=False))


def test_what_a_server_says_of_an_error_is_shown_on_one_line_without_the_key() -> None:
    body = json.dumps({"error": {"message": f"No model\n\x1b[31m 'm' for\t{KEY} {'x' * 999}"}}).encode()
    with (
        serving(lambda handler, asked: send(handler, 404, body)) as server,
        pytest.raises(SettingError, match=r"answers 404 \(No model \[31m 'm' for \.\.\. x{1,200}\)\. Is its") as raised,
    ):
        open_translator(server.name()).translate(["Ana vive en Lisboa."])
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(says(GOOD)) as elsewhere:

        def redirect(handler: object, asked: Asked) -> None:
            send(handler, status, Location=f"{elsewhere.base}/chat/completions")  # type: ignore[arg-type]

        with serving(redirect) as server, pytest.raises(SettingError, match="does not follow"):
            open_translator(server.name()).translate(["Ana vive en Lisboa."])
    assert elsewhere.asked == []


@pytest.mark.parametrize("key", ["sk-abc\nX-Injected: 1", "sk with spaces", "sk-\u00e9", "sk-\x00"])
def test_a_damaged_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(SettingError, match="characters that no key has") as raised:
        Endpoint("https://api.example.org/v1", EndpointSettings(model="m"), key)
    assert "sk" not in str(raised.value)


def test_a_key_with_a_line_break_at_its_end_is_a_key() -> None:
    Endpoint("https://api.example.org/v1", EndpointSettings(model="m"), KEY + "\n")


@pytest.mark.parametrize("base", ["http://api.example.org/v1", "http://10.0.0.7:8000/v1", "http://127.0.0.1.nip.io/v1"])
def test_a_key_never_travels_unencrypted(base: str) -> None:
    with pytest.raises(SettingError, match="unencrypted"):
        Endpoint(base, EndpointSettings(model="m"), KEY)
    Endpoint(base, EndpointSettings(model="m"))  # without a key it may


@pytest.mark.parametrize(
    ("base", "complaint"),
    [
        (f"https://user:{KEY}@api.example.org/v1", "name or a password"),
        (f"https://{KEY}@api.example.org/v1", "name or a password"),
        ("ftp://api.example.org/v1", "no address of a server"),
        ("127.0.0.1:8000/v1", "no address of a server"),
        ("//x", "no address of a server"),
        ("https://", "no address of a server"),
        ("https://api.example.org/v1#x", "behind #"),
        ("http://[::1", "cannot be read"),
    ],
)
def test_addresses_that_are_none(base: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint) as raised:
        open_translator(f"openai:{base}?model=m&cache=off")
    assert KEY not in str(raised.value)


def test_a_proxy_of_the_environment_does_not_see_what_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says(GOOD)) as proxy, serving(says(GOOD)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base.removesuffix("/v1"))
        assert open_translator(server.name()).translate(["Ana vive en Lisboa."])[0]
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("opnai:http://127.0.0.1/v1?model=m", "did you mean openai:"),
        ("gpt", "names no translator"),
        ("openai:http://127.0.0.1/v1", r"add \?model=NAME"),
        ("openai:http://127.0.0.1/v1?model=", "model"),
        ("openai:http://127.0.0.1/v1?model=m&prompt=official", "did you mean 'prompts'"),
        ("openai:http://127.0.0.1/v1?model=m&prompts=best", "prompts"),
        ("openai:http://127.0.0.1/v1?model=m&concurrency=0", "concurrency"),
        (f"openai:http://127.0.0.1/v1?model=m&concurrency={TOGETHER + 1}", "concurrency"),
        ("openai:http://127.0.0.1/v1?model=m&model=n", "twice"),
        ("openai:http://127.0.0.1/v1?model", "NAME=VALUE"),
        ("transformers:nowhere/at-all?prompts=official&cache=off", "nowhere/at-all"),
        ("transformers:x?concurrency=3", "no setting 'concurrency'"),
    ],
)
def test_names_that_are_wrong_say_what_is(name: str, complaint: str) -> None:
    with pytest.raises(SalinError, match=complaint):
        open_translator(name)
