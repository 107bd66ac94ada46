"""The store of text: on disk it holds the very lines of its sources, a share of them held out, in constant memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.errors import DataError
from salin.pretraining.held_out import HeldOut
from salin.pretraining.sources import TextFile, find_text, find_translations
from salin.pretraining.store import TextStore, make_store
from salin.pretraining.stored_lines import LineWriter, StoredLines, cut_line


def store_of(folder: Path, *files: TextFile) -> TextStore:
    make_store(folder / "store", {"plain": files}, {}, "skip")
    return TextStore(folder / "store")


def write(path: Path, *lines: str) -> TextFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return TextFile(path, path.parent.name)


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(str.strip)


@given(st.lists(LINE, max_size=40))
def test_stored_lines_are_the_lines(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = LineWriter(Path(folder) / "en.txt")
        for line in lines:
            writer.add(line)
        writer.flush()
        stored = StoredLines(Path(folder) / "en.txt")
        assert list(stored) == lines
        assert (len(stored), writer.characters) == (len(lines), sum(map(len, lines)))
        assert stored[-3:] == lines[-3:]
        assert all(stored[place - len(lines)] == line for place, line in enumerate(lines))
        with pytest.raises(IndexError):
            stored[len(lines)]


@given(st.lists(LINE, min_size=1, max_size=40))
def test_a_store_is_its_sources_read_line_by_line(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write(folder / "en" / "a.txt", *lines)
        read = [line for _, line in TextFile(file.path, "en").read()]
        assert list(store_of(folder, file).plain("plain", 0.5).lines["en"]) == read


@given(st.text(alphabet="ab 中", max_size=300), st.integers(1, 40))
def test_long_lines_are_cut_at_spaces_and_nothing_is_lost(line: str, longest: int) -> None:
    pieces = list(cut_line(line, longest))
    assert "".join("".join(pieces).split()) == "".join(line.split())
    assert all(0 < len(piece) <= longest for piece in pieces)
    if all(len(word) <= longest for word in line.split()):
        assert " ".join(pieces).split() == line.split()


def test_one_line_in_a_hundred_is_held_out_and_never_drawn(tmp_path: Path) -> None:
    lines = [f"line number {number}" for number in range(1000)]
    store = store_of(
        tmp_path, write(tmp_path / "en" / "a.txt", *lines, *lines), write(tmp_path / "nl" / "a.txt", "een")
    )
    held = store.held_out("plain")
    assert held.keys() == {"en"}, "of a language with few lines all are needed"
    assert len(held["en"].lines["en"]) == 10
    assert store.counts("plain")["en"]["held_out"] == 10
    plain = store.plain("plain", 0.5)
    drawn = {line for step in range(400) for line in plain.consecutive("en", 300, np.random.default_rng(step))}
    drawn |= set(plain.sample(10**6, np.random.default_rng(0)))
    assert drawn == {*lines, "een"} - set(held["en"].lines["en"])


def test_which_lines_are_held_out_depends_on_their_text_alone() -> None:
    def choice(fingerprints: list[int], lines: int = 5000) -> set[int]:
        held = HeldOut()
        for number, fingerprint in enumerate(fingerprints):
            held.see(fingerprint, number)
        return set(held.choice(lines).values())

    fingerprints = [number * 7919 % 100_003 for number in range(1, 5000)]
    assert choice(fingerprints) == choice(fingerprints[::-1]) == set(sorted(fingerprints)[:50])
    assert choice([1] * 4999 + [2]) == {2}, "one that stands everywhere would take the text away"
    assert choice(list(range(3000, 0, -1)), lines=10**9) == set(range(1, 1001)), "and never more than a thousand"


def test_a_store_is_made_again_only_when_its_sources_have_changed(tmp_path: Path) -> None:
    file = write(tmp_path / "en" / "a.txt", "one")
    first = store_of(tmp_path, file)
    made = (tmp_path / "store" / "store.json").stat().st_ino
    os.utime(file.path, (0, 0))
    assert store_of(tmp_path, TextFile(file.path, "en")).checksum == first.checksum
    assert (tmp_path / "store" / "store.json").stat().st_ino == made
    write(file.path, "two")
    again = store_of(tmp_path, TextFile(file.path, "en"))
    assert again.checksum != first.checksum
    assert list(again.plain("plain", 1).lines["en"]) == ["two"]


def test_problems_of_the_text_are_told_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = write(tmp_path / "en" / "good.txt", "one", "two")
    (tmp_path / "en" / "bad.txt").write_bytes(b"caf\xe9\n")
    store = store_of(tmp_path, *find_text(tmp_path))
    told = "skipped 1 line: not UTF-8 (first at line 1). Convert it (iconv -t UTF-8)"
    assert f"{tmp_path / 'en' / 'bad.txt'}: {told}" in caplog.text
    problems = {file["name"]: file["problems"] for file in store.files}
    assert problems == {"bad.txt": [told, "there is no text in it"], "good.txt": []}
    assert list(store.plain("plain", 1).lines["en"]) == ["one", "two"]
    with pytest.raises(DataError, match="is not UTF-8"):
        make_store(tmp_path / "strict", {"plain": find_text(tmp_path / "en")}, {}, "strict")
    assert not (tmp_path / "strict").exists(), "nothing half-written"
    assert good.problems == []


def test_sources_without_any_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text in the sources of plain"):
        store_of(tmp_path, write(tmp_path / "en" / "a.txt", ""))


def test_translations_keep_their_places(tmp_path: Path) -> None:
    lines = {"en": ["good morning", "", "the match"], "nl": ["goedemorgen", "niets", "de wedstrijd"]}
    for code, texts in lines.items():
        write(tmp_path / "news" / f"{code}.txt", *texts)
    sets = find_translations(tmp_path, ["news"])
    plain = {"plain": [write(tmp_path / "en" / "a.txt", "one")]}
    make_store(tmp_path / "store", plain, sets, "skip")
    texts = TextStore(tmp_path / "store").parallel({"news": 1.0}).sets["news"]
    assert list(texts["en"]) == ["good morning", "", "the match"]
    (tmp_path / "news" / "nl.txt").write_text("een\n", encoding="utf-8")
    with pytest.raises(DataError, match="differ in their number of lines: en 3, nl 1"):
        make_store(tmp_path / "store", plain, sets, "skip")
    (tmp_path / "news" / "nl.txt").write_bytes("een".encode("utf-16"))
    with pytest.raises(DataError, match="no parallel set news"):
        make_store(tmp_path / "store", plain, sets, "skip")
    assert any("UTF-16" in problem for problem in sets["news"][1].problems)


READS = """
import resource, sys
from pathlib import Path
import numpy as np
from salin.pretraining.sources import TextFile
from salin.pretraining.store import TextStore, make_store

folder = Path(sys.argv[1])
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
make_store(folder / "small", {"plain": [TextFile(folder / "small.txt", "en")]}, {}, "skip")
before = peak()
make_store(folder / "large", {"plain": [TextFile(folder / "large.txt", "en")]}, {}, "skip")
print(peak() - before)
"""


def test_reading_takes_no_more_memory_for_a_large_file(tmp_path: Path) -> None:
    line = "the premier of the Netherlands met Maria Sousa in Lisbon "
    (tmp_path / "small.txt").write_text("".join(f"{line}{number}\n" for number in range(30_000)))
    # Half of it in one line.
    with open(tmp_path / "large.txt", "w", encoding="utf-8") as file:
        file.writelines(f"{line}{number}\n" for number in range(300_000))
        file.writelines(f"{line}{number} " for number in range(300_000))
    ran = subprocess.run([sys.executable, "-c", READS, tmp_path], capture_output=True, text=True, check=True)
    assert int(ran.stdout) * 1024 < (tmp_path / "large.txt").stat().st_size / 4
    assert TextStore(tmp_path / "large").counts("plain")["en"]["characters"] > 35_000_000
