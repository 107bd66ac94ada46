"""Decoders that there are go on with plain text: by their next pieces, exactly from any interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from salin.errors import ModelError, SettingError
from salin.models.loading import is_decoder, load_to_pretrain
from salin.pretraining import run as pretraining_run
from salin.pretraining.continued import continued
from salin.pretraining.run import pretrain
from salin.pretraining.settings import PretrainingSettings
from salin.training.loop import LoopSettings
from tiny_models import TEXT, build_decoder, build_model

LOOP = LoopSettings(steps=30, learning_rate=3e-3, log_every=5, checkpoint_every=10)
RECIPE = """
base = "./{}"
[text]
plain = "text"
[mixture]
weights = {{ {} }}
rows = 4
[loop]
steps = 2
learning_rate = 1e-3
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """English, of which a line is held out, and Dutch."""
    root = tmp_path_factory.mktemp("continued") / "text"
    for language, lines in {"en": [f"{line} {n}" for n in range(32) for line in TEXT[:6]], "nl": TEXT * 9}.items():
        (root / language).mkdir(parents=True)
        (root / language / "news.txt").write_text("\n".join(lines), encoding="utf-8")
    return root


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_decoder(request.param, tmp_path_factory.mktemp("base") / request.param)


def of(base: Path, text: Path, **more: Any) -> PretrainingSettings:
    return continued(str(base), [text / "en"], LOOP, replay=[text / "nl"], replay_share=0.25, rows=4, **more)


def test_a_decoder_goes_on_and_stays_what_it_was(base: Path, text: Path, tmp_path: Path) -> None:
    made = of(base, text)
    assert made.mixture.weights == {"causal": 0.75, "replay": 0.25}
    figures = pretrain(made, tmp_path / "run")
    assert figures["eval_loss"] < figures["loss_before"] - 0.1
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    assert {"causal_loss", "causal_tokens", "replay_tokens"} <= logged[0].keys()
    assert "replay_loss" not in logged[0], "both are next pieces, and share batches"
    assert logged[-1]["eval_causal"].keys() == {"en"}
    card = (tmp_path / "run" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation" in card and "| language | causal before | causal |" in card
    assert json.loads((tmp_path / "run" / "cost.json").read_text("utf-8"))["operations"] > 1e7

    one, other = (AutoModelForCausalLM.from_pretrained(folder) for folder in (base, tmp_path / "run" / "encoder"))
    assert type(one) is type(other) and one.num_parameters() == other.num_parameters()
    before = one.get_output_embeddings().weight
    moved = (other.get_output_embeddings().weight.float() - before).abs()
    assert 0 < moved.max() < 30 * LOOP.learning_rate, "neither its layers nor its head began anew"
    for sentence in ("Maria Sousa met Jan.", "Ajax won"):
        pieces = [AutoTokenizer.from_pretrained(at)(sentence).input_ids for at in (base, tmp_path / "run" / "encoder")]
        assert pieces[0] == pieces[1], "what its tokenizer does is not changed for salin's words"


def test_interrupted_anywhere_it_ends_with_the_same_weights(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = build_decoder("gpt2", tmp_path / "base")  # which has dropout
    pretrain(of(base, text), tmp_path / "whole")
    loss, calls = pretraining_run.mixture_loss, iter(range(1000))

    def dies(model: torch.nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        if next(calls) in (0, 13):
            raise KeyboardInterrupt
        return loss(model, batch)

    monkeypatch.setattr(pretraining_run, "mixture_loss", dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pretrain(of(base, text), tmp_path / "killed")
    pretrain(of(base, text), tmp_path / "killed")
    whole, killed = (load_file(tmp_path / run / "checkpoint" / "model.safetensors") for run in ("whole", "killed"))
    assert all(torch.equal(tensor, killed[name]) for name, tensor in whole.items())


def test_a_recipe_names_objectives_that_fit_its_base(text: Path, tmp_path: Path) -> None:
    build_decoder("llama", tmp_path / "decoder")
    build_model("bert", tmp_path / "encoder")
    (tmp_path / "text").symlink_to(text)

    def run(base: str, weights: str) -> None:
        (tmp_path / "recipe.toml").write_text(RECIPE.format(base, weights), encoding="utf-8")
        pretrain(PretrainingSettings.read(tmp_path / "recipe.toml"), tmp_path / base / "run")

    with pytest.raises(SettingError, match="masked rows are for encoders, and the model is a decoder: write causal"):
        run("decoder", "masked = 1")
    with pytest.raises(SettingError, match="causal rows are for decoders, and the model is an encoder: write masked"):
        run("encoder", "causal = 1")
    for base in ("decoder", "encoder"):
        with pytest.raises(SettingError, match=r"replay rows need text\.replay"):
            run(base, "replay = 1")
    run("decoder", "causal = 1")
    run("encoder", "masked = 1")


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "deberta-v2", "modernbert", "albert", "llama"])
def test_the_objective_follows_from_the_architecture(architecture: str, tmp_path: Path) -> None:
    folder = build_model(architecture, tmp_path / "model")
    assert is_decoder(str(folder)) is (architecture == "llama")
    model, new_head = load_to_pretrain(folder)
    assert new_head and is_decoder(model.config) is (architecture == "llama"), "these folders hold no head"


def test_what_neither_hides_nor_continues_is_refused(tmp_path: Path) -> None:
    folder = build_model("bert", tmp_path / "model")
    (folder / "config.json").write_text('{"model_type": "t5"}', encoding="utf-8")
    with pytest.raises(ModelError, match="t5 is neither an encoder nor a decoder"):
        load_to_pretrain(folder)
