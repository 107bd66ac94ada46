"""Model folders are opened safely: by what files hold, not by what they are called."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from salin.errors import ModelError
from salin.models import Tagger
from salin.models.loading import check_folder, check_safetensors, load_config, load_encoder, load_tokenizer, resolve


@pytest.fixture
def folder(model_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    """A fresh copy of a good folder, to be spoilt."""
    return Path(shutil.copytree(model_folder("bert"), tmp_path / "model"))


class Bomb:
    def __reduce__(self) -> tuple:
        return pytest.fail, ("a pickle was run",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", ["pytorch_model.bin", "training_args.bin", "notes.txt", "weights", "more.safetensors"])
def test_a_pickle_is_refused_whatever_it_is_called(folder: Path, name: str, protocol: int) -> None:
    (folder / name).write_bytes(pickle.dumps(Bomb(), protocol))
    with pytest.raises(ModelError, match=rf"{name}: a pickle can run code.*safetensors"):
        load_encoder(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "checkpoint-500/optimizer.pt", "checkpoint-500/notes.txt"])
def test_a_pickle_is_refused_in_plain_text_and_in_a_folder_inside(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Bomb(), protocol=2 if name.endswith(".txt") else 0))
    with pytest.raises(ModelError, match=rf"{name}: a pickle can run code"):
        load_encoder(folder)


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt"])
def test_a_torch_archive_is_refused(folder: Path, suffix: str) -> None:
    with zipfile.ZipFile(folder / f"model{suffix}", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match=f"model{suffix}: a pickle"):
        check_folder(folder)


def test_a_zip_called_safetensors_is_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.safetensors", "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load_encoder(folder)


def test_only_pickled_weights_are_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no \.safetensors file"):
        load_encoder(folder)


@pytest.mark.parametrize("beside", ["adapter alone", "whole model"])
def test_an_adapter_whose_base_model_lies_elsewhere_is_refused(folder: Path, beside: str) -> None:
    """Where peft is installed, transformers would fetch the base model that the adapter names."""
    if beside == "adapter alone":
        (folder / "config.json").unlink()
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "some/bert"})
    )
    for opened in (Tagger.from_pretrained, lambda path: Tagger.on_encoder(path, ["PER"]), check_folder, resolve):
        with pytest.raises(ModelError, match=r"adapter_config\.json: .*\(peft\).*merge_and_unload"):
            opened(folder)


def test_an_adapter_from_the_hub_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "adapter_config.json").write_text("{}")
    monkeypatch.setattr("salin.models.loading.snapshot_download", lambda *_, **__: str(folder))
    with pytest.raises(ModelError, match="merge_and_unload"):
        resolve("somebody/some-adapter")


@pytest.mark.parametrize("kept", [0, 5, 9, 100, -1])
def test_truncated_weights_are_refused(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"model\.safetensors: .*(cut off|no complete)"):
        load_encoder(folder)


def test_weights_with_something_behind_them_are_refused(folder: Path) -> None:
    with open(folder / "model.safetensors", "ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="cut off or damaged"):
        check_folder(folder)


@pytest.mark.parametrize(
    "header",
    [
        b"no json",
        b"[" * 100_000,
        b"[]",
        b"\xff\xfe{}",
        b'{"a": 1}',
        b'{"a": {"dtype": "F32"}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": []}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, "4"]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1000000000000]}}',
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match=r"x\.safetensors"):
        check_safetensors(path)


@pytest.mark.parametrize("size", [2**63, 60_000_000, 2**64 - 1])
def test_a_huge_header_is_refused_before_it_is_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.safetensors"
    with open(path, "wb") as file:
        file.write(size.to_bytes(8, "little"))
        file.truncate(70_000_000)  # a hole: takes no room
    with pytest.raises(ModelError, match="its header does not fit"):
        check_safetensors(path)


@pytest.mark.parametrize("shard", ["../other/model.safetensors", "/etc/passwd", "pytorch_model-1.bin"])
def test_an_index_that_leads_elsewhere_is_refused(folder: Path, shard: str) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(ModelError, match=r"no safetensors file of this folder"):
        load_encoder(folder)


def test_a_checkpoint_in_shards_is_loaded(folder: Path) -> None:
    whole = load_encoder(folder)
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder, max_shard_size="4KB")
    assert (folder / "model.safetensors.index.json").exists()
    again = load_encoder(folder).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.state_dict().items())


def test_weights_that_do_not_fit_the_config_are_refused(folder: Path) -> None:
    edit(folder, hidden_size=32)
    with pytest.raises(ModelError, match="its weights do not"):
        load_encoder(folder)
    with pytest.raises(ModelError, match="its weights do not fit its config"):
        Tagger.on_encoder(folder, ["PER"])


def test_a_layer_that_is_missing_is_not_made_up(folder: Path) -> None:
    edit(folder, num_hidden_layers=4)
    with pytest.raises(ModelError, match=r"do not fit its config: bert\.encoder\.layer\.3"):
        Tagger.on_encoder(folder, ["PER"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "not the JSON of a config"),
        ("[" * 100_000, "no JSON"),
        ('{"model_type": "no-such-thing"}', "no architecture 'no-such-thing'"),
        ('{"model_type": ["bert"]}', "no architecture"),
        ('{"hidden_size": 4}', "no architecture None"),
        ('{"model_type": "salin-crf"}', "no architecture None"),
        ('{"model_type": "bert", "hidden_size": "many"}', r"config\.json"),
    ],
)
def test_a_damaged_config_is_refused(folder: Path, content: str, message: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        load_config(folder)


def test_keys_through_which_code_comes_in_are_left_out(folder: Path) -> None:
    edit(
        folder,
        auto_map={"AutoModel": "evil.Model"},
        trust_remote_code=True,
        _attn_implementation="somebody/kernel",
        attn_implementation="somebody/kernel",
        _attn_implementation_internal="somebody/kernel",
        experts_implementation="somebody/kernel",
        quantization_config={"quant_method": "somebody"},
        use_kernels=True,
        kernel_config={"a": "b"},
        _name_or_path="elsewhere",
        made_up_key=1,
    )
    config = load_config(folder)
    for key in ("auto_map", "quantization_config", "use_kernels", "kernel_config", "made_up_key"):
        assert not hasattr(config, key)
    assert config._attn_implementation_internal in (None, "eager", "sdpa")
    assert config.name_or_path == ""
    assert load_encoder(folder).config._attn_implementation in ("eager", "sdpa")


def test_sizes_that_sound_like_code_are_kept(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder("deberta-v2"), tmp_path / "model"))
    edit(folder, conv_kernel_size=3, id2label={"0": "O"}, label2id={"O": 0})
    config = load_config(folder)
    assert (config.conv_kernel_size, config.position_buckets, config.share_att_key) == (3, 8, True)


def test_code_in_the_folder_is_not_run(folder: Path) -> None:
    for name in ("modeling_evil.py", "tokenization_evil.py", "configuration_evil.py"):
        (folder / name).write_text("raise SystemExit('code of a model folder was run')\n")
    automatic = {"AutoModel": "modeling_evil.X", "AutoTokenizer": ["tokenization_evil.X", "tokenization_evil.X"]}
    edit(folder, auto_map=automatic)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": automatic}))
    Tagger.on_encoder(folder, ["PER"])


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        load_tokenizer(folder)


def test_names(tmp_path: Path) -> None:
    assert resolve(tmp_path) == tmp_path
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="a folder, not a file"):
        resolve(tmp_path / "file")
    with pytest.raises(ModelError, match=r"no such folder.*salin-tiny"):
        resolve(tmp_path / "missing")
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_config(tmp_path)


def test_offline_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def socket(*_: object, **__: object) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", socket)
    with pytest.raises(ModelError, match=r"somebody/some-model: .*HF_HUB_OFFLINE"):
        resolve("somebody/some-model")


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
