"""From labelled sentences to a tagger, an adapted one, scores and a comparison, by commands alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.corpus import read
from salin.corpus.catalogue import sha256_of
from salin.evaluation.records import Ratios
from salin.models import Tagger


def test_a_trained_folder_holds_a_tagger_its_card_and_its_log(tagger_folder: Path, corpora) -> None:
    names = {path.name for path in tagger_folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "salin.json", "README.md", "training"} <= names
    assert [path.name for path in (tagger_folder / "training").iterdir()] == ["log.jsonl"]
    log = [json.loads(line) for line in (tagger_folder / "training/log.jsonl").read_text("utf-8").splitlines()]
    assert log[-1]["step"] == 40
    made = json.loads((tagger_folder / "salin.json").read_text("utf-8"))["provenance"]
    assert made["settings"]["loop"]["learning_rate"] == 0.01
    card = (tagger_folder / "README.md").read_text("utf-8")
    for part in ("train.conll", "dev.conll", made["data"][0]["sha256"], made["dev"][0]["sha256"], "loop.steps | 40"):
        assert part in card
    assert f"F1 {100 * made['figures']['f1']:.2f}" in card


def test_settings_without_options(salin: Callable, model_folder, corpora, tmp_path: Path) -> None:
    train = [
        "train",
        "--method",
        "meta",
        "--encoder",
        model_folder("bert"),
        "--source",
        corpora.train,
        "--dev",
        corpora.dev,
    ]
    chosen = ["loss_aggregation=sentence-mean", "mask_supports=true", "first_rank=2", "loop.schedule=constant"]
    more = [part for setting in chosen for part in ("--set", setting)]
    assert salin(*train, "--steps", 2, "--batch", 4, *more, "--out", tmp_path / "tagger").status == 0
    made = json.loads((tmp_path / "tagger" / "salin.json").read_text("utf-8"))["provenance"]["settings"]
    assert (made["loss_aggregation"], made["mask_supports"], made["first_rank"]) == ("sentence-mean", True, 2)
    assert (made["loop"]["schedule"], made["loop"]["steps"]) == ("constant", 2)


def test_evaluate_and_compare(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    plain, adapted, rules = (tmp_path / f"{name}.json" for name in ("plain", "adapted", "rules"))
    ran = salin("evaluate", corpora.test, "--model", tagger_folder, "--out", plain)
    assert ran.status == 0
    assert "all (micro)" in ran.output
    adapt = ["--adapt", "--source", corpora.train, "--rule", "bertadam", "--rate", "1e-4", "--steps", 2]
    ran = salin("evaluate", corpora.test, "--model", tagger_folder, *adapt, "--out", adapted, "--json")
    result = json.loads(ran.output)
    assert result == json.loads(adapted.read_text("utf-8"))
    assert result["seen"] is not None
    windower = Tagger.from_pretrained(tagger_folder).windower
    assert f"windows:{windower.max_length}/{windower.overlap}|" in result["signature"]
    assert result["signature"] == json.loads(plain.read_text("utf-8"))["signature"], "one tagger, one signature"
    assert result["seeds"] == [95]
    gazetteer = ["--model", "rules:gazetteer", "--source", corpora.train]
    assert salin("evaluate", corpora.test, *gazetteer, "--out", rules).status == 0
    ran = salin("compare", rules, plain, adapted)
    assert ran.status == 0
    assert "rules:gazetteer" in ran.output
    compared = json.loads(salin("compare", rules, plain, adapted, "--json").output)
    assert [row["versus"] is None for row in compared["rows"]] == [True, False, False]


def test_seeds_of_one_system_are_compared_together(
    salin: Callable, tagger_folder: Path, corpora, tmp_path: Path
) -> None:
    first = tmp_path / "first.json"
    salin("evaluate", corpora.test, "--model", tagger_folder, "--out", first)
    other = json.loads(first.read_text("utf-8"))
    other["seeds"] = [7]
    (tmp_path / "second.json").write_text(json.dumps(other), encoding="utf-8")
    compared = json.loads(salin("compare", first, tmp_path / "second.json", "--json").output)
    assert [row["seeds"] for row in compared["rows"]] == [2]


def test_runs_of_the_same_models_are_compared_in_pairs(
    salin: Callable, tagger_folder: Path, corpora, tmp_path: Path
) -> None:
    one = tmp_path / "one.json"
    salin("evaluate", corpora.test, "--model", tagger_folder, "--out", one)
    files: list[Path] = []
    for system in ("plain", "other"):
        for seed in (7, 8):
            files.append(tmp_path / f"{system}-{seed}.json")
            result = json.loads(one.read_text("utf-8")) | {"system": system, "seeds": [seed]}
            files[-1].write_text(json.dumps(result), encoding="utf-8")
    for flags, paired in ((), False), (("--paired",), True):
        compared = json.loads(salin("compare", *files, *flags, "--json").output)
        assert compared["rows"][1]["versus"]["paired"] is paired
    assert "paired t-test" in salin("compare", *files, "--paired").output


def test_a_result_says_how_it_adapted_and_other_ways_are_other_systems(
    salin: Callable, tagger_folder: Path, corpora, tmp_path: Path
) -> None:
    lexicon, target, test = tmp_path / "en-xx.tsv", tmp_path / "target.txt", tmp_path / "test.conll"
    lexicon.write_text("Lisbon\tLisboa\njoined\tingresó\n", encoding="utf-8")
    target.write_text("Vive en Lisboa.\n", encoding="utf-8")
    test.write_text(corpora.test.read_text("utf-8") + "\nLisboa\tB-LOC\n", encoding="utf-8")
    adapt = ["--model", tagger_folder, "--adapt", "--source", corpora.train]
    rest = ["--rate", 0.2, "--steps", 2, "--source-lexicon", lexicon, "--target", target]
    plain, other = tmp_path / "plain.json", tmp_path / "other.json"
    assert salin("evaluate", test, *adapt, "--out", plain).status == 0
    assert salin("evaluate", test, *adapt, "--k", 4, *rest, "--out", other).status == 0
    first, second = (json.loads(path.read_text("utf-8")) for path in (plain, other))
    source = {"name": "train.conll", "checksum": read(corpora.train).checksum, "sentences": 24}
    assert first["adaptation"] == {
        "rule": "sgd", "rate": 0.1, "steps": 1, "k": 2, "first_rank": 1, "vectors": "mean-0-centred",
        "frozen_blocks": None, "min_similarity": None,
        "source": [source], "lexicons": [], "target": None,
    }  # fmt: skip
    files = [{"name": path.name, "checksum": sha256_of(path)} for path in (lexicon, target)]
    assert second["adaptation"] == first["adaptation"] | {
        "rate": 0.2, "steps": 2, "k": 4, "lexicons": files[:1], "target": files[1]
    }  # fmt: skip
    seen, unseen = ([Ratios.model_validate(r[kind]).support for r in (first, second)] for kind in ("seen", "unseen"))
    assert (seen, unseen) == ([24, 25], [1, 0]), "seen is what was in the source, or in what it was translated to"

    other.write_text(json.dumps(second | {"seeds": [7]}), encoding="utf-8")
    compared = json.loads(salin("compare", plain, other, "--json").output)
    assert [(row["seeds"], row["adaptation"]["k"]) for row in compared["rows"]] == [(1, 2), (1, 4)]
    assert compared["rows"][1]["versus"] is None
    assert "no seed in common (7 and 95)" in " ".join(salin("compare", plain, other).output.split())


def test_meta_training_with_a_lexicon_and_fine_tuning(
    salin: Callable, model_folder: Callable, corpora, tmp_path: Path
) -> None:
    lexicon = tmp_path / "en-es.tsv"
    lexicon.write_text("joined\tfichó\nin\ten\non\tel\n", encoding="utf-8")
    files = ["--source", corpora.train, "--dev", corpora.dev, "--encoder", model_folder("bert")]
    small = ["--steps", 4, "--batch", 4, "--learning-rate", "1e-3"]
    meta = ["--method", "meta", "--k", 2, "--inner-steps", 1, "--lexicon", f"es={lexicon}", "--mask-rate", 0.2]
    ran = salin("train", *files, *small, *meta, "--max-weight", 0.5, "--out", tmp_path / "meta")
    assert ran.status == 0, ran.errors
    ran = salin(
        "finetune", "--model", tmp_path / "meta", "--target", corpora.test, "--fraction", 0.5, "--dev", corpora.dev,
        *small, "--out", tmp_path / "tuned",
    )  # fmt: skip
    assert ran.status == 0, ran.errors
    made = json.loads((tmp_path / "tuned/salin.json").read_text("utf-8"))["provenance"]
    assert made["data"][0]["sentences"] == 4
    assert made["before"]["method"] == "meta"


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(
    salin: Callable, model_folder: Callable, corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salin.training import loop, methods

    fit, save = loop.fit, loop.save_checkpoint

    def fit_with_checkpoints(model: object, batches: object, objective: object, settings, **rest: object) -> dict:
        return fit(model, batches, objective, settings.model_copy(update={"checkpoint_every": 2}), **rest)

    def save_then_stop(*arguments: object) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(methods, "fit", fit_with_checkpoints)
    command = ["train", "--source", corpora.train, "--dev", corpora.dev, "--encoder", model_folder("bert")]
    command += ["--steps", 6, "--batch", 4, "--evaluate-every", 2]
    assert salin(*command, "--out", tmp_path / "whole").status == 0

    monkeypatch.setattr(loop, "save_checkpoint", save_then_stop)
    ran = salin(*command, "--out", tmp_path / "stopped")
    assert ran.status == 130
    assert not (tmp_path / "stopped/salin.json").exists()
    monkeypatch.setattr(loop, "save_checkpoint", save)

    other = salin(*command, "--batch", 2, "--out", tmp_path / "stopped")
    assert other.status == 2
    assert "settings.batch: 4 then, 2 now" in other.errors

    ran = salin(*command, "--out", tmp_path / "stopped")
    assert ran.status == 0
    assert "going on" in ran.errors
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]


def test_an_index_serves_as_what_it_was_made_of(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    same = ["--model", tagger_folder, "--source", corpora.train]
    assert salin("index", *same, "--out", tmp_path / "index").status == 0
    command = ["tag", "--text", "Ana Reyes in Lisbon.", *same, "--adapt", "--neighbours"]
    assert salin(*command, "--index", tmp_path / "index").output == salin(*command).output


def test_an_index_may_hold_the_gradients_too(salin: Callable, tagger_folder: Path, corpora, tmp_path: Path) -> None:
    same = ["--model", tagger_folder, "--source", corpora.train]
    made = salin("index", *same, "--out", tmp_path / "index", "--factors", "all")
    assert made.status == 0
    assert re.search(r"gradients of 24 of 24 sentences take [\d.]+[KM]B of disk", made.errors)
    command = ["tag", corpora.test, *same, "--adapt"]
    computing, reading = salin(*command), salin(*command, "--index", tmp_path / "index", "--keep", "0")
    found, expected = ([json.loads(line) for line in ran.output.splitlines()] for ran in (reading, computing))
    for line in (*found, *expected):
        for entity in line["entities"]:
            del entity["score"]  # the same but for rounding
    assert found == expected
    assert re.search(r"of 16, \d+ \(\d+%\) were in memory, \d+ were computed; \d+ source sentences", computing.errors)
    assert re.search(r"of 16, .* on disk, 0 were computed; 0 source sentences take 0B", reading.errors)
    # They serve the rule that they were made for; the index itself serves any.
    other = salin(*command, "--index", tmp_path / "index", "--rule", "bertadam")
    assert other.status == 0
    assert "its gradients are for one step of sgd, and are not used" in other.errors

    text = tmp_path / "target.txt"
    text.write_text("Ana Reyes joined PSV in Sugbo.\n", encoding="utf-8")
    reached = [*same, "--target", text, "--factors", "reached", "--k", 3]
    made = salin("index", *reached, "--out", tmp_path / "reached")
    assert "gradients of 3 of 24 sentences" in made.errors


def test_neighbours_are_shown_and_given(salin: Callable, tagger_folder: Path, corpora) -> None:
    command = ["neighbours", "--model", tagger_folder, "--source", corpora.train, "-k", 3]
    ran = salin(*command, "--text", "Ana Reyes in Lisbon.")
    assert ran.status == 0
    assert "train.conll" in ran.output.replace("\n", "") or "…" in ran.output
    (found,) = json.loads(salin(*command, "--json", stdin="Ana Reyes in Lisbon.").output)
    assert len(found["neighbours"]) == 3


def test_info_of_the_machine_and_of_a_model(salin: Callable, tagger_folder: Path) -> None:
    assert "torch" in json.loads(salin("info", "--json").output)["versions"]
    described = json.loads(salin("info", tagger_folder, "--json").output)
    assert described["labels"] == ["LOC", "ORG", "PER"]
    assert described["adapted modules"]
    assert "labels" in salin("info", tagger_folder).output


def test_a_recipe_with_a_missing_file_is_refused_before_anything_is_trained(
    salin: Callable, corpora, tmp_path: Path
) -> None:
    recipe = tmp_path / "two.toml"
    recipe.write_text(
        "".join(
            [
                'title = "two"\nencoder = "nobody/nothing"\nbaseline = "gazetteer"\nseeds = [1]\n',
                *(
                    f'[label_sets.{name}]\nsource = ["{corpora.train}"]\ndev = "{corpora.dev}"\n'
                    f'tests = {{ {name} = "{test}" }}\n'
                    for name, test in (("en", corpora.test), ("es", "corpora/es.conll"))
                ),
                '[systems.gazetteer]\nmethod = "rules"\nrules = "rules:gazetteer"\n',
            ]
        ),
        encoding="utf-8",
    )
    run = ["run", recipe, "--results", tmp_path / "results", "--runs", tmp_path / "runs"]
    refused = salin(*run)
    assert refused.status == 2
    message = f"error: {recipe}: gazetteer-es needs corpora/es.conll, and there is no such file."
    assert message in refused.errors
    assert not (tmp_path / "results").exists()
    assert salin(*run, "--cell", "gazetteer-en").status == 0, "it needs another file"
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "es.conll").write_bytes(corpora.test.read_bytes())
    assert salin(*run).status == 0
    (tmp_path / "corpora" / "es.conll").unlink()
    assert salin(*run).status == 0, "a finished cell reads nothing more"


def test_a_recipe_lists_its_cells_and_shows_what_is_finished_of_it(
    salin: Callable, model_folder: Callable, corpora, tmp_path: Path
) -> None:
    recipe, test = tmp_path / "small.toml", tmp_path / "test.conll"
    test.write_bytes(corpora.test.read_bytes())
    recipe.write_text(
        f"""title = "small"
encoder = "{model_folder("bert")}"
baseline = "gazetteer"
seeds = [1]
[label_sets.all]
source = ["{corpora.train}"]
dev = "{corpora.dev}"
tests = {{ en = "{test}" }}
[systems.gazetteer]
method = "rules"
rules = "rules:gazetteer"
""",
        encoding="utf-8",
    )
    places = ["--results", tmp_path / "results", "--runs", tmp_path / "runs"]
    listed = salin("run", recipe, "--list", *places)
    assert (listed.status, listed.output) == (0, "gazetteer-all\tmissing\n")
    without = salin("run", recipe, "--table", *places)
    assert (without.status, without.output) == (2, "") and "no finished cell here" in without.errors
    assert not (tmp_path / "results").exists()
    ran = salin("run", recipe, *places)
    assert ran.status == 0, ran.errors
    assert "gazetteer" in ran.output
    assert "finished" in salin("run", recipe, *places).errors
    assert salin("run", recipe, "--list", *places).output == "gazetteer-all\tfinished\n"
    shown = salin("run", recipe, "--table", *places)
    assert (shown.output, shown.errors) == (ran.output, ""), "no cell is even looked at"
    assert "gazetteer-all" in salin("run", recipe, "--list", "--cell", "direct", *places).errors
    assert salin("run", recipe, "--list", "--table", *places).status == 2
    with test.open("a", encoding="utf-8") as file:
        file.write("\nAna\tB-PER\n")
    assert salin("run", recipe, "--list", *places).output == "gazetteer-all\tstale\n"
