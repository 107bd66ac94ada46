"""A long text is tagged in no more memory than a shorter one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import pytest
import torch

from salin.models import Tagger, memory, tagger
from salin.models.memory import give_back_memory
from tiny_corpora import TRAIN, labelled


def resident() -> int:
    """Kilobytes that this process has in memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_holes_are_given_back(require: Callable[[str, bool], None]) -> None:
    gives_back = memory._trim() is not None and Path("/proc/self/status").exists()
    require("a C library that gives memory back (glibc on Linux)", gives_back)
    # Too small to be mapped one by one, and each second one stays.
    pieces = [torch.ones(8_000) for _ in range(8_000)]
    kept = pieces[::2]
    del pieces
    before = resident()
    give_back_memory()
    assert before - resident() > 50_000
    assert len(kept) == 4_000


def test_where_the_system_cannot_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", lambda: None)
    give_back_memory()


def test_it_is_done_while_a_text_is_tagged_and_not_for_a_sentence(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(tagger, "give_back_memory", lambda: given.append(1))
    monkeypatch.setattr(tagger, "_READ_AHEAD", 4)
    tags = Tagger.on_encoder(model_folder("bert"), ["PER"])
    sentences = [labelled(line) for line in islice(cycle(TRAIN), 9)]
    list(tags.tag_sentences(sentences[:1]))
    assert not given
    list(tags.tag_sentences(sentences))
    assert len(given) == 2
