"""A chat server on loopback that says what a test has written for it, and notes all that it is asked."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_FENCE = re.compile(r"<(TEXT-[0-9a-f]{16})>\n(.*?)\n</\1>", re.DOTALL)


@dataclass
class Asked:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, str]]:
        return self.body["messages"]

    @property
    def fenced(self) -> list[str]:
        """What stands between fences in the whole conversation, in order."""
        return [text for message in self.messages for _, text in _FENCE.findall(message["content"])]

    @property
    def form(self) -> set[str]:
        """The fields of the answer that its schema asks for; none without a schema."""
        form = self.body.get("response_format")
        return set(form["json_schema"]["schema"]["required"]) if form else set()


#: Writes the answer to one request, over the handler's socket.
Behaviour = Callable[[BaseHTTPRequestHandler, Asked], None]


@dataclass
class ScriptedServer:
    """A server, its address and its notes.

    Attributes:
        base: Its address, up to `/v1`.
        asked: What it was asked, in the order of arrival.
    """

    base: str
    asked: list[Asked] = field(default_factory=list)

    def name(self, **settings: object) -> str:
        """The translator's name, with small timeouts and no cache unless said otherwise."""
        usual = {"model": "scripted", "cache": "off", "backoff": 0.001, "timeout": 5, "read_timeout": 2}
        query = "&".join(f"{key}={value}" for key, value in {**usual, **settings}.items())
        return f"openai:{self.base}?{query}"


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Generator[ScriptedServer]:
    """Runs a server in threads of its own until the block ends."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(self.rfile.read(size)))
            with lock:
                served.asked.append(asked)
            with contextlib.suppress(ConnectionError):
                behaviour(self, asked)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    served = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", kind: str = "application/json", **headers: str
) -> None:
    """Answers with a body; underscores in the names of headers are hyphens."""
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def chat_body(content: Any, finish: str = "stop") -> bytes:
    """The body of an answer that says `content`."""
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def says(content: Any, finish: str = "stop") -> Behaviour:
    """Says the same to everything."""
    return lambda handler, asked: send(handler, 200, chat_body(content, finish))


@dataclass(frozen=True)
class Known:
    """A sentence that the perfect translator knows."""

    original: str
    english: str
    #: `(original, translated, label)`, in the order of the translation.
    entities: tuple[tuple[str, str, str], ...]


def perfect(known: tuple[Known, ...], *, names_entities: bool = True) -> Behaviour:
    """A translator that makes no mistake, in both ways of asking.

    Args:
        known: Its sentences.
        names_entities: Whether it names entities while it translates, where it is asked to.
    """
    by_original = {one.original: one for one in known}

    def answer(asked: Asked) -> str:
        if asked.form == {"translation", "entities"}:
            one = by_original[asked.fenced[0]]
            named = one.entities if names_entities else ()
            entities = [dict(zip(("original", "translated", "label"), entity, strict=True)) for entity in named]
            return json.dumps({"translation": one.english, "entities": entities})
        if asked.form == {"phrases"}:
            one = by_original[asked.fenced[0]]
            lines = [re.match(r"(\d+)\. (.*)", line) for line in asked.fenced[2].splitlines()]
            phrases = [(int(line[1]), json.loads(line[2])) for line in lines if line]
            found = [{"number": number, "original": back(one, phrase)} for number, phrase in phrases]
            return json.dumps({"phrases": found})
        turn = sum(message["role"] == "user" for message in asked.messages)
        if len(asked.fenced) == 2:  # a phrase and its sentence
            phrase, sentence = asked.fenced
            return back(by_original[sentence], phrase) or "nothing" if turn == 3 else "Let us see."
        # The user spoke once before the first question.
        return by_original[asked.fenced[0]].english if turn == 4 else "I see."

    def back(one: Known, phrase: str) -> str | None:
        return next((original for original, translated, _ in one.entities if translated == phrase), None)

    return lambda handler, asked: send(handler, 200, chat_body(answer(asked)))
