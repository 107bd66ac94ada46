"""Model folders are opened safely: by what files hold, not by what they are called."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
import transformers

from salin.errors import ModelError
from salin.models import Tagger, loading
from salin.models.loading import load_config, load_encoder, load_tokenizer, resolve
from salin.models.safety import check_folder, check_safetensors


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


@pytest.mark.parametrize("name", ["weights", "notes.txt", "model.zip"])
def test_a_torch_archive_of_another_name_is_refused(folder: Path, name: str) -> None:
    torch.save({"weight": torch.zeros(1)}, folder / name)
    with pytest.raises(ModelError, match=rf"{name}: a pickle"):
        check_folder(folder)


def test_an_archive_without_a_pickle_is_none(folder: Path) -> None:
    with zipfile.ZipFile(folder / "examples.zip", "w") as archive:
        archive.writestr("examples.txt", "Ana lives in Madrid.")
    load_encoder(folder)


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


def test_from_the_hub_comes_what_is_opened_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "salin.models.loading.snapshot_download",
        lambda *_, allow_patterns: asked.extend(allow_patterns) or str(folder),
    )
    resolve("somebody/some-model")
    wanted = ("config.json", "model-00001-of-00002.safetensors", "vocab.txt", "tokenizer.model", "chat_template.jinja")
    assert all(any(fnmatch(name, pattern) for pattern in asked) for name in wanted)
    refused = ("pytorch_model.bin", "modeling_own.py", "model.pkl")
    assert not any(fnmatch(name, pattern) for name in refused for pattern in asked)


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


OPENERS: list[Callable[[Path], object]] = [load_encoder, lambda folder: Tagger.on_encoder(folder, ["PER"])]


@pytest.mark.parametrize("opened", OPENERS)
def test_weights_of_other_sizes_than_the_config_says_are_refused(
    folder: Path, opened: Callable[[Path], object]
) -> None:
    edit(folder, hidden_size=32)
    with pytest.raises(ModelError, match=r"config\.json: .*vectors of 32, but its weights do not fit its config"):
        opened(folder)


@pytest.mark.parametrize("opened", OPENERS)
def test_a_layer_that_is_missing_is_not_made_up(folder: Path, opened: Callable[[Path], object]) -> None:
    edit(folder, num_hidden_layers=4)
    with pytest.raises(ModelError, match=r"config\.json: num_hidden_layers is 4, but its weights hold 3 blocks"):
        opened(folder)


@pytest.mark.parametrize("architecture", ["bert", "albert", "modernbert"])
@pytest.mark.parametrize("blocks", [5_000, 1_000_000, 10**12])
def test_blocks_without_end_are_refused_before_one_is_built(
    model_folder: Callable[[str], Path], tmp_path: Path, architecture: str, blocks: int
) -> None:
    folder = Path(shutil.copytree(model_folder(architecture), tmp_path / "model"))
    edit(folder, num_hidden_layers=blocks)
    with pytest.raises(ModelError, match=rf"(?s)config\.json: .*num_hidden_layers\D+{blocks}\D"):
        load_encoder(folder)


@pytest.mark.parametrize("size", ["vocab_size", "intermediate_size", "max_position_embeddings"])
def test_a_network_that_is_too_large_for_its_weights_is_refused_before_it_takes_memory(folder: Path, size: str) -> None:
    edit(folder, **{size: 10**9})
    with pytest.raises(ModelError, match=r"config\.json: it describes a network of [\d,]+ numbers"):
        load_encoder(folder)


def test_what_is_checked_first_draws_no_random_number(folder: Path) -> None:
    """A new head has the weights that the seed gives it."""
    torch.manual_seed(5)
    first = Tagger.on_encoder(folder, ["PER"]).network.state_dict()
    torch.manual_seed(5)
    config = load_config(folder)
    before = torch.get_rng_state()
    assert loading._on_meta(transformers.AutoModelForTokenClassification, config) is not None
    assert torch.equal(torch.get_rng_state(), before)
    again = Tagger.on_encoder(folder, ["PER"]).network.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())


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
        ('{"model_type": "bert", "num_labels": 1000000000000}', "num_labels is 1000000000000"),
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
