"""The command line in this process, and small corpora and taggers to use it on."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PEOPLE = ["Maria Sousa", "Jan de Vries", "Ana Reyes", "Juan dela Cruz"]
PLACES = ["Lisbon", "Sugbo", "Eindhoven", "Ginebra"]
CLUBS = ["Ajax", "PSV", "Reuters", "EFECOM"]


@dataclass(frozen=True)
class Outcome:
    """What a command did: its status and what it wrote."""

    status: int
    output: str
    errors: str


@pytest.fixture
def salin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a command as `main` does, errors included, without starting a process."""
    from salin.cli import main

    def run(*arguments: object, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else 0, written.out, written.err)

    return run


def conll(first: int, count: int) -> str:
    """Sentences with a person, a place and a club each."""
    blocks = []
    for number in range(first, first + count):
        person, place, club = PEOPLE[number % 4], PLACES[number // 2 % 4], CLUBS[number // 3 % 4]
        words = [(word, "I-PER" if i else "B-PER") for i, word in enumerate(person.split())]
        words += [("joined", "O"), (club, "B-ORG"), ("in", "O"), (place, "B-LOC")]
        words += [(f"on day {number}".split()[-1], "O"), (".", "O")]
        blocks.append("\n".join(f"{word}\t{tag}" for word, tag in words))
    return "\n\n".join(blocks) + "\n"


@dataclass(frozen=True)
class Corpora:
    """Files of labelled sentences."""

    train: Path
    dev: Path
    test: Path


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpora]:
    """Files that all tests of a process share: a test that wants to change one copies it."""
    folder = tmp_path_factory.mktemp("corpora")
    found = Corpora(*(folder / f"{name}.conll" for name in ("train", "dev", "test")))
    for path, first, count in ((found.train, 0, 24), (found.dev, 24, 8), (found.test, 32, 8)):
        path.write_text(conll(first, count), encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    yield found
    assert {path: path.read_bytes() for path in folder.iterdir()} == before, (
        "a test wrote to the corpora that all share"
    )


@pytest.fixture(scope="session")
def tagger_folder(
    model_folder: Callable[[str], Path], corpora: Corpora, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tagger trained for a moment by the command itself."""
    from salin.cli import main

    folder = tmp_path_factory.mktemp("trained") / "tagger"
    files = ["--source", corpora.train, "--dev", corpora.dev, "--encoder", model_folder("bert"), "--out", folder]
    with pytest.raises(SystemExit) as ended:
        main(["train", *map(str, files), "--steps", "40", "--learning-rate", "0.01", "--batch", "8"])
    assert not ended.value.code
    return folder
