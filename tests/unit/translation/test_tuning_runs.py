"""A fine-tuning run: what it changes, what it keeps, and what comes out of it. That it learns is shown elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from salin.errors import DataError, ModelError, SettingError
from salin.training.loop import LoopSettings
from salin.translation.opening import open_translator
from salin.translation.tuning import AlignedName, AlignedSentence, TunedModel, TuningSettings, tune
from tiny_chat import build_chat_model

LOOP = {"steps": 6, "learning_rate": 0.05, "log_every": 1, "evaluate_every": 3, "checkpoint_every": 2}
SENTENCES = [
    AlignedSentence(f"{name} vive.", (AlignedName(name.upper(), name, "PER"),), f"{name.upper()} lives.")
    for name in (f"N{number}" for number in range(24))
]
DESCRIPTION = {
    "base": "random",
    "pairs": {"file": "pairs.jsonl", "names": 24, "sentences": 24, "translated": 24, "sha256": "abc"},
    "settings": {"rank": 4},
    "salin": "0",
}


@pytest.fixture(autouse=True)
def _peft(require: Callable[[str, bool], None]) -> None:
    require("peft (pip install 'salin[llm]')", find_spec("peft") is not None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_chat_model(tmp_path_factory.mktemp("base"), random=True)


def settings(**loop: object) -> TuningSettings:
    return TuningSettings(loop=LoopSettings.model_validate({**LOOP, **loop}), batch=4, rank=4)


def tuned(base: Path, folder: Path | None = None, **loop: object) -> TunedModel:
    return tune(str(base), SENTENCES, settings(**loop), language="es", folder=folder)


def weights(model: TunedModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.model.state_dict().items()}


def test_what_comes_out_is_a_plain_model_folder(base: Path, tmp_path: Path) -> None:
    made = tuned(base)
    made.save(tmp_path / "out", DESCRIPTION)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {path.name for path in base.iterdir()} | {"README.md"}, "no adapter stands beside it"
    before, now = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "out"))
    assert before.keys() == now.keys()
    changed = {name for name in before if not torch.equal(before[name], now[name])}
    assert changed == {name for name in before if "_proj" in name}, "linear layers, and neither embeddings nor head"
    translator = open_translator(f"transformers:{tmp_path / 'out'}?cache=off&max_tokens=4")
    translator.translate(["Llueve."])
    assert translator.usage.calls == 1
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| bring names back | 23 | 1 |" in card and "| translate and list names | 23 | 1 |" in card


def test_the_loss_of_answers_falls_and_chooses_the_weights(base: Path, tmp_path: Path) -> None:
    made = tuned(base, tmp_path, steps=12, learning_rate=0.01)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    losses = {record["step"]: record["eval_loss"] for record in records if "eval_loss" in record}
    assert made.figures["loss"] == min(losses.values()) < made.before["loss"]
    assert losses[made.figures["step"]] == made.figures["loss"]
    assert set(made.figures["exact"]) == {"back", "forward"}


def test_a_checkpoint_holds_what_is_trained_and_a_run_goes_on_from_it(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salin.training import loop

    save = loop.save_checkpoint

    def save_then_stop(*arguments: object) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", save_then_stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tuned(base, tmp_path / "stopped")
    kept = load_file(tmp_path / "stopped" / "checkpoint" / "model.safetensors")
    assert kept and all(".lora_" in name for name in kept)
    monkeypatch.setattr(loop, "save_checkpoint", save)
    whole, resumed = weights(tuned(base, tmp_path / "whole")), weights(tuned(base, tmp_path / "stopped"))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_a_checkpoint_of_other_pairs_is_refused(base: Path, tmp_path: Path) -> None:
    tuned(base, tmp_path)
    with pytest.raises(SettingError, match=r"made with other settings.*examples"):
        tune(str(base), SENTENCES[:-1], settings(), language="es", folder=tmp_path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_the_file_keeps_its_precision(base: Path, tmp_path: Path, dtype: torch.dtype, precision: str) -> None:
    from transformers import LlamaForCausalLM

    build_chat_model(tmp_path / "base", random=True)
    LlamaForCausalLM.from_pretrained(base, dtype=dtype).save_pretrained(tmp_path / "base")
    tuned(tmp_path / "base", steps=1, precision=precision).save(tmp_path / "out", DESCRIPTION)
    assert {tensor.dtype for tensor in load_file(tmp_path / "out" / "model.safetensors").values()} == {dtype}


def test_a_model_without_a_chat_template_gets_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    base = build_chat_model(tmp_path / "base", random=True, template=None)
    with pytest.raises(ModelError, match="no chat template"):
        open_translator(f"transformers:{base}?cache=off")
    tuned(base, steps=1).save(tmp_path / "out", DESCRIPTION)
    assert "it has no chat template, so it gets a plain one" in caplog.text
    assert open_translator(f"transformers:{tmp_path / 'out'}?cache=off")


def test_pairs_that_are_too_long_for_the_model_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Of these short sentences, translations are asked for in fewer pieces than names.
    base = build_chat_model(tmp_path / "base", random=True, positions=920)
    assert tuned(base, steps=1).examples == {"forward": 23}
    assert "23 questions are left out" in caplog.text
    base = build_chat_model(tmp_path / "other", random=True, positions=60)
    with pytest.raises(DataError, match="every pair is longer than the 60 pieces"):
        tuned(base, steps=1)


def test_a_pickle_in_the_folder_is_refused(tmp_path: Path) -> None:
    build_chat_model(tmp_path, random=True)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="a pickle can run code"):
        tuned(tmp_path)


def test_without_peft_the_extra_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(SettingError, match=r"salin\[llm\]"):
        tuned(base)
