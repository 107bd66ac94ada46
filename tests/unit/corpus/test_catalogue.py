"""The catalogue: what it knows, how files are fetched and checked, a user's own files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from salin.corpus import catalogue
from salin.corpus.catalogue import DataFile, DataSet, add_dataset, find_dataset, list_datasets, sha256_of
from salin.corpus.download import get_dataset
from salin.errors import DataError, SettingError

CONTENT = b"Ana\tB-PER\n\nva\tO\n"
PATH = "ner/toy/xx/test.conll"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


def _serve(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """What a server holds: one small data set."""
    file = tmp_path / "mirror" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    return tmp_path / "mirror"


@pytest.fixture
def server(mirror: Path) -> Iterator[str]:
    yield from _serve(mirror)


@pytest.fixture
def folder(tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and a catalogue that knows the small data set."""
    file = DataFile(PATH, sha256_of(mirror / PATH), len(CONTENT))
    toy = DataSet("toy/xx", "A toy", "xx", {"test": file}, "CC0", ship=True, home="https://example.org/toy")
    monkeypatch.setattr(catalogue, "_catalogue", lambda: (toy,))
    monkeypatch.delenv("SALIN_DATA_URL", raising=False)
    return tmp_path / "data"


def test_the_catalogue_states_what_one_must_know() -> None:
    datasets = list_datasets(Path("nowhere"))
    assert len(datasets) == 26
    assert all(d.licence and d.citation and d.home.startswith("https://") and d.language for d in datasets)
    assert all(len(f.sha256) == 64 and f.size > 0 for d in datasets for f in d.files.values())
    by_name = {d.name: d for d in datasets}
    assert not by_name["conll2003/en"].ship
    assert by_name["uner/en_ewt"].ship and not by_name["uner/tl_ugnayan"].ship
    assert (by_name["uner/zh_gsd"].language, list(by_name["uner/zh_gsd"].files)) == ("zh", ["train", "dev", "test"])


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(SettingError, match=r"no data set 'conll2002'. Did you mean conll2002/es, conll2002/nl\?"):
        find_dataset("conll2002", Path("nowhere"))
    with pytest.raises(SettingError, match=r"Did you mean .*wikigold/en"):
        find_dataset("wikigold-en", Path("nowhere"))


def test_every_real_file_can_be_fetched_over_http(shared_data: Path, tmp_path: Path) -> None:
    for base in _serve(shared_data):
        paths = get_dataset("uner/tl_trg", base=base, folder=tmp_path)
        assert paths["test"].read_bytes() == (shared_data / "ner/uner/tl_trg/test.conll").read_bytes()


def test_every_real_file_is_the_one_of_the_catalogue(shared_data: Path) -> None:
    for dataset in list_datasets(Path("nowhere")):
        for file in dataset.files.values():
            path = shared_data / file.path
            assert (path.stat().st_size, sha256_of(path)) == (file.size, file.sha256), file.path


def test_a_file_is_fetched_once(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int, int]] = []
    monkeypatch.setenv("SALIN_DATA_URL", f"{server}/")
    paths = get_dataset("toy/xx", folder=folder, progress=lambda *step: steps.append(step))
    assert paths["test"].read_bytes() == CONTENT
    assert steps[-1] == (PATH, len(CONTENT), len(CONTENT))
    monkeypatch.delenv("SALIN_DATA_URL")
    assert get_dataset("toy/xx", folder=folder) == paths


def test_a_folder_is_an_address_too(mirror: Path, folder: Path) -> None:
    assert get_dataset("toy/xx", base=str(mirror), folder=folder)["test"].read_bytes() == CONTENT
    with pytest.raises(DataError, match=r"there is no such file. Check SALIN_DATA_URL"):
        get_dataset("toy/xx", base=str(mirror / "ner"), folder=folder / "other")


def test_without_an_address_it_says_that_there_is_no_mirror(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"There is no public mirror.*set SALIN_DATA_URL.*https://example.org/toy"):
        get_dataset("toy/xx", folder=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT.replace(b"va", b"vi"), "is not the file of the catalogue: .* Is it another version"),
        (CONTENT + b"\n", "is larger than the 16 bytes of the catalogue"),
        (CONTENT[:-1], "is not the file of the catalogue: 15 bytes"),
        (None, "the server answers 404"),
    ],
)
def test_nothing_wrong_is_kept(server: str, mirror: Path, folder: Path, content: bytes | None, message: str) -> None:
    if content is None:
        (mirror / PATH).unlink()
    else:
        (mirror / PATH).write_bytes(content)
    with pytest.raises(DataError, match=message):
        get_dataset("toy/xx", base=server, folder=folder)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_dead_server_is_an_error_with_its_address(folder: Path) -> None:
    with pytest.raises(DataError, match=r"127.0.0.1:9/ner/toy/xx/test.conll: cannot be fetched: .* Check SALIN"):
        get_dataset("toy/xx", base="http://127.0.0.1:9", folder=folder)


def test_a_changed_file_is_noticed(mirror: Path, folder: Path) -> None:
    path = get_dataset("toy/xx", base=str(mirror), folder=folder)["test"]
    path.write_bytes(b"other\tO\n")
    with pytest.raises(DataError, match=r"has changed since .* Delete it and get it again"):
        get_dataset("toy/xx", base=str(mirror), folder=folder)


def test_a_users_own_file_is_registered_where_it_is(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "mine.bio.conll"
    path.write_bytes(CONTENT)
    added = add_dataset(path, language="tl", licence="mine", folder=folder)
    assert (added.name, added.language, added.ship) == ("mine", "tl", False)
    assert added.title == "2 sentences, 1 entity (PER), CoNLL, IOB2 detected"
    assert find_dataset("mine", folder) == added
    assert get_dataset("mine", folder=folder) == {"data": path}
    path.write_bytes(CONTENT * 2)
    with pytest.raises(DataError, match=r"has changed .* Add it again with `salin data add`"):
        get_dataset("mine", folder=folder)
    path.unlink()
    with pytest.raises(DataError, match=r"your file is gone"):
        get_dataset("mine", folder=folder)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"x": {"title": 1}}', "x.title"),
        ('{"x": {"title": "mine", "language": "", "licence": ""}}', "x.file: Field required"),
        ('{"x": {"title": "", "language": "", "licence": "", "file": {"path": "a"}}}', "x.file.sha256"),
    ],
)
def test_a_damaged_list_of_ones_own_files_is_refused(folder: Path, content: str, problem: str) -> None:
    folder.mkdir()
    (folder / "own.json").write_text(content)
    with pytest.raises(DataError, match=rf"own\.json: is damaged: .*{problem}.*\. Delete it and add your files again"):
        list_datasets(folder)


def test_only_readable_files_and_plain_names_are_added(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_bytes(CONTENT)
    for name in ("../x", "toy/xx", ".hidden", "a b"):
        with pytest.raises(SettingError, match=r"cannot name a data set"):
            add_dataset(path, name=name, folder=folder)
    path.write_bytes(b"Ana\n")
    with pytest.raises(DataError):
        add_dataset(path, folder=folder)
    assert len(list_datasets(folder)) == 1
