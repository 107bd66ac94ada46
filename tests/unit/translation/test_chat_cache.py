"""No call is repeated: not in a run, not in the next, not after a kill; and the file of answers is nobody else's."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from salin.cli.translate import usage_in_words
from salin.errors import DataError
from salin.translation.chat import AnswerCache, Reply
from salin.translation.opening import open_translator
from salin.translation.translator import Translation, Usage
from scripted_chat import Asked, chat_body, says, send, serving

GOOD = '{"translation": "It rains.", "entities": []}'
SENTENCES = ["Llueve.", "Llueve mucho.", "Llueve."]


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    with serving(says(GOOD)) as server:
        name = server.name(cache=tmp_path / "answers.sqlite")
        first, second = open_translator(name), open_translator(name)
        assert first.translate(SENTENCES) == second.translate(SENTENCES) == [Translation("It rains.")] * 3
    assert (first.usage.calls, first.usage.cached) == (2, 1)  # one sentence stands there twice
    assert (second.usage.calls, second.usage.cached) == (0, 3)


def test_what_answers_took_is_kept_with_them(tmp_path: Path) -> None:
    """The scripted server counts 11 tokens sent and 7 received in every call."""
    with serving(says(GOOD)) as server:
        name = server.name(cache=tmp_path / "answers.sqlite")
        stopped, resumed, last = (open_translator(name) for _ in range(3))
        stopped.translate(SENTENCES)
        assert spent(stopped.usage) == ((22, 14), (0, 0)), "the third is one of its own"
        stopped.translate(SENTENCES)
        assert spent(stopped.usage) == ((22, 14), (0, 0)), "as are those of the first time"
        for _ in range(2):  # however often they are used, they were paid for once
            resumed.translate([*SENTENCES, "Nieva."])
            assert spent(resumed.usage) == ((11, 7), (22, 14))
        last.translate(["Nieva.", *SENTENCES])
    assert spent(last.usage) == ((0, 0), (33, 21)), "in all as much as one run would have taken"
    assert last.usage.uncounted == last.usage.price == 0
    assert "4 answers from the cache (33 tokens in, 21 out, then)" in usage_in_words("it", last.usage)


def spent(usage: Usage) -> tuple[tuple[int, int], tuple[int, int]]:
    """Tokens now, and when what the cache had was asked for."""
    then = usage.cached_prompt_tokens, usage.cached_completion_tokens
    return (usage.prompt_tokens, usage.completion_tokens), then


def test_where_a_server_counts_nothing_nobody_knows(tmp_path: Path) -> None:
    body = json.loads(chat_body(GOOD))
    del body["usage"]
    with serving(lambda handler, asked: send(handler, 200, json.dumps(body).encode())) as server:
        name = server.name(cache=tmp_path / "answers.sqlite")
        first, second = open_translator(name), open_translator(name)
        assert first.translate(SENTENCES) == second.translate(SENTENCES)
    assert spent(second.usage) == ((0, 0), (0, 0))
    assert (first.usage.uncounted, second.usage.uncounted) == (0, 2)
    assert "3 answers from the cache (of 2 no tokens are known)" in usage_in_words("it", second.usage)


def test_a_file_of_an_older_salin_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with serving(says(GOOD)) as server:
        name = server.name(cache=path)
        open_translator(name).translate(SENTENCES[:1])
        make_older(path)
        after = open_translator(name)
        assert after.translate(SENTENCES) == [Translation("It rains.")] * 3
        assert (after.usage.calls, after.usage.cached, after.usage.uncounted) == (1, 2, 1)
        again = open_translator(name)
        again.translate(SENTENCES)
    assert (again.usage.calls, again.usage.uncounted) == (0, 1)
    assert spent(again.usage) == ((0, 0), (11, 7)), "of the answer that came later"


def make_older(path: Path) -> None:
    """Leaves of a file of answers what there was before tokens stood with them."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT key, text, cut FROM answers").fetchall()
        connection.execute("DROP TABLE answers")
        connection.execute(
            "CREATE TABLE answers (key TEXT PRIMARY KEY, text TEXT NOT NULL, cut INTEGER NOT NULL) WITHOUT ROWID"
        )
        connection.executemany("INSERT INTO answers VALUES (?, ?, ?)", rows)
        connection.commit()


@pytest.mark.parametrize(
    "other",
    [{"model": "another"}, {"max_tokens": 99}, {"prompts": "official"}, {"labels": ("LOC",)}, {"language": "es"}],
)
def test_another_question_or_another_model_is_another_answer(tmp_path: Path, other: dict[str, object]) -> None:
    asking = {key: other.pop(key) for key in ("labels", "language") if key in other}
    with serving(says(GOOD)) as server:
        cache = tmp_path / "answers.sqlite"
        open_translator(server.name(cache=cache)).translate(SENTENCES[:1])
        changed = open_translator(server.name(cache=cache, **other), **asking)  # type: ignore[arg-type]
        changed.translate(SENTENCES[:1])
    assert changed.usage.cached == 0 and changed.usage.calls > 0


def test_how_fast_it_is_asked_changes_no_answer(tmp_path: Path) -> None:
    with serving(says(GOOD)) as server:
        cache = tmp_path / "answers.sqlite"
        open_translator(server.name(cache=cache)).translate(SENTENCES)
        faster = open_translator(server.name(cache=cache, concurrency=2, attempts=9, timeout=3))
        faster.translate(SENTENCES)
    assert (faster.usage.calls, faster.usage.cached) == (0, 3)


def test_what_was_lost_on_the_way_is_asked_again(tmp_path: Path) -> None:
    with serving(lambda handler, asked: send(handler, 500)) as server:
        broken = open_translator(server.name(cache=tmp_path / "answers.sqlite", attempts=1))
        assert broken.translate(SENTENCES[:2]) == [None, None]
        assert broken.translate(SENTENCES[:2]) == [None, None]
    assert len(server.asked) == 4


def test_off_keeps_nothing_and_the_usual_place_is_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(says(GOOD)) as server:
        open_translator(server.name(cache="off")).translate(SENTENCES)
        assert not list(tmp_path.iterdir())
        open_translator(server.name(cache="")).translate(SENTENCES)
    path = tmp_path / "salin" / "answers.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sentences_stand_in_the_cache_as_hashes_alone(tmp_path: Path) -> None:
    with serving(says(GOOD)) as server:
        open_translator(server.name(cache=tmp_path / "answers.sqlite")).translate(["Llueve a cántaros."])
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"It rains." in stored and b"Llueve" not in stored


@pytest.mark.parametrize("content", [b"no database at all, " * 100, b"SQLite format 3\x00" * 200])
def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"answers.sqlite: the cache of answers does not work.* cache=off"):
        AnswerCache(path)
    assert path.read_bytes() == content


def test_a_database_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mail.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mail (text TEXT)")
    before = path.read_bytes()
    with pytest.raises(DataError, match="is no cache of answers"):
        AnswerCache(path)
    assert path.read_bytes() == before


def test_a_folder_is_no_file_of_answers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        AnswerCache(tmp_path)


def _processes(count: int, code: str, *arguments: object) -> list[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return [subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE) for number in range(count)]


_WRITER = """
import sys
from salin.translation.chat.cache import AnswerCache
from salin.translation.chat.conversation import Reply
path, name = sys.argv[1:]
cache = AnswerCache(path)
for number in range(100):
    cache.keep(f"{name}-{number}", Reply(f"{name} {number}"))
    cache.keep("all", Reply(name))
"""


@pytest.mark.parametrize("older", [False, True])
def test_processes_share_the_file_also_while_it_is_made(tmp_path: Path, older: bool) -> None:
    path = tmp_path / "answers.sqlite"
    if older:
        AnswerCache(path).close()
        make_older(path)
    writers = _processes(4, _WRITER, path)
    assert [writer.wait(60) for writer in writers] == [0] * 4
    keys = [f"{name}-{number}" for name in range(4) for number in range(100)]
    assert AnswerCache(path).find(keys) == {key: Reply(key.replace("-", " ")) for key in keys}


_RUN = """
import sys
from salin.translation.opening import open_translator
from salin.translation.translator import Phrases
translator = open_translator(sys.argv[1])
sentences = [f"Frase {number}." for number in range(20)]
for start in range(0, 20, 5):
    batch = sentences[start : start + 5]
    translations = translator.translate(batch)
    assert all(translations)
    back = translator.bring_back([Phrases(s, t.text, ("Ana", "Lisbon")) for s, t in zip(batch, translations)])
print(translator.usage.calls, translator.usage.cached)
"""


@pytest.mark.parametrize(
    ("prompts", "calls", "shares"), [("default", 20 * 2, (0.2, 0.5)), ("official", 20 * (3 + 3 * 2), (0.5,))]
)
def test_after_a_kill_no_answered_call_is_repeated(
    tmp_path: Path, prompts: str, calls: int, shares: tuple[float, ...]
) -> None:
    sent: Counter[str] = Counter()

    def slow(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        time.sleep(0.005)
        answer = GOOD if "entities" in asked.form else '{"phrases": []}' if asked.form else "It rains."
        send(handler, 200, chat_body(answer))
        sent[repr(asked.messages)] += 1

    with serving(slow) as server:
        name = server.name(cache=tmp_path / "answers.sqlite", prompts=prompts, concurrency=4, timeout=60)
        for share in shares:
            (run,) = _processes(1, f"import sys; sys.argv.pop()\n{_RUN}", name)
            _wait_until(lambda share=share: sum(sent.values()) > share * calls, run)
            run.send_signal(signal.SIGKILL)
            run.wait(10)
        (run,) = _processes(1, f"import sys; sys.argv.pop()\n{_RUN}", name)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    made, cached = map(int, output.split())
    assert made + cached == len(sent) == calls
    # A call that was under way when the process died has no answer that anybody saw; at most four were each time.
    assert sum(sent.values()) - calls <= 4 * len(shares)
    assert made <= calls - max(shares) * calls + 4 * len(shares)


def _wait_until(condition: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert run.poll() is None and time.monotonic() < end
        time.sleep(0.005)
