"""Several languages on the command line: a tagger for all of them, then one of them alone, and which to begin with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.training.curves import TrainingLog

SMALL = ("--batch", 4, "--learning-rate", "1e-3")
DUTCH = """\
Jan\tB-PER
won\tO
in\tO
Eindhoven\tB-LOC

Ajax\tB-ORG
won\tO

De\tO
premier\tO
sprak\tO
met\tO
Maria\tB-PER
"""


@pytest.fixture
def dutch(tmp_path: Path) -> Path:
    path = tmp_path / "nl.conll"
    path.write_text(DUTCH, encoding="utf-8")
    return path


@pytest.fixture
def polyglot(salin: Callable, model_folder: Callable, corpora, dutch: Path, tmp_path: Path) -> Path:
    """Trained on two languages, the small one more often than it has sentences for."""
    ran = salin(
        "train", "--encoder", model_folder("bert"), "--source", f"en={corpora.train}", "--source", f"nl={dutch}",
        "--dev", corpora.dev, "--dev", dutch, "--sampling-temperature", 3, "--steps", 8, *SMALL,
        "--out", tmp_path / "polyglot",
    )  # fmt: skip
    assert ran.status == 0, ran.errors
    return tmp_path / "polyglot"


def made(folder: Path) -> dict:
    return json.loads((folder / "salin.json").read_text("utf-8"))["provenance"]


def test_train_on_several_languages_then_on_one(salin: Callable, polyglot: Path, dutch: Path, tmp_path: Path) -> None:
    provenance = made(polyglot)
    assert [data["name"] for data in provenance["data"]] == ["train.conll", "nl.conll"]
    assert [data["name"] for data in provenance["dev"]] == ["dev.conll", "nl.conll"]
    assert provenance["settings"]["sampling_temperature"] == 3

    tuned = tmp_path / "dutch"
    ran = salin(
        "finetune", "--model", polyglot, "--target", dutch, "--dev", dutch, "--patience", 2, *SMALL, "--out", tuned
    )
    assert ran.status == 0, ran.errors
    settings, figures = made(tuned)["settings"], made(tuned)["figures"]
    assert (settings["select"], settings["loop"]["patience"]) == ("loss", 2)
    assert (settings["loop"]["evaluate_every"], settings["loop"]["steps"]) == (1, 30), "a pass, and thirty at most"
    held_out = dict(TrainingLog.read(tuned / "training" / "log.jsonl").held_out)
    assert held_out[int(figures["step"])] == min(held_out.values()) == figures["loss"]
    assert "The loss on this data chose the checkpoint" in (tuned / "README.md").read_text("utf-8")
    assert "This figure chose the checkpoint" in (polyglot / "README.md").read_text("utf-8")


def test_supports_of_other_languages(
    salin: Callable, model_folder: Callable, corpora, dutch: Path, tmp_path: Path
) -> None:
    train = ["train", "--method", "meta", "--encoder", model_folder("bert"), "--dev", corpora.dev, "--steps", 2, *SMALL]
    other = ["--supports-from", "other", "--out", tmp_path / "meta"]
    ran = salin(*train, "--source", f"en={corpora.train}", "--source", f"nl={dutch}", *other)
    assert ran.status == 0, ran.errors
    assert made(tmp_path / "meta")["settings"]["supports_from"] == "other"
    ran = salin(
        *train, "--source", corpora.train, "--source", dutch, "--supports-from", "other", "--out", tmp_path / "x"
    )
    assert ran.status == 2
    assert "that of nl.conll, train.conll is not known. Name it: CODE=FILE" in " ".join(ran.errors.split())


@pytest.fixture
def lexicon(tmp_path: Path) -> str:
    """Of words that both languages have."""
    path = tmp_path / "en-es.tsv"
    path.write_text("won\tganó\nin\ten\n", encoding="utf-8")
    return f"es={path}"


def test_only_the_language_that_lexicons_translate_from_is_switched(
    salin: Callable, model_folder: Callable, corpora, dutch: Path, lexicon: str, tmp_path: Path
) -> None:
    train = ["train", "--encoder", model_folder("bert"), "--dev", corpora.dev, "--steps", 2, *SMALL]
    train += ["--lexicon", lexicon]
    several = ["--source", f"en={corpora.train}", "--source", f"nl={dutch}"]
    ran = salin(*train, *several, "--switch-language", "en", "--out", tmp_path / "switched")
    assert ran.status == 0, ran.errors
    assert made(tmp_path / "switched")["settings"]["switching"]["language"] == "en"
    for sources, complaint in (
        (several, "the sources are in several languages (en, nl). Say which one the lexicons translate from, such as "
                  "--switch-language en"),
        ([*several, "--switch-language", "de"], "translate from 'de', and the sources are in en, nl: say which"),
        ([*several[:2], "--source", dutch], "that of nl.conll is not known. Name it: CODE=FILE"),
        (["--source", corpora.train, "--switch-language", "en"], "that of train.conll is not known."),
    ):  # fmt: skip
        ran = salin(*train, *sources, "--out", tmp_path / "refused")
        assert ran.status == 2
        assert complaint in " ".join(ran.errors.split())


@pytest.mark.parametrize("code", ["", "en="], ids=["unknown", "en"])
def test_sources_in_one_language_are_all_switched(
    salin: Callable, model_folder: Callable, corpora, lexicon: str, tmp_path: Path, code: str
) -> None:
    files = ["--source", f"{code}{corpora.train}", "--source", f"{code}{corpora.dev}", "--dev", corpora.dev]
    train = ["train", "--encoder", model_folder("bert"), *files, "--lexicon", lexicon, "--steps", 1, *SMALL]
    ran = salin(*train, "--out", tmp_path / "tagger")
    assert ran.status == 0, ran.errors
    assert made(tmp_path / "tagger")["settings"]["switching"]["language"] is None


def test_what_does_not_go_together(salin: Callable, corpora, tmp_path: Path) -> None:
    files = ["train", "--source", corpora.train, "--dev", corpora.dev, "--out", tmp_path / "x"]
    for options, complaint in (
        (["--supports-from", "same"], "--supports-from is about meta-training"),
        (["--patience", 2, "--evaluate-every", 0], "patience counts evaluations"),
        (["--switch-language", "en"], "--switch-language en is about code-switching: give --lexicon"),
    ):
        ran = salin(*files, *options)
        assert ran.status == 2
        assert complaint in " ".join(ran.errors.split())


def test_sources_are_ranked_for_a_text(
    salin: Callable, model_folder: Callable, corpora, dutch: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Jan won in Eindhoven. De premier sprak met Ajax.\n", encoding="utf-8")
    command = ["rank-sources", text, "--encoder", model_folder("bert"), "--source", f"nl={dutch}"]
    ran = salin(*command, "--source", f"en={corpora.train}")
    assert ran.status == 0, ran.errors
    assert all(heading in ran.output for heading in ("words", "n-grams", "script", "representation", "rank"))
    found = json.loads(salin(*command, "--source", f"en={corpora.train}", "--json").output)
    assert [source["name"] for source in found] == ["nl", "en"], "the nearest first"
    assert [source["entities"] for source in found] == [4, 72]
    assert found[0]["distances"]["words"] == 0
    ran = salin(*command)
    assert ran.status == 2
    assert "nothing to rank in one source" in ran.errors


def test_what_a_ranking_is_worth_is_read_from_results(
    salin: Callable, model_folder: Callable, corpora, dutch: Path, tmp_path: Path
) -> None:
    """A matrix of two sources and one target of another language, trained for a moment."""
    encoder, places = model_folder("bert"), ("--results", tmp_path / "results", "--runs", tmp_path / "runs")
    (tmp_path / "xx.conll").write_text("Maria\tB-PER\nsprak\tO\n", encoding="utf-8")
    sets = "".join(
        f'[label_sets.{code}]\nsource = {{ {code} = ["{file}"] }}\ndev = "{file}"\n'
        for code, file in (("en", corpora.train), ("nl", dutch))
    )
    head = f'title = "T"\nencoder = "{encoder}"\nbaseline = "BASE"\nseeds = [1]\n'
    loop = "[training.loop]\nsteps = 2\nlearning_rate = 1e-3\n"
    mono = head.replace("BASE", "mono") + loop + '[systems.mono]\nmethod = "direct"\n' + sets
    (tmp_path / "mono.toml").write_text(mono, encoding="utf-8")
    systems = "".join(
        f'[systems.{code}]\nmethod = "trained"\n'
        f'trained_by = {{ recipe = "mono.toml", system = "mono", label_set = "{code}" }}\n'
        for code in ("en", "nl")
    )
    tests = f'[label_sets.all]\nsource = ["{dutch}"]\ndev = "{dutch}"\ntests = {{ xx = "xx.conll" }}\n'
    (tmp_path / "matrix.toml").write_text(head.replace("BASE", "en") + systems + tests, encoding="utf-8")
    ran = salin("run", tmp_path / "matrix.toml", *places)
    assert ran.status == 0, ran.errors

    analyse = ("analyse", "sources", tmp_path / "matrix.toml", "--results", tmp_path / "results", "--encoder", encoder)
    ran = salin(*analyse)
    assert ran.status == 0, ran.errors
    assert "Targets: 1;" in " ".join(ran.output.split())
    again = salin(*analyse, "--json")
    assert "as it was" in " ".join(again.errors.split())
    found = json.loads(again.output)
    results = {path.name: json.loads(path.read_text("utf-8")) for path in (tmp_path / "results" / "matrix").iterdir()}
    assert found in results.values(), "it is what stands in the file"
    (target,) = found["targets"]
    assert target["name"] == "xx"
    assert target["f1"] == {
        code: results[f"{code}-all-1.json"]["results"]["xx"][code]["micro"]["f1"] for code in ("en", "nl")
    }
    assert [chooser["chooser"] for chooser in found["choosers"]][-2:] == ["most entities", "at random"]
