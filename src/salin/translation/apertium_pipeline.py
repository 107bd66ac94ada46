"""An installed Apertium mode as a chain of processes, started one by one: no shell reads anything."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from salin.errors import ModelError, SettingError

# What a pipeline of a mode may hold beside words and bars: the places where a caller's options go.
_OPTIONS = {"$1": ["-n"], "$2": []}  # -n: unknown words without a mark
_SHELL = re.compile(r"[;&`$><()\n]")
# The packages of the pairs that salin is tested with; others are named by their languages all the same.
_PACKAGES = {"eng spa": "apertium-eng-spa", "eng hbs": "apertium-hbs-eng"}


class PipelineError(Exception):
    """A stage that failed, or took too long."""


class Pipeline:
    """The stages of a mode, such as `spa-eng`.

    Args:
        mode: Its name.

    Raises:
        ModelError: When Apertium or the mode is not installed, or the mode is none that can be run without a shell.
    """

    def __init__(self, mode: str):
        stages = _stages(mode)
        self._analyser, self._others = stages[0], stages[1:]

    def analyse(self, stream: str, seconds: float) -> str:
        """What the first stage makes of a text in stream format.

        Args:
            stream: Sentences, each ended by a separator.
            seconds: How long that may take.

        Raises:
            PipelineError: When it fails or takes longer.
        """
        return _run([self._analyser], stream, seconds)

    def translate(self, stream: str, seconds: float) -> str:
        """What the other stages make of that."""
        return _run(self._others, stream, seconds)


def has_mode(mode: str) -> bool:
    """Whether a mode is installed."""
    return (_folder() / "modes" / f"{mode}.mode").is_file()


def _folder() -> Path:
    given, program = os.environ.get("APERTIUM_DATADIR"), shutil.which("apertium")
    return Path(given) if given else Path(program or "/usr/bin/apertium").resolve().parents[1] / "share" / "apertium"


def _stages(mode: str) -> list[list[str]]:
    if not re.fullmatch(r"[A-Za-z]+(_[A-Za-z]+)?-[A-Za-z]+(_[A-Za-z]+)?", mode):
        raise SettingError(f"apertium:{mode} names no pair of languages: write apertium:spa-eng")
    needs = _package(mode)
    if shutil.which("apertium") is None:
        raise ModelError(f"Apertium is not installed (Debian: apt-get install apertium {needs})")
    if not has_mode(mode):
        there = ", ".join(sorted(path.stem for path in (_folder() / "modes").glob("*-eng.mode"))) or "none"
        raise ModelError(
            f"Apertium cannot translate {mode} here (Debian: apt-get install {needs}); installed into English: {there}"
        )
    if shutil.which("apertium-wblank-mode") is None:
        raise ModelError(
            "this Apertium is older than 3.8, which cannot say which word became which: install a newer one"
        )
    made = subprocess.run(  # noqa: S603
        ["apertium-wblank-mode", "-z", str(_folder() / "modes" / f"{mode}.mode")],  # noqa: S607
        capture_output=True, text=True, env=_environment(), timeout=60,
    )  # fmt: skip
    lexer = shlex.shlex(made.stdout.strip(), posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    stages: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            stages.append([])
        elif word in _OPTIONS:
            stages[-1] += _OPTIONS[word]
        elif _SHELL.search(word):
            raise ModelError(f"the mode {mode} of Apertium needs a shell ({word!r}), which salin does not start")
        else:
            stages[-1].append(word)
    missing = [stage[0] for stage in stages if stage and shutil.which(stage[0]) is None]
    if made.returncode or missing or len(stages) < 2 or not all(stages):
        what = f"needs {', '.join(missing)}" if missing else "cannot be read"
        raise ModelError(f"the mode {mode} of Apertium {what} (Debian: apt-get install --reinstall {needs})")
    return stages


def _package(mode: str) -> str:
    languages = sorted(language.partition("_")[0] for language in mode.split("-"))
    return _PACKAGES.get(" ".join(languages), "apertium-" + "-".join(languages))


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _run(stages: Sequence[Sequence[str]], stream: str, seconds: float) -> str:
    """Runs stages that are joined by pipes; all of them have ended when it returns."""
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(tempfile.TemporaryFile())
        said = stack.enter_context(tempfile.TemporaryFile())
        given.write(stream.encode("utf-8"))
        given.seek(0)
        running: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, running)
        source: IO[bytes] = given
        for stage in stages:
            process = subprocess.Popen(  # noqa: S603
                list(stage), stdin=source, stdout=subprocess.PIPE, stderr=said, env=_environment(), close_fds=True
            )
            running.append(process)
            source.close()  # the process has its own; a stage that ends early must be noticed by the one before it
            assert process.stdout is not None
            source = process.stdout
        try:
            output, _ = running[-1].communicate(timeout=seconds)
            statuses = [process.wait(timeout=seconds) for process in running]
        except subprocess.TimeoutExpired:
            raise PipelineError(f"took more than {seconds:.0f} s") from None
        if any(statuses):
            said.seek(0)
            failed = next(stage[0] for stage, status in zip(stages, statuses, strict=True) if status)
            raise PipelineError(f"{failed}: {said.read(300).decode('utf-8', 'replace').strip()}")
        return output.decode("utf-8", "replace")


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in running:
        if process.poll() is None:
            process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
