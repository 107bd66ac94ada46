"""The command line: one thin file a command, and beside them what several commands share.

It turns arguments into calls, and what comes back into tables for people, or JSON and lines for programs. It
deliberately knows how nothing works; whatever a command does can be done from Python too.
"""

from __future__ import annotations

from salin.cli.app import main

__all__ = ["main"]
