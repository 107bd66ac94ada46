"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from salin.errors import DataError
from salin.files import atomic_directory, atomic_write, recover_directory, write_json


def test_a_file_appears_when_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as file:
        file.write("é\n")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"\xc3\xa9\n"
    assert [found.name for found in path.parent.iterdir()] == ["a.txt"]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What was brought to the disk: `file`, or `folder` with the visible names that it held then."""
    seen: list[tuple[str, list[str]]] = []

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        names = sorted(name for name in os.listdir(descriptor) if name[0] != ".") if is_folder else []
        seen.append(("folder" if is_folder else "file", names))

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_the_new_name_is_brought_to_the_disk_after_the_content(tmp_path: Path, synced: list) -> None:
    write_json(tmp_path / "a.json", {})
    assert synced == [("file", []), ("folder", ["a.json"])]


def test_a_folder_is_on_the_disk_before_the_old_one_goes(
    tmp_path: Path, synced: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        synced.clear()
        monkeypatch.setattr("shutil.rmtree", lambda *_, **__: synced.append(("gone", [])))
        with atomic_directory(tmp_path / "model", marker="whole") as folder:
            (folder / "whole").touch()
        assert synced == [("file", []), ("folder", ["whole"]), ("folder", ["model"]), ("gone", [])]


@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fails: bool
) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="error") if fails else nullcontext():
        write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fails() -> None:
        with atomic_write(path, "wb") as file:
            file.write(b"half of the n")
            raise error

    with pytest.raises(error):
        fails()
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.bin"]


def test_files_have_the_usual_rights(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "a.json", {})
        with atomic_directory(tmp_path / "folder", marker="whole"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for name in ("there.txt", "not-yet.txt"):
        link = tmp_path / name
        link.symlink_to(Path("disk") / name)
    (tmp_path / "disk" / "there.txt").write_text("old")
    for name in ("there.txt", "not-yet.txt"):
        with atomic_write(tmp_path / name) as file:
            file.write("new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "disk" / name).read_text() == "new"
    assert sorted(found.name for found in (tmp_path / "disk").iterdir()) == ["not-yet.txt", "there.txt"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        with atomic_write(path) as file:
            file.write("é\n")
        assert os.read(reader, 100) == b"\xc3\xa9\n"
        os.close(reader)
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["link", "pipe"]


def test_half_of_a_surrogate_pair_is_written_escaped(tmp_path: Path) -> None:
    """The command line gives one for a byte of an argument that is not UTF-8; JSON reads it as what it was."""
    path = tmp_path / "a.json"
    write_json(path, "Sugbó \udcff")
    assert path.read_text("utf-8") == '"Sugbó \\udcff"\n'
    assert json.loads(path.read_text("utf-8")) == "Sugbó \udcff"


def test_json_is_for_people_too(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Sugbó", "n": [1, 2]})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert "Sugbó" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"name": "Sugbó", "n": [1, 2]}


def test_what_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with atomic_directory(path, marker="whole") as temporary:
            (temporary / "whole").touch()
            (temporary / "inside").mkdir()
            (temporary / "inside" / name).write_text(name)
    assert {found.name for found in path.rglob("*")} == {"inside", "whole", "second"}
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_directory(path, marker="whole") as temporary:
        (temporary / "whole").touch()

    def fails() -> None:
        with atomic_directory(path, marker="whole") as temporary:
            (temporary / "new").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert [found.name for found in tmp_path.rglob("*")] == ["folder", "whole"]


def test_somebody_elses_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "Documents").mkdir()
    (tmp_path / "Documents" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="holds no whole"), atomic_directory(tmp_path / "Documents", marker="whole"):
        pytest.fail("the block is not entered")
    assert (tmp_path / "Documents" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    with atomic_directory(tmp_path / "empty", marker="whole") as temporary:
        (temporary / "whole").touch()
    assert (tmp_path / "empty" / "whole").exists()


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "folder"
    link.symlink_to(Path("disk") / "real")
    for number in range(3):
        with atomic_directory(link, marker="whole") as temporary:
            (temporary / "whole").write_text(str(number))
    assert link.is_symlink()
    assert (tmp_path / "disk" / "real" / "whole").read_text() == "2"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["disk", "folder"]
    assert [found.name for found in (tmp_path / "disk").iterdir()] == ["real"]


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("years of work")
    with pytest.raises(DataError, match="a file stands here"), atomic_directory(tmp_path / "notes", marker="whole"):
        pytest.fail("the block is not entered")
    assert [found.name for found in tmp_path.iterdir()] == ["notes"]


def test_a_kill_between_the_renames_is_mended(tmp_path: Path) -> None:
    path, old = tmp_path / "folder", tmp_path / ".folder.old"
    old.mkdir()
    (old / "kept").touch()
    recover_directory(path)
    assert [found.name for found in tmp_path.rglob("*")] == ["folder", "kept"]
    # After the second rename the new one stands, and the old one is only waiting to be deleted.
    old.mkdir()
    recover_directory(path)
    assert [found.name for found in tmp_path.rglob("*")] == ["folder", "kept"]
    recover_directory(tmp_path / "nothing")


def test_a_kill_between_the_renames_is_mended_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / ".real.old").mkdir(parents=True)
    link = tmp_path / "folder"
    link.symlink_to(Path("disk") / "real")
    recover_directory(link)
    assert [found.name for found in (tmp_path / "disk").iterdir()] == ["real"]
    assert link.is_dir()
