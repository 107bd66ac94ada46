"""Any server with OpenAI's chat API: several requests at once, tried again when they fail, none for ever.

The key goes to the address that was named and nowhere else: redirects are not followed, and no message holds it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx

from salin.errors import SalinError, SettingError
from salin.translation.chat.address import check_address, check_key, is_loopback
from salin.translation.chat.conversation import Reply, Request
from salin.translation.chat.dialect import Dialect
from salin.translation.chat.pace import Pace, pause, retry_after
from salin.translation.chat.settings import EndpointSettings
from salin.translation.chat.wire import Answer, Oversized, post, read_refusal, read_reply
from salin.translation.translator import Usage

OVERSIZED = "answer larger than max_bytes"
TIMED_OUT = "no answer within the timeout"
CONNECTION = "connection failed"
_TRY_AGAIN = {408, 409, 425, 429}
# Of the request and of nothing else, where others have been answered.
_REFUSED = {f"HTTP {status}" for status in range(400, 500) if status not in _TRY_AGAIN}
# So many requests in a row without any answer, each with all its attempts, and the server is taken for gone.
_PATIENCE = 20


class Endpoint:
    """A chat model behind an address.

    Args:
        base: The address, up to what stands before `/chat/completions`.
        settings: How it is asked.
        key: Its key, from the environment; empty where it needs none.

    Attributes:
        identity: The address and the model.
        usage: What it has cost so far.

    Raises:
        SettingError: When the address is wrong, or the key cannot be sent there.
    """

    def __init__(self, base: str, settings: EndpointSettings, key: str = ""):
        self._base = check_address(base)
        self._url = self._base.copy_with(path=f"{self._base.path.rstrip('/')}/chat/completions")
        self._key = check_key(key, self._base)
        self._settings = settings
        self.identity = f"openai {self._base} {settings.model}"
        self.usage = Usage(input_price=settings.input_price, output_price=settings.output_price)
        self._dialect, self._pace = Dialect(settings.model), Pace(settings.requests_per_minute)
        self._answers, self._failures, self._trouble = 0, 0, ""
        self._one_at_a_time = threading.Lock()

    def ask(self, requests: Sequence[Request], answered: Callable[[int, Reply], None]) -> None:
        """Asks at most `concurrency` at a time.

        Args:
            requests: Independent calls.
            answered: Called with the number of a request as soon as there is a reply, once for each.

        Raises:
            SettingError: When no call can succeed: no server answers, or it refuses the key, the model or the address.
        """
        with self._one_at_a_time:
            _run(self._ask_all(requests, answered))

    async def _ask_all(self, requests: Sequence[Request], answered: Callable[[int, Reply], None]) -> None:
        queue = iter(enumerate(requests))

        async def work() -> None:
            for number, request in queue:
                answered(number, await self._ask(client, request))

        async with self._client() as client:
            if not self._answers:
                # What the server does not know is found out by one request, not by all that are under way.
                number, request = next(queue)
                answered(number, await self._ask(client, request))
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._settings.concurrency, len(requests))):
                        group.create_task(work())
            except BaseExceptionGroup as errors:
                raise _first(errors) from None

    def _client(self) -> httpx.AsyncClient:
        # Compressed answers are not asked for: a few bytes could stand for gigabytes.
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        settings = self._settings
        timeout = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None)
        limits = httpx.Limits(max_connections=settings.concurrency)
        # No proxy stands between a machine and itself, whatever the environment says.
        environment = not is_loopback(self._base)
        return httpx.AsyncClient(
            headers=headers, timeout=timeout, limits=limits, follow_redirects=False, trust_env=environment
        )

    async def _ask(self, client: httpx.AsyncClient, request: Request) -> Reply:
        await self._pace.turn()
        try:
            async with asyncio.timeout(self._settings.timeout):
                reply = await self._attempts(client, request)
        except TimeoutError:
            reply = Reply(None, TIMED_OUT)
        self._judge(reply)
        return reply

    async def _attempts(self, client: httpx.AsyncClient, request: Request) -> Reply:
        settings, reason = self._settings, CONNECTION
        for attempt in range(1, settings.attempts + 1):
            outcome = await self._send(client, request)
            if isinstance(outcome, Reply):
                return outcome
            reason, asked = outcome
            wait = max(pause(attempt, settings.backoff), asked)
            if wait >= settings.timeout:
                break
            if asked:
                self._pace.hold(asked)
            if attempt < settings.attempts:
                await asyncio.sleep(wait)
                await self._pace.turn()
        return Reply(None, reason)

    async def _send(self, client: httpx.AsyncClient, request: Request) -> Reply | tuple[str, float]:
        """A reply that settles it, or why another attempt is due and how many seconds the server asks to wait."""
        without = self._dialect.without
        while True:
            body = self._dialect.body(request, without)
            try:
                answer = await post(client, self._url, body, self._settings.max_bytes)
            except Oversized:
                self.usage.calls += 1
                return Reply(None, OVERSIZED)
            except httpx.TimeoutException:
                self._trouble = ""
                return TIMED_OUT, 0.0
            except httpx.TransportError as error:
                self._trouble = f" ({str(error)[:200] or type(error).__name__})"
                return CONNECTION, 0.0
            self.usage.calls += 1
            if answer.status == 200:
                self._dialect.accepted(request, without)
                return read_reply(answer.body, self.usage)
            reason, self._trouble = f"HTTP {answer.status}", self._said(answer)
            if answer.status in _TRY_AGAIN or answer.status >= 500:
                return reason, retry_after(answer.headers)
            less = None
            if answer.status in (400, 422):
                less = self._dialect.less(request, without, answer.body)
            if less is None:
                self._refused(answer)
                return Reply(None, reason)
            without = less

    def _refused(self, answer: Answer) -> None:
        """Raises where what the server refuses is not this request but all of them."""
        where, status = f"{self._base.host}: the server answers {answer.status}", answer.status
        if status in (401, 403):
            how = "it refuses the key in SALIN_API_KEY" if self._key else "it wants a key: set SALIN_API_KEY"
            raise SettingError(f"{where}: {how}")
        if self._answers or status in (400, 413, 422):
            return
        if 300 <= status < 400:
            raise SettingError(f"{where}: it sends elsewhere, and salin does not follow. Name the address itself")
        raise SettingError(
            f"{where}{self._trouble}. Is its address right up to /v1, and does it have {self._settings.model!r}?"
        )

    def _said(self, answer: Answer) -> str:
        """What a server says about an error, for people: on one line, and never the key."""
        text = read_refusal(answer.body)
        return f" ({text.replace(self._key, '...') if self._key else text})" if text else ""

    def _judge(self, reply: Reply) -> None:
        """Gives up where the server is gone, rather than wait for each sentence of a large text.

        Raises:
            SettingError: When it never was there, or has not answered for long.
        """
        if reply.lost not in (CONNECTION, TIMED_OUT) and not reply.lost.startswith("HTTP"):
            # It is there, whatever it says.
            self._answers, self._failures = self._answers + 1, 0
            return
        if self._answers and reply.lost in _REFUSED:
            # This text is refused, by a filter of contents for example; one that refuses is there.
            self._failures = 0
            return
        self._failures += 1
        if reply.lost == CONNECTION and not self._answers:
            raise SettingError(f"{self._base}: no server answers there{self._trouble}. Start it, or name another")
        if self._failures >= _PATIENCE:
            raise SettingError(
                f"{self._base}: {self._failures} requests in a row got no answer, the last one {reply.lost}"
                f"{self._trouble}. What was answered is in the cache: run the same again when the server is well"
            )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that stopped the others, out of the groups around it; a user's mistake before anything else."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        group = isinstance(error, BaseExceptionGroup)
        flat.append(_first(cast("BaseExceptionGroup[BaseException]", error)) if group else error)
    return next((error for error in flat if isinstance(error, SalinError)), flat[0])


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Runs to the end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
