"""Answers of chat models on disk, each written the moment it comes, so that a killed run repeats no call.

One SQLite file serves several threads and processes. It holds hashes of questions, the models' answers and the tokens
that these took: no question, no key. Only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path

from salin.errors import DataError
from salin.translation.chat.conversation import Reply

_MARK = 0x73616C6E  # SQLite's application_id, which tells this file from other people's databases
_PATIENCE = 60.0  # seconds that a process waits for another to finish writing an answer
# Files that are older have no such columns, and are given them.
_LATER = ("sent", "received")


class AnswerCache:
    """A file of answers.

    Args:
        path: The file; made where it is missing.

    Raises:
        DataError: When it cannot be opened, is damaged, or is something else.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._lock = threading.Lock()
        with self._refusals():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Made by hand, since SQLite would let everybody read it.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._prepare()

    def find(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The answers that are there, by key."""
        found: dict[str, Reply] = {}
        with self._lock, self._refusals():
            for key in dict.fromkeys(keys):
                row = self._connection.execute(
                    "SELECT text, cut, sent, received FROM answers WHERE key = ?", (key,)
                ).fetchone()
                if row is not None:
                    text, cut, *tokens = row
                    found[key] = Reply(text, cut=bool(cut), tokens=None if None in tokens else (tokens[0], tokens[1]))
        return found

    def keep(self, key: str, reply: Reply) -> None:
        """Writes an answer; it is there for good when this returns, whatever happens to the process."""
        with self._lock, self._refusals():
            self._connection.execute(
                "INSERT OR REPLACE INTO answers (key, text, cut, sent, received) VALUES (?, ?, ?, ?, ?)",
                (key, reply.text, reply.cut, *(reply.tokens or (None, None))),
            )

    def close(self) -> None:
        """Closes the file; what is still asked of it is an error."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        with self._refusals(), closing(self._connection.cursor()) as cursor:
            # With a write-ahead log a reader never waits for a writer. It survives a killed process without syncing;
            # after a power failure the last answers may be gone, the file is whole.
            cursor.execute("PRAGMA synchronous = NORMAL")
            cursor.execute("BEGIN IMMEDIATE")
            mark = cursor.execute("PRAGMA application_id").fetchone()[0]
            empty = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            if mark != _MARK and not empty:
                cursor.execute("ROLLBACK")
                raise DataError("is no cache of answers", path=self.path, remedy="Name another file")
            cursor.execute(f"PRAGMA application_id = {_MARK}")
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS answers "
                "(key TEXT PRIMARY KEY, text TEXT NOT NULL, cut INTEGER NOT NULL) WITHOUT ROWID"
            )
            there = {column[1] for column in cursor.execute("PRAGMA table_info(answers)")}
            for name in _LATER:
                if name not in there:
                    cursor.execute(f"ALTER TABLE answers ADD COLUMN {name} INTEGER")
            cursor.execute("COMMIT")
            cursor.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def _refusals(self) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            remedy = "Delete it, or name another file (cache=PATH), or cache=off"
            raise DataError(f"the cache of answers does not work: {error}", path=self.path, remedy=remedy) from error
        except OSError as error:
            raise DataError(
                f"cannot be written: {error.strerror}", path=self.path, remedy="Name another file"
            ) from error
