"""Input that a user can mend: status 2, one line that names the file (and the line), and nothing old is touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest


def check(ran, *parts: object) -> None:
    """The command failed as it should, and its last line on standard error says all of this."""
    assert ran.status == 2, ran.errors
    assert "Traceback" not in ran.errors
    message = ran.errors.strip().splitlines()[-1]
    assert message.startswith("error: ")
    for part in parts:
        assert str(part) in message


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """An output of an earlier run."""
    path = tmp_path / "earlier.jsonl"
    path.write_text("as it was\n", encoding="utf-8")
    return path


def untouched(path: Path) -> bool:
    """Whether the earlier output is as it was, and nothing half-written lies beside it."""
    beside = [other.name for other in path.parent.iterdir() if other.name.startswith(f".{path.name}")]
    return path.read_text("utf-8") == "as it was\n" and not beside


@pytest.fixture
def tagger_copy(tagger_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tagger_folder, tmp_path / "copy"))


def test_a_missing_file(salin: Callable, earlier: Path) -> None:
    missing = earlier.parent / "missing.txt"
    check(salin("tag", missing, "--model", "rules:tl", "--out", earlier), missing, "no such file")
    assert untouched(earlier)
    check(salin("evaluate", missing, "--model", "rules:tl", "--out", earlier), missing)
    check(salin("compare", missing), missing)
    check(salin("run", missing), missing)
    check(salin("pretrain", missing, "--out", earlier.parent / "new"), missing)
    check(salin("tag", "--text", "si Ana", "--model", earlier.parent / "no-model"), "no-model")
    assert untouched(earlier)


def test_a_wrong_column_count(salin: Callable, earlier: Path) -> None:
    bad = earlier.parent / "bad.conll"
    bad.write_text("Ana\tB-PER\nsings\tO\n\nin\tO\nLisbon\n", encoding="utf-8")
    for command in (["evaluate"], ["tag"]):
        check(salin(*command, bad, "--model", "rules:tl", "--out", earlier), f"{bad}:5", "columns", "repair")
        assert untouched(earlier)
    repaired = salin("tag", bad, "--model", "rules:tl", "--out", earlier, "--on-error", "repair")
    assert repaired.status == 0
    assert len(earlier.read_text("utf-8").splitlines()) == 2


def test_an_unknown_scheme(salin: Callable, earlier: Path) -> None:
    bad = earlier.parent / "bad.conll"
    bad.write_text("Ana\tX-PER\nsings\tO\n", encoding="utf-8")
    check(salin("evaluate", bad, "--model", "rules:tl", "--out", earlier), f"{bad}:1", "X-PER")
    assert untouched(earlier)


def test_an_empty_corpus(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    empty = tmp_path / "empty.conll"
    empty.write_text("", encoding="utf-8")
    check(salin("evaluate", empty, "--model", "rules:tl"), empty, "no sentence")
    check(salin("train", "--source", empty, "--dev", corpora.dev, "--out", tmp_path / "new"), empty, "no sentence")
    adapt = ["--adapt", "--source", empty]
    check(salin("tag", "--text", "Ana", "--model", tagger_folder, *adapt), empty, "no sentence")
    assert not (tmp_path / "new").exists()


def test_a_label_that_the_model_does_not_know(salin: Callable, tagger_folder: Path, earlier: Path) -> None:
    data = earlier.parent / "gpe.conll"
    data.write_text("Ana\tB-PER\nsings\tO\n\nLisbon\tB-GPE\n", encoding="utf-8")
    command = ["evaluate", data, "--model", tagger_folder, "--out", earlier]
    check(salin(*command), f"{data}:4", "GPE", "--map GPE=O")
    assert untouched(earlier)
    assert salin(*command, "--map", "GPE=LOC").status == 0
    assert salin(*command, "--labels", "PER").status == 0
    with data.open("a", encoding="utf-8") as file:
        file.write("Monday\tB-DATE\n")
    check(salin(*command), "DATE, GPE", "--map DATE=O,GPE=O")
    tune = ["finetune", "--model", tagger_folder, "--target", data, "--dev", data, "--out", earlier.parent / "new"]
    check(salin(*tune), "DATE, GPE", "--map DATE=O,GPE=O")
    check(salin(*command, "--map", "GEP=LOC"), "did you mean 'GPE'")
    check(salin(*command, "--labels", "PEOPLE"), "PEOPLE")


def test_a_source_with_other_labels_than_the_model(
    salin: Callable, tagger_folder: Path, model_folder: Callable, corpora, tmp_path: Path
) -> None:
    source = tmp_path / "gpe.conll"
    source.write_text("Ana\tB-PER\nsings\tO\n\nLisbon\tB-GPE\n", encoding="utf-8")
    command = ["tag", "--text", "Ana in Lisbon", "--model", tagger_folder, "--adapt", "--source", source]
    check(salin(*command), f"{source}:4", "GPE", "--source-map")
    assert salin(*command, "--source-map", "GPE=LOC").status == 0
    encoder = ["--encoder", model_folder("bert"), "--out", tmp_path / "new"]
    check(salin("train", "--source", corpora.train, "--dev", source, *encoder), f"{source}:4", "GPE")
    tune = ["finetune", "--model", tagger_folder, "--dev", corpora.dev, "--out", tmp_path / "new"]
    check(salin(*tune, "--target", source), f"{source}:4", "GPE")


def test_a_model_folder_with_a_pickle_in_it(salin: Callable, tagger_copy: Path, earlier: Path) -> None:
    (tagger_copy / "extra.bin").write_bytes(b"\x80\x04\x95\x00")
    check(salin("tag", "--text", "Ana", "--model", tagger_copy, "--out", earlier), tagger_copy / "extra.bin", "pickle")
    assert untouched(earlier)


def test_an_adapter_without_its_base_model(salin: Callable, tagger_copy: Path, corpora, tmp_path: Path) -> None:
    adapter = tagger_copy / "adapter_config.json"
    adapter.write_text('{"peft_type": "LORA", "base_model_name_or_path": "somebody/model"}', encoding="utf-8")
    check(salin("tag", "--text", "Ana", "--model", tagger_copy), adapter, "peft", "merge_and_unload")
    train = ["train", "--source", corpora.train, "--dev", corpora.dev, "--encoder", tagger_copy]
    check(salin(*train, "--out", tmp_path / "new"), adapter, "peft", "merge_and_unload")


def test_a_truncated_safetensors_file(salin: Callable, tagger_copy: Path, earlier: Path) -> None:
    weights = tagger_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    check(salin("tag", "--text", "Ana", "--model", tagger_copy, "--out", earlier), weights, "cut off")
    assert untouched(earlier)


def test_a_damaged_settings_file(salin: Callable, tagger_copy: Path) -> None:
    for name in ("salin.json", "config.json"):
        path = tagger_copy / name
        whole = path.read_bytes()
        path.write_text('{"labels": ', encoding="utf-8")
        check(salin("tag", "--text", "Ana", "--model", tagger_copy), path)
        path.write_bytes(whole)


def test_gradients_for_which_the_disk_has_no_room(
    salin: Callable, tagger_folder: Path, corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    command = ["index", "--model", tagger_folder, "--source", corpora.train, "--out", tmp_path / "index"]
    check(salin(*command, "--factors", "all"), tmp_path / "index", "1,000 are free", "--factors reached")
    assert not (tmp_path / "index").exists()
    assert salin(*command).status == 0, "the vectors alone take next to nothing"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["index", "--factors", "reached", "--out", "x"], "give --target"),
        (["index", "--k", 3, "--out", "x"], "give --factors too"),
        (["index", "--factors", "all", "--k", 3, "--out", "x"], "give --factors reached"),
        (["tag", "--text", "Ana", "--keep", "2GB"], "--keep is about adaptation"),
        (["tag", "--text", "Ana", "--adapt", "--keep", "much"], "'much' is no amount of memory"),
        (["tag", "--text", "Ana", "--adapt", "--keep", "-1"], "'-1' is"),
    ],
)
def test_options_of_gradients_that_do_not_fit(salin: Callable, options: list[object], message: str) -> None:
    ran = salin(*options)
    assert ran.status == 2
    assert message in ran.errors


def test_an_index_made_with_another_model_or_source(
    salin: Callable, tagger_copy: Path, model_folder: Callable, corpora, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    made_of = ["--source", corpora.train, "--vectors", "mean-1"]
    assert salin("index", "--model", tagger_copy, *made_of, "--out", index).status == 0
    other = tmp_path / "other"
    train = ["train", "--source", corpora.train, "--dev", corpora.dev, "--encoder", model_folder("bert")]
    assert salin(*train, "--steps", 1, "--out", other).status == 0
    command = ["tag", "--text", "Ana", "--adapt", "--index", index]
    check(salin(*command, "--model", other, "--source", corpora.train), index, "another model")
    check(salin(*command, "--model", tagger_copy, "--source", corpora.dev), index, "another corpus")
    check(salin(*command, "--model", tagger_copy, "--source", corpora.train, "--vectors", "ngrams"), "--vectors")
    vectors = index / "vectors.safetensors"
    vectors.write_bytes(vectors.read_bytes()[:-4])
    check(salin(*command, "--model", tagger_copy, "--source", corpora.train), vectors)


@pytest.mark.parametrize("name", ["polyglot", "what-is-shared", "pretrain-salin-tiny-2"])
def test_a_recipe_that_another_command_runs(salin: Callable, name: str, tmp_path: Path) -> None:
    """Each of salin's kinds, given to the other two."""
    recipe = Path(__file__).parents[2] / "recipes" / f"{name}.toml"
    own = {"polyglot": "run", "what-is-shared": "analyse shared", "pretrain-salin-tiny-2": "pretrain"}[name]
    commands = {"run": ["--list"], "analyse shared": ["--list"], "pretrain": ["--out", tmp_path / "new"]}
    for command, options in commands.items():
        if command != own:
            check(salin(*command.split(), recipe, *options), recipe, f"salin {own} {recipe} does")
    assert not (tmp_path / "new").exists()


def test_a_setting_that_does_not_exist_in_a_recipe(salin: Callable, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('title = "x"\n\n[text]\nplian = "text"\n', encoding="utf-8")
    check(salin("pretrain", recipe, "--out", tmp_path / "new"), f"{recipe}:4", "plian", "did you mean 'plain'")
    recipe.write_text('title = "x"\nencodr = "y"\nseeds = [1]\n', encoding="utf-8")
    check(salin("run", recipe, "--list"), f"{recipe}:2", "encodr", "did you mean 'encoder'")
    recipe.write_text("title = \n", encoding="utf-8")
    check(salin("run", recipe), recipe, "line 1")
    check(salin("pretrain", recipe, "--out", tmp_path / "new"), recipe, "line 1")
    assert not (tmp_path / "new").exists()


def test_a_setting_out_of_range(salin: Callable, corpora, tmp_path: Path) -> None:
    command = ["train", "--source", corpora.train, "--dev", corpora.dev, "--out", tmp_path / "new"]
    check(salin(*command, "--mask-rate", 2), "--mask-rate 2")
    check(salin(*command, "--k", 3), "--method meta")
    check(salin(*command, "--lexicon", "words.tsv"), "LANGUAGE=FILE")
    for wrong, *said in (
        ("first_rank=0", "--set first_rank 0"),
        ("loop.shedule=constant", "loop.shedule", "did you mean 'schedule'?"),
        ("loss_aggregation", "NAME=VALUE"),
        ("loss_aggregation=sum", "--set loss_aggregation sum", "'sentence-mean'"),
        ("loop.steps=3", "option of its own"),
        ("batch.size=3", "no settings of its own"),
    ):
        check(salin(*command, "--method", "meta", "--set", wrong), *said)
    check(salin(*command, "--set", "mask_supports=true"), "--method meta")
    check(salin(*command[:3], "--out", tmp_path / "new"), "--dev")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("wrong", [["--head", "crf", "--max-weight", 1], ["--frozen-blocks", 9]], ids=str)
def test_what_a_refused_setting_leaves_behind_refuses_nothing(
    salin: Callable, model_folder: Callable, corpora, tmp_path: Path, wrong: list[object]
) -> None:
    train = ["train", "--source", corpora.train, "--dev", corpora.dev, "--encoder", model_folder("bert")]
    train += ["--steps", 1, "--out", tmp_path / "new"]
    assert salin(*train, *wrong).status == 2
    ran = salin(*train)
    assert ran.status == 0, ran.errors
    assert "going on" not in ran.errors


def test_a_folder_that_holds_something_else_is_never_replaced(
    salin: Callable, tagger_folder: Path, corpora, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work", encoding="utf-8")
    train = ["train", "--source", corpora.train, "--dev", corpora.dev]
    check(salin(*train, "--out", precious), precious, "thesis.tex")
    check(salin(*train, "--out", tagger_folder), tagger_folder, "finished tagger")
    check(salin("index", "--model", tagger_folder, "--source", corpora.train, "--out", precious), precious)
    assert [path.name for path in precious.iterdir()] == ["thesis.tex"]


def test_a_result_that_is_none(salin: Callable, earlier: Path) -> None:
    check(salin("compare", earlier), earlier, "not a result")
    check(salin("compare", earlier.with_name("earler.jsonl")), "no such file", "Did you mean earlier.jsonl?")
    check(salin("compare", earlier.parent), earlier.parent, "is a folder")


def test_a_full_disk(
    salin: Callable, earlier: Path, tagger_folder: Path, corpora, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    check(salin("tag", "--text", "si Ana", "--model", "rules:tl", "--out", earlier), earlier, "No space left")
    assert untouched(earlier)
    check(
        salin("evaluate", corpora.test, "--model", "rules:tl", "--labels", "PER", "--out", earlier), earlier, "No space"
    )
    assert untouched(earlier)
    new = earlier.parent / "index"
    check(salin("index", "--model", tagger_folder, "--source", corpora.train, "--out", new), "index", "No space left")
    assert not new.exists()


def test_a_folder_that_may_not_be_written(salin: Callable, earlier: Path) -> None:
    check(salin("tag", "--text", "si Ana", "--model", "rules:tl", "--out", earlier / "new.jsonl"), earlier, "written")
    assert untouched(earlier)


def test_a_model_card_is_not_needed_but_its_settings_are(salin: Callable, tagger_copy: Path) -> None:
    (tagger_copy / "README.md").unlink()
    assert salin("tag", "--text", "Ana", "--model", tagger_copy).status == 0
    settings = json.loads((tagger_copy / "salin.json").read_text("utf-8"))
    (tagger_copy / "salin.json").write_text(json.dumps({**settings, "tempreature": 2}), encoding="utf-8")
    check(salin("tag", "--text", "Ana", "--model", tagger_copy), tagger_copy / "salin.json", "tempreature")
