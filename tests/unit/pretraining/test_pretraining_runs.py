"""Whole runs of pretraining, tiny ones: from a recipe, or from a model that there is, to an encoder with its card."""

from __future__ import annotations

import json
import lzma
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from episode_texts import MadeUpText
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from salin.errors import SettingError
from salin.models import Tagger
from salin.pretraining import run as pretraining_run
from salin.pretraining.continued import continued
from salin.pretraining.run import pretrain
from salin.pretraining.settings import PretrainingSettings
from salin.training.loop import LoopSettings
from tiny_models import TEXT

RECIPE = """
[text]
plain = "text"
parallel = "parallel"
dictionaries = "dict"
lexicons = ["wiki"]
[text.sets]
news = 1
[tokenizer]
characters = 10_000
[model]
vocabulary = 400
hidden = 16
layers = 2
heads = 2
feed_forward = 32
positions = 24
[mixture]
weights = { masked = 1, translation = 1, switched = 1 }
rows = 6
[loop]
steps = 40
learning_rate = 2e-2
log_every = 5
evaluate_every = 20
checkpoint_every = 10
"""
DECODER = (
    RECIPE.replace("positions = 24", 'positions = 24\narchitecture = "llama"')
    .replace("masked = 1, translation = 1, switched = 1", "causal = 1, episodes = 1, official = 1")
    .replace("rows = 6", "rows = 8\ngroups = 2\n[episodes]\nways = 2\nshots = 1\n[official]\nways = 4\nshots = 2")
)
LOOP = LoopSettings(steps=20, learning_rate=3e-3, log_every=5, checkpoint_every=10)


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has been left to finish."""
    (folder / "finished.toml").write_text(RECIPE, encoding="utf-8")
    run = tmp_path_factory.mktemp("finished") / "run"
    pretrain(PretrainingSettings.read(folder / "finished.toml"), run)
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pretraining")
    english = [f"{line} {number}" for number in range(32) for line in TEXT[:6]]
    for language, lines in {"en": english, "nl": TEXT}.items():
        (root / "text" / language).mkdir(parents=True)
        with lzma.open(root / "text" / language / "news.txt.xz", "wt", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    (root / "parallel" / "news").mkdir(parents=True)
    (root / "parallel" / "news" / "en.txt").write_text("good morning\n\nthe match\n", encoding="utf-8")
    (root / "parallel" / "news" / "nl.txt").write_text("goedemorgen\nniets\nde wedstrijd\n", encoding="utf-8")
    (root / "dict" / "wiki").mkdir(parents=True)
    (root / "dict" / "wiki" / "en-nl.tsv").write_text("the\tde\nwon\twon\nmet\tontmoette\n", encoding="utf-8")
    return root


@pytest.fixture
def settings(folder: Path) -> Callable[[str], PretrainingSettings]:
    def read(recipe: str) -> PretrainingSettings:
        (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
        return PretrainingSettings.read(folder / "recipe.toml")

    return read


def records_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


Read = Callable[[str], PretrainingSettings]


def test_a_whole_run_learns_and_its_encoder_serves(finished: Path) -> None:
    losses = [record["loss"] for record in records_of(finished) if "loss" in record]
    assert sum(losses[-4:]) / 4 < losses[0] - 0.4
    assert AutoModelForMaskedLM.from_pretrained(finished / "encoder").config.vocab_size <= 400
    tagger = Tagger.on_encoder(finished / "encoder", ["PER"])
    assert tagger.settings.max_length == 24
    assert tagger.tag("Maria Sousa met Jan.").text == "Maria Sousa met Jan."


def test_the_log_tells_losses_by_objective_and_language_and_tokens(finished: Path) -> None:
    training = [record for record in records_of(finished) if "loss" in record]
    measured = [record for record in records_of(finished) if "eval_loss" in record]
    assert [record["step"] for record in measured] == [20, 40]
    assert [list(record["eval_masked"]) for record in measured] == [["en"], ["en"]], "nl is too small to hold out"
    assert list(measured[0]["eval_switched"]) == ["nl"]
    assert measured[1]["eval_masked"]["en"] < 5, "400 pieces drawn evenly have 6 nats"
    assert [record["tokens"] for record in training] == [record["step"] * 6 * 24 for record in training]
    assert all(record["tokens_per_second"] > 0 and record["masked_loss"] == record["loss"] for record in training)
    last = training[-1]
    assert last["masked_tokens"] + last["translation_tokens"] + last["switched_tokens"] == last["tokens"]


def test_the_card_says_what_it_was_made_of(finished: Path, folder: Path) -> None:
    card = (finished / "encoder" / "README.md").read_text(encoding="utf-8")
    report = json.loads((finished / "tokenizer-report.json").read_text(encoding="utf-8"))
    with lzma.open(folder / "text" / "en" / "news.txt.xz", "rt", encoding="utf-8") as file:
        characters = sum(len(line.rstrip("\n")) for line in file)
    assert f"| plain | en | 192 | 1 | {characters:,} | {report['en']['pieces_per_word']:.2f} |" in card
    assert "Translations: news." in card
    assert "5,760 tokens in" in card
    assert re.search(r"a second; \d\.\de\+\d\d floating-point operations", card)
    assert "| loop.steps | 40 |" in card
    assert str(folder) not in card, "where files lie is nobody's business"


def test_losses_are_plotted_where_matplotlib_is(
    settings: Read, finished: Path, tmp_path: Path, require: Callable[[str, bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    require("matplotlib (pip install 'salin[plots]')", pretraining_run.find_spec("matplotlib") is not None)
    assert "masked, held out" in (finished / "loss.svg").read_text(encoding="utf-8")
    assert "pieces per word" in (finished / "tokenizer-report.svg").read_text(encoding="utf-8")
    monkeypatch.setattr(pretraining_run, "find_spec", lambda name: None)
    pretrain(settings(RECIPE.replace("steps = 40", "steps = 1")), tmp_path / "plain")
    assert not list((tmp_path / "plain").glob("*.svg"))


@pytest.mark.parametrize("recipe", [RECIPE, DECODER], ids=["encoder", "decoder"])
def test_interrupted_anywhere_it_ends_with_the_same_weights(
    settings: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    shared = recipe.replace("[tokenizer]", f'[tokenizer]\nfolder = "{tmp_path / "whole" / "tokenizer"}"')
    pretrain(settings(recipe), tmp_path / "whole")
    whole = load_file(tmp_path / "whole" / "checkpoint" / "model.safetensors")
    loss = pretraining_run.mixture_loss
    calls = iter(range(1000))

    def dies(model: torch.nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        if next(calls) in (0, 13, 21, 32):
            raise KeyboardInterrupt
        return loss(model, batch)

    monkeypatch.setattr(pretraining_run, "mixture_loss", dies)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            pretrain(settings(shared), tmp_path / "killed")
    pretrain(settings(shared), tmp_path / "killed")
    killed = load_file(tmp_path / "killed" / "checkpoint" / "model.safetensors")
    assert all(torch.equal(tensor, killed[name]) for name, tensor in whole.items())
    logs = [
        [{name: value for name, value in record.items() if "second" not in name} for record in records_of(run)]
        for run in (tmp_path / "whole", tmp_path / "killed")
    ]
    assert logs[0] == logs[1]


def test_held_out_episodes_have_as_much_room_as_those_of_a_step(tmp_path: Path) -> None:
    (tmp_path / "text" / "en").mkdir(parents=True)
    lines = MadeUpText(5000).sentences["en"]
    (tmp_path / "text" / "en" / "made-up.txt").write_text("\n".join(lines), encoding="utf-8")
    settings = PretrainingSettings.model_validate({
        "text": {"plain": tmp_path / "text"},
        "tokenizer": {"characters": 10_000},
        "model": {"vocabulary": 300, "hidden": 16, "layers": 1, "heads": 2, "feed_forward": 32, "positions": 8},
        "mixture": {"weights": {"episodes": 1}, "rows": 24, "groups": 1},
        # Eighteen sentences of eight pieces: more rows than other objectives are measured on.
        "episodes": {"ways": 3, "shots": 4, "queries": 2, "characters": 50_000},
        "loop": {"steps": 2, "learning_rate": 1e-3},
    })  # fmt: skip
    assert "eval_loss" in pretrain(settings, tmp_path / "run")


def test_a_decoder_learns_from_episodes_too(settings: Read, tmp_path: Path) -> None:
    pretrain(settings("snapshot_every = 20" + DECODER), tmp_path / "run")
    records = records_of(tmp_path / "run")
    logged = {"causal_loss", "episodes_loss", "episodes_support_accuracy", "official_support_accuracy"}
    assert logged <= set().union(*records)
    assert {"causal", "official"} <= {name.removeprefix("eval_") for name in records[-1]}
    model, info = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "encoder", output_loading_info=True)
    assert not info["unexpected_keys"], "the head of the published episodes is no part of it"
    assert model.config.model_type == "llama"
    assert f"{model.num_parameters():,} parameters" in (tmp_path / "run" / "encoder" / "README.md").read_text()
    kept = sorted(path.name for path in (tmp_path / "run" / "steps").iterdir())
    assert kept == ["0000020", "0000040"]
    last = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "steps" / "0000040").state_dict()
    assert all(torch.equal(tensor, last[name]) for name, tensor in model.state_dict().items())


def test_runs_may_share_the_text_and_the_tokenizer(settings: Read, tmp_path: Path) -> None:
    first = RECIPE.replace("[text]", f'[text]\nstore = "{tmp_path / "store"}"').replace("steps = 40", "steps = 1")
    pretrain(settings(first), tmp_path / "one")
    made = (tmp_path / "store" / "store.json").stat()
    second = first.replace("[tokenizer]", f'[tokenizer]\nfolder = "{tmp_path / "one" / "tokenizer"}"')
    pretrain(settings(second), tmp_path / "two")
    assert (tmp_path / "store" / "store.json").stat() == made
    assert not (tmp_path / "two" / "text").exists()
    one, two = (load_file(tmp_path / run / "checkpoint" / "model.safetensors") for run in ("one", "two"))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_a_run_without_a_checkpoint_gives_way_to_one_of_other_settings(settings: Read, tmp_path: Path) -> None:
    once = RECIPE.replace("steps = 40", "steps = 1")
    with pytest.raises(SettingError, match="causal"):
        pretrain(settings(once.replace("masked = 1, translation = 1, switched = 1", "causal = 1")), tmp_path / "run")
    assert (tmp_path / "run" / "tokenizer").exists()
    pretrain(settings(once.replace("vocabulary = 400", "vocabulary = 300")), tmp_path / "run")
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "run" / "encoder").config.vocab_size <= 300


def test_a_run_whose_text_has_changed_does_not_go_on(settings: Read, folder: Path, tmp_path: Path) -> None:
    extra = folder / "text" / "nl" / "extra.txt"
    extra.write_text("een\n", encoding="utf-8")
    pretrain(settings(RECIPE.replace("steps = 40", "steps = 1")), tmp_path / "run")
    extra.write_text("twee\n", encoding="utf-8")
    with pytest.raises(SettingError, match="the sources of text"):
        pretrain(settings(RECIPE.replace("steps = 40", "steps = 1")), tmp_path / "run")
    extra.unlink()


@pytest.mark.parametrize("base", ["encoder", "tagger"])
def test_a_model_goes_on_with_other_text(
    model_folder: Callable[[str], Path], folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, base: str
) -> None:
    encoder = model_folder("bert")
    if base == "tagger":
        torch.manual_seed(1)
        Tagger.on_encoder(encoder, ["PER"]).save_pretrained(tmp_path / "tagger")
        encoder = tmp_path / "tagger"
    made = continued(
        str(encoder), [folder / "text" / "en"], LOOP, replay=[folder / "text" / "nl"], replay_share=0.25, rows=4
    )
    figures = pretrain(made, tmp_path / "run")
    assert "no language-model head, so a new one is trained, whose output layer is the embeddings" in caplog.text
    assert figures["eval_loss"] < figures["loss_before"]
    card = (tmp_path / "run" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert "| language | masked before | masked |" in card
    assert "| replay | nl | 24 |" in card
    name = "bert.embeddings.word_embeddings.weight"
    before = load_file(encoder / "model.safetensors")
    after = load_file(tmp_path / "run" / "encoder" / "model.safetensors")[name].float()
    assert (after - before.get(name, before.get(name.removeprefix("bert.")))).abs().max() < 0.1, "it did not begin anew"
    assert Tagger.on_encoder(tmp_path / "run" / "encoder", ["PER"]).tag("Maria met Jan.")


BASE = """
base = "{}"
[text]
plain = "text"
[mixture]
weights = {{ masked = 1 }}
rows = 4
[loop]
steps = 2
learning_rate = 1e-3
"""


def test_a_base_that_begins_with_a_dot_lies_beside_the_recipe(
    settings: Read, model_folder: Callable[[str], Path], folder: Path, tmp_path: Path
) -> None:
    """Wherever the command is run; and a run goes on when both have moved."""
    assert settings(BASE.format("./encoders/one")).base == str(folder / "encoders" / "one")
    assert settings(BASE.format("salin-tiny-encoder")).base == "salin-tiny-encoder"
    for place in ("one", "two"):
        shutil.copytree(model_folder("bert"), folder / place)
        pretrain(settings(BASE.format(f"./{place}")), tmp_path / "run")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("feed_forward", "feedforward", "did you mean 'feed_forward'"),
        ("masked = 1", "maskd = 1", "there is no objective 'maskd'"),
        ("masked = 1", "causal = 1", "causal rows are for decoders, and the model is an encoder"),
        ("masked = 1", "replay = 1", "replay rows need text.replay"),
        ('dictionaries = "dict"\nlexicons = ["wiki"]\n', "", "switched rows are English ones"),
        ('plain = "text"\n', "", "there is no text"),
        ("[text.sets]\nnews = 1\n", "", "parallel and sets go together"),
        ("[model]", 'base = "x"\n[model]', "tokenizer.base"),
        ("[text]", 'base = "x"\n[text]', "the sizes of a new model under model, or the base"),
        ("rows = 6", "rows = 6\ngroups = 4", "6 rows do not fall into 4 groups"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(settings: Read, tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in RECIPE
    with pytest.raises(SettingError, match=said):
        pretrain(settings(RECIPE.replace(before, after)), tmp_path / "run")


def test_masked_rows_are_refused_for_a_decoder(settings: Read, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="masked rows are for encoders, and the model is a decoder"):
        pretrain(settings(DECODER.replace("causal = 1", "masked = 1")), tmp_path / "run")
