"""Whatever a chat server does, nothing crashes, nothing hangs, and what was lost is counted."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest

from salin.errors import SalinError, SettingError
from salin.translation.chat.pace import retry_after
from salin.translation.opening import open_translator
from salin.translation.translator import Phrases, Translator
from scripted_chat import Asked, Behaviour, ScriptedServer, chat_body, says, send, serving

GOOD = '{"translation": "Ana lives in Lisbon.", "entities": [{"original": "Ana", "translated": "Ana", "label": "PER"}]}'
SENTENCE = "Ana vive en Lisboa."
BOMB = gzip.compress(b" " * (50 << 20))


def slowly(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(400):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def slow_headers(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(400):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.02)


def silent(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    time.sleep(1.5)


def hundred_megabytes(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(100 << 20))
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" " * (1 << 20))


def hundred_megabytes_in_chunks(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")


def cut_in_the_middle(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def cut_at_once(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.close_connection = True


def huge_headers(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    send(handler, 200, chat_body(GOOD), **{f"X_{number}": "x" * 1000 for number in range(500)})


def no_http(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


def compressed(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    send(handler, 200, BOMB, Content_Encoding="gzip")


def body(data: bytes, kind: str = "application/json", status: int = 200) -> Behaviour:
    return lambda handler, asked: send(handler, status, data, kind)


FAULTS: dict[str, tuple[Behaviour, str]] = {
    # what the model says
    "prose": (says("I am sorry, but I cannot translate that."), "no JSON of the form asked for"),
    "broken JSON": (says(GOOD[:50]), "no JSON of the form asked for"),
    "JSON of another form": (says('{"text": "Ana", "translation_": 3}'), "no JSON of the form asked for"),
    "a translation that is no text": (
        says('{"translation": ["Ana"], "entities": []}'),
        "no JSON of the form asked for",
    ),
    "an endless translation": (says('{"translation": "%s", "entities": []}' % ("ha " * 9999)), "far longer"),
    "braces and nothing else": (says("{" * 200_000), "no JSON of the form asked for"),
    "JSON within JSON": (says('{"translation":' * 50_000), "no JSON of the form asked for"),
    "an answer that is cut off": (says(GOOD, "length"), "cut off"),
    "an empty answer": (says(""), "answer without text"),
    "no answer": (says(None), "answer without text"),
    "an answer that is a list": (says([{"type": "text", "text": GOOD}]), "answer without text"),
    # what the server says
    "nothing": (body(b""), "no chat answer"),
    "HTML": (body(b"<html>Welcome to our wifi</html>", "text/html"), "no chat answer"),
    "bytes": (body(bytes(range(256)), "application/octet-stream"), "no chat answer"),
    "lists within lists": (body(b"[" * 500_000), "no chat answer"),
    "no choices": (body(b'{"choices": []}'), "no chat answer"),
    "choices that are none": (body(b'{"choices": [7], "usage": "x"}'), "no chat answer"),
    "compressed": (compressed, "no chat answer"),
    "100 MB": (hundred_megabytes, "larger than max_bytes"),
    "100 MB in chunks": (hundred_megabytes_in_chunks, "larger than max_bytes"),
    "400": (body(b'{"error": {"message": "no"}}', status=400), "HTTP 400"),
    "418": (body(b"", status=418), "HTTP 418"),
    "429": (body(b"", status=429), "HTTP 429"),
    "500": (body(b"oh", "text/plain", 500), "HTTP 500"),
    # what the connection does
    "slow bytes": (slowly, "no answer within the timeout"),
    "slow headers": (slow_headers, "no answer within the timeout"),
    "silence": (silent, "no answer within the timeout"),
    "cut in the middle": (cut_in_the_middle, "connection failed"),
    "cut at once": (cut_at_once, "connection failed"),
    "huge headers": (huge_headers, "connection failed"),
    "no HTTP": (no_http, "connection failed"),
}


def after_one_good_answer(behaviour: Behaviour) -> Behaviour:
    answered: list[bool] = []

    def script(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if not answered:
            answered.append(True)
            says(GOOD)(handler, asked)
        else:
            behaviour(handler, asked)

    return script


def translator(server: ScriptedServer, reason: str = "", **settings: object) -> Translator:
    timeout = 0.4 if "timeout" in reason else 5  # nobody wants to wait longer for what never comes
    return open_translator(server.name(**{"timeout": timeout, "attempts": 2, **settings}))


@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_is_lost_and_counted_and_the_rest_is_not(fault: str) -> None:
    behaviour, reason = FAULTS[fault]
    with serving(after_one_good_answer(behaviour)) as server:
        opened, start = translator(server, reason), time.monotonic()
        first, *others = opened.translate([SENTENCE, "Otra frase.", "Y otra más."])
    assert time.monotonic() - start < 4
    assert first is not None and first.text == "Ana lives in Lisbon."
    assert others == [None, None]
    assert sum(opened.usage.lost.values()) == 2 and all(reason in key for key in opened.usage.lost)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_never_does_anything_else_ends_in_a_count_or_in_a_message(fault: str) -> None:
    behaviour, reason = FAULTS[fault]
    with serving(behaviour) as server:
        opened = translator(server, reason)
        try:
            assert opened.translate([SENTENCE]) == [None]
        except SettingError as error:
            assert "127.0.0.1" in str(error)  # noqa: PT017
        else:
            assert any(reason in key for key in opened.usage.lost)


@pytest.mark.parametrize("fault", ["prose", "JSON of another form", "braces and nothing else", "500", "slow bytes"])
def test_phrases_that_are_not_brought_back_are_counted_one_by_one(fault: str) -> None:
    behaviour, reason = FAULTS[fault]
    with serving(behaviour) as server:
        opened = translator(server, reason)
        assert opened.bring_back([Phrases(SENTENCE, "Ana lives in Lisbon.", ("Ana", "Lisbon"))]) == [(None, None)]
    assert sum(opened.usage.lost.values()) == 2 and all(reason in key for key in opened.usage.lost)


def test_no_more_of_an_answer_is_read_than_allowed() -> None:
    sent: list[int] = []

    def flood(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b" " * (1 << 20))
            sent.append(1)

    with serving(flood) as server:
        assert translator(server).translate([SENTENCE]) == [None]
    # What lies in the system's buffers was sent, too.
    assert len(sent) < 20


def test_a_server_that_fails_now_and_then_loses_nothing() -> None:
    count = iter(range(100))

    def flaky(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        faults = [body(b"", status=500), body(b"", status=503), cut_in_the_middle, says(GOOD)]
        faults[next(count) % 4](handler, asked)

    with serving(flaky) as server:
        opened = translator(server, attempts=8, timeout=5, concurrency=1)
        assert all(opened.translate([SENTENCE, "Otra frase.", "Y otra más."]))
    # A connection that is cut was no answer, so it is no call.
    assert (opened.usage.calls, opened.usage.lost) == (9, {})


def test_retry_after_is_waited_for() -> None:
    moments: list[float] = []

    def busy(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        moments.append(time.monotonic())
        if len(moments) == 1:
            send(handler, 429, Retry_After="1")
        else:
            says(GOOD)(handler, asked)

    with serving(busy) as server:
        assert all(translator(server, timeout=5).translate([SENTENCE]))
    assert moments[1] - moments[0] >= 1


def test_who_is_asked_to_wait_holds_back_the_others_too() -> None:
    moments: list[float] = []

    def busy_once(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        moments.append(time.monotonic())
        if len(moments) == 2:
            send(handler, 429, Retry_After="1")
        else:
            time.sleep(0.01)
            says(GOOD)(handler, asked)

    with serving(busy_once) as server:
        assert all(translator(server, concurrency=2).translate([f"Frase {number}." for number in range(12)]))
    # At most the other one's request was under way.
    assert len([moment for moment in moments[2:] if moment - moments[1] < 0.9]) <= 1


def test_who_is_asked_to_come_back_tomorrow_does_not_wait() -> None:
    with serving(lambda handler, asked: send(handler, 429, Retry_After="86400")) as server:
        opened, start = translator(server), time.monotonic()
        assert opened.translate([SENTENCE]) == [None]
    assert (time.monotonic() - start < 2, len(server.asked)) == (True, 1)


def test_a_server_that_is_gone_ends_the_run_with_a_message() -> None:
    with serving(after_one_good_answer(body(b"", status=503))) as server:
        opened = translator(server, attempts=1)
        with pytest.raises(SettingError, match=r"requests in a row got no answer, .* 503.* in the cache"):
            opened.translate([f"Frase {number}." for number in range(200)])
    assert len(server.asked) < 40


def test_texts_that_are_refused_however_many_do_not_end_the_run() -> None:
    """A filter of contents, say: the server is there, and each text is asked for once."""
    with serving(after_one_good_answer(body(b'{"error": "filtered"}', status=400))) as server:
        opened = translator(server, concurrency=1)
        assert opened.translate([f"Frase {number}." for number in range(50)])[1:] == [None] * 49
    assert opened.usage.lost == {"HTTP 400": 49}
    assert len(server.asked) == 50


def test_a_server_that_refuses_everything_ends_the_run_with_a_message() -> None:
    refusal = body(b'{"error": "no such sampler"}', status=400)
    with serving(refusal) as server, pytest.raises(SettingError, match="the last one HTTP 400"):
        translator(server).translate([f"Frase {number}." for number in range(200)])


def test_an_address_where_nothing_is_ends_the_run_with_a_message() -> None:
    with serving(says(GOOD)) as server:
        pass
    with pytest.raises(SettingError, match="no server answers there"):
        translator(server).translate([SENTENCE] * 5)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_refusal_that_holds_for_all_ends_the_run_at_once(status: int) -> None:
    with serving(body(b"{}", status=status)) as server, pytest.raises(SalinError, match=str(status)):
        translator(server).translate([SENTENCE] * 5)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("1e9", 0, 0),
        ("９", 0, 0),
        ("Mon, 1 Jan 99999 00:00:00 GMT", 0, 0),
        ("9" * 5000, 1, 10**9),
        ("", 0, 0),
    ],
)
def test_retry_after_may_be_a_number_or_nonsense(said: str, least: float, most: float) -> None:
    assert least <= retry_after({"retry-after": said}) <= most


def test_retry_after_may_be_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < retry_after({"retry-after": then}) <= 3600
