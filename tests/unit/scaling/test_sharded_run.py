"""Tagging in shards, in this process: whatever happens between, the outputs in order are the output of one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from salin.baselines import load_rules
from salin.corpus import Sentence, iter_sentences, write
from salin.errors import DataError, ModelError, SalinError, SettingError
from salin.scaling import Failure, InProcess, Outcome, tag_files
from salin.scaling.pool import MakeWork

READING = {"language": "en"}
TEXT = "Pumunta si Juan dela Cruz sa Sugbo.\nDumating si Ana.\n\n"


def open_rules() -> Callable[[Iterable[Sentence]], Iterator[Sentence]]:
    return load_rules("rules:tl").tag_sentences


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files, of which the first makes many shards."""
    made = [tmp_path / "in" / name for name in ("a.txt", "b.jsonl", "c.txt")]
    made[0].parent.mkdir()
    made[0].write_text(TEXT * 40, encoding="utf-8")
    made[1].write_text('{"text": "si Maria", "id": 7}\n' * 9, encoding="utf-8")
    made[2].write_text(TEXT, encoding="utf-8")
    return made


@dataclass
class Interrupted:
    """A pool in which so many items are done before the machine goes down; the last of them may not be heard of."""

    after: int
    heard: bool = True
    seen: list[str] = field(default_factory=list)

    def map(self, make: MakeWork, items: list[str]) -> Iterator[str]:
        for number, result in enumerate(InProcess().map(make, items)):
            self.seen.append(json.loads(result).get("key", ""))
            if number + 1 == self.after and not self.heard:
                raise KeyboardInterrupt
            yield result
            if number + 1 == self.after:
                raise KeyboardInterrupt


def run(files: list[Path], out: Path, **options: object) -> Outcome:
    given = {"settings": {"model": "rules:tl"}, "reading": READING, "shard_bytes": 500, **options}
    return tag_files(files, out, given.pop("open_tagger", open_rules), **given)


def expected(files: list[Path], tmp_path: Path, **reading: object) -> str:
    """What one process writes that reads file after file."""
    read = (s for path in files for s in iter_sentences(path, labelled=False, **{**READING, **reading}))
    write(open_rules()(read), tmp_path / "expected.jsonl", "jsonl")
    return (tmp_path / "expected.jsonl").read_text("utf-8")


def output(out: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(out.glob("part-*.jsonl")))


def names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.name != ".manifest")


def test_the_outputs_in_order_are_the_output_of_one_process(files: list[Path], tmp_path: Path) -> None:
    outcome = run(files, tmp_path / "out")
    assert outcome.shards == len(names(tmp_path / "out")) > 5
    assert outcome.failures == () and outcome.before == 0
    assert output(tmp_path / "out") == expected(files, tmp_path)
    assert outcome.sentences == output(tmp_path / "out").count("\n")


@pytest.mark.parametrize("shard_bytes", [1, 100, 10**9])
def test_however_large_the_shards_are(files: list[Path], tmp_path: Path, shard_bytes: int) -> None:
    run(files, tmp_path / "out", shard_bytes=shard_bytes)
    assert output(tmp_path / "out") == expected(files, tmp_path)


@pytest.mark.parametrize("heard", [True, False])
def test_a_run_that_was_broken_off_goes_on(files: list[Path], tmp_path: Path, heard: bool) -> None:
    out = tmp_path / "out"
    broken = Interrupted(4, heard)
    with pytest.raises(KeyboardInterrupt):
        run(files, out, pool=broken)
    assert len(names(out)) == 4
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    rest = Interrupted(10**6)
    outcome = run(files, out, pool=rest)
    assert outcome.before == 4
    assert not set(rest.seen) & set(broken.seen), "a finished shard was tagged again"
    assert output(out) == expected(files, tmp_path)
    assert {name: (out / name).stat().st_mtime_ns for name in finished} == finished


def test_a_finished_run_is_left_as_it_is(files: list[Path], tmp_path: Path) -> None:
    run(files, tmp_path / "out")
    outcome = run(files, tmp_path / "out", pool=Interrupted(1), open_tagger=None)
    assert outcome.before == outcome.shards and outcome.sentences == 0


def test_progress_counts_what_is_finished(files: list[Path], tmp_path: Path) -> None:
    told = []
    with pytest.raises(KeyboardInterrupt):
        run(files, tmp_path / "out", pool=Interrupted(3), progress=told.append)
    assert [progress.done for progress in told] == [0, 1, 2, 3]
    run(files, tmp_path / "out", progress=told.append)
    assert told[4].done == 3 and told[-1].done == told[-1].shards


@pytest.mark.parametrize("damage", ["cut off", "gone", "changed", "no record", "broken record"])
def test_an_output_that_is_not_what_was_written_is_made_again(files: list[Path], tmp_path: Path, damage: str) -> None:
    out = tmp_path / "out"
    run(files, out)
    shard = sorted(out.glob("part-*"))[2]
    record = out / ".manifest" / "done" / f"{shard.stem.removeprefix('part-')}.json"
    content = shard.read_bytes()
    match damage:
        case "cut off":
            shard.write_bytes(content[:-9])
        case "gone":
            shard.unlink()
        case "changed":
            shard.write_bytes(content.replace(b"Ana", b"Eva"))
        case "no record":
            record.unlink()
        case "broken record":
            record.write_text(record.read_text()[:40])
    outcome = run(files, out)
    assert outcome.before == outcome.shards - 1
    assert output(out) == expected(files, tmp_path)


def test_a_copy_of_the_folder_is_as_good(files: list[Path], tmp_path: Path) -> None:
    """The content decides where the times of files are others."""
    out = tmp_path / "out"
    run(files, out)
    for path in out.glob("part-*"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert run(files, out).before == len(names(out))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"settings": {"model": "rules:ceb"}}, "model: rules:tl then, rules:ceb now"),
        ({"reading": {"language": "nl"}}, "reading.language: en then, nl now"),
        ({"shard_bytes": 600}, "shard_bytes: 500 then, 600 now"),
        ({"to": "parquet"}, "to: jsonl then, parquet now"),
    ],
)
def test_a_folder_of_other_settings_is_refused(files: list[Path], tmp_path: Path, changed: dict, named: str) -> None:
    run(files, tmp_path / "out")
    before = output(tmp_path / "out")
    with pytest.raises(SettingError, match=named):
        run(files, tmp_path / "out", **changed)
    assert output(tmp_path / "out") == before


def test_a_folder_of_other_input_is_refused(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(files, out)
    with pytest.raises(DataError, match=r"c\.txt was tagged too"):
        run(files[:2], out)
    other = tmp_path / "d.txt"
    other.write_text(TEXT)
    with pytest.raises(DataError, match=r"d\.txt was not in it"):
        run([*files, other], out)
    files[2].write_text(TEXT.replace("Ana", "Eva"), encoding="utf-8")
    with pytest.raises(DataError, match=r"c\.txt: has changed since part-000002-000000"):
        run(files, out)
    files[2].unlink()
    with pytest.raises(DataError, match=r"c\.txt: cannot be found"):
        run(files, out)


def test_a_file_that_was_only_touched_is_the_same(files: list[Path], tmp_path: Path) -> None:
    run(files, tmp_path / "out")
    for path in files:
        path.write_bytes(path.read_bytes())
    outcome = run(files, tmp_path / "out")
    assert outcome.before == outcome.shards


def test_bad_shards_are_named_and_the_others_finished(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    files[1].write_text('{"text": "si Ana"}\n{"text": \n', encoding="utf-8")
    binary = tmp_path / "in" / "d.txt"
    binary.write_bytes("si Ana".encode("utf-16"))
    outcome = run([*files, binary], out)
    assert [failure.shard.name for failure in outcome.failures] == [str(files[1]), str(binary)]
    assert "b.jsonl:2: not JSON" in outcome.failures[0].reason
    assert "UTF-16" in outcome.failures[1].reason
    assert all(failure.mendable for failure in outcome.failures)
    assert output(out) == expected([files[0], files[2]], tmp_path)
    assert set(json.loads((out / ".manifest" / "failed.json").read_text())) == {"000001-000000", "000003-000000"}


@pytest.mark.parametrize("shard_bytes", [30, 10**6])
def test_mended_files_are_tagged_by_the_same_command(files: list[Path], tmp_path: Path, shard_bytes: int) -> None:
    out = tmp_path / "out"
    good = files[1].read_text("utf-8")
    files[1].write_text(good + "{\n" + good, encoding="utf-8")
    first = run(files, out, shard_bytes=shard_bytes)
    assert len(first.failures) == 1
    # The bad line is taken out, so that all lines behind it have other numbers.
    files[1].write_text(good * 2, encoding="utf-8")
    second = run(files, out, shard_bytes=shard_bytes)
    assert second.failures == () and second.before > 0
    assert output(out) == expected(files, tmp_path)
    assert not (out / ".manifest" / "failed.json").exists()


def test_what_stands_behind_a_mended_line_gets_its_new_number(files: list[Path], tmp_path: Path) -> None:
    """Though it is what it was, and though the bad line's shard has become no longer."""
    good, bad, mended = '{"text": "si Ana", "day": 23 }\n', "{" + 29 * "x" + "\n", 2 * '{"text":"Ana"}\n'
    assert len(good) == len(bad) == len(mended) + 1
    files[1].write_text(good + bad + 3 * good, encoding="utf-8")
    run(files[1:], tmp_path / "out", shard_bytes=40)
    files[1].write_text(good + mended + 3 * good, encoding="utf-8")
    assert run(files[1:], tmp_path / "out", shard_bytes=40).before == 3
    assert output(tmp_path / "out") == expected(files[1:], tmp_path)


def test_an_output_that_nobody_vouches_for_does_not_stay(files: list[Path], tmp_path: Path) -> None:
    """As of a worker that died between writing it and recording it, where the shard then fails."""
    out = tmp_path / "out"
    run(files, out)
    (out / ".manifest" / "done" / "000001-000000.json").unlink()
    outcome = run(files, out, open_tagger=partial(open_broken, "tagging"))
    assert len(outcome.failures) == 1
    assert output(out) == expected([files[0], files[2]], tmp_path)


def test_what_readers_mended_is_told(files: list[Path], tmp_path: Path) -> None:
    with files[1].open("a") as file:
        file.write("{\n")
    reading = {**READING, "on_error": "skip"}
    outcome = run(files, tmp_path / "out", reading=reading)
    assert outcome.failures == ()
    assert len(outcome.notes) == 1 and "b.jsonl: skipped 1 sentence" in outcome.notes[0]
    assert output(tmp_path / "out") == expected(files, tmp_path, on_error="skip")


def open_broken(where: str) -> Callable[[Iterable[Sentence]], Iterator[Sentence]]:
    """A tagger that does not open, or that breaks at one of the sentences."""
    if where == "opening":
        raise ModelError("there is no such model")

    def tag(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence in sentences:
            if sentence.text == "si Maria":
                raise ZeroDivisionError
            yield sentence

    return tag


def test_a_tagger_that_does_not_open_ends_the_run(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SalinError, match="there is no such model"):
        run(files, tmp_path / "out", open_tagger=partial(open_broken, "opening"))
    assert names(tmp_path / "out") == []
    run(files, tmp_path / "out")
    assert output(tmp_path / "out") == expected(files, tmp_path)


def test_where_salin_breaks_that_is_told_apart_from_bad_input(files: list[Path], tmp_path: Path) -> None:
    outcome = run(files, tmp_path / "out", open_tagger=partial(open_broken, "tagging"))
    failures: tuple[Failure, ...] = outcome.failures
    assert {failure.shard.name for failure in failures} == {str(files[1])}
    assert not any(failure.mendable for failure in failures)
    assert "ZeroDivisionError" in failures[0].reason


def test_a_file_that_changes_while_it_is_tagged_is_not_finished(files: list[Path], tmp_path: Path) -> None:
    def open_meddler() -> Callable[[Iterable[Sentence]], Iterator[Sentence]]:
        def tag(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
            for sentence in sentences:
                if sentence.text == "si Maria":
                    files[1].write_text('{"text": "si Eva"}\n', encoding="utf-8")
                yield sentence

        return tag

    outcome = run(files, tmp_path / "out", open_tagger=open_meddler)
    assert "has changed since the run began" in outcome.failures[0].reason
    assert not list((tmp_path / "out").glob("part-000001-*"))


def test_two_runs_do_not_write_into_one_folder(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"

    def second(_: object) -> None:
        with pytest.raises(SettingError, match="another run is writing"):
            run(files, out)

    run(files, out, progress=second)


def test_a_folder_with_other_things_is_left_alone(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds other things"):
        run(files, files[0].parent)
    with pytest.raises(DataError, match="Not a directory"):
        run(files, files[0])
    assert sorted(path.name for path in files[0].parent.iterdir()) == ["a.txt", "b.jsonl", "c.txt"]


def test_a_damaged_manifest_is_named(files: list[Path], tmp_path: Path) -> None:
    run(files, tmp_path / "out")
    (tmp_path / "out" / ".manifest" / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json: is damaged"):
        run(files, tmp_path / "out")


def test_what_killed_workers_leave_is_removed(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(files, out, pool=Interrupted(2))
    left = [out / ".part-000000-000005.jsonl.abc.tmp", out / ".manifest" / "done" / ".000000-000005.json.abc.tmp"]
    for path in left:
        path.write_text("half")
    run(files, out)
    assert not any(path.exists() for path in left)
