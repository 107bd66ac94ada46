"""Model folders, opened safely: safetensors and JSON alone, known architectures alone, no code from a folder, ever.

Names are, in this order, a bundled model, a folder, or a Hugging Face id, of which only JSON, tokenizer files and
safetensors are downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers import PreTrainedConfig as Config
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from salin.errors import ModelError
from salin.values import is_list, is_object

BUNDLED = ("salin-tiny", "salin-tiny-encoder")
CRF_TYPE = "salin-crf"
_DOWNLOADED = ["*.json", "*.safetensors", "*.txt", "*.model", "model.onnx"]
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_LARGEST_HEADER = 50_000_000
_SHARED_KEYS = {"model_type", "architectures", "id2label", "label2id", "dtype", "torch_dtype", "num_labels"}
# Keys that architectures read by attribute without declaring a default (DeBERTa-v2 and its multilingual weights).
_UNDECLARED_KEYS = {
    "share_att_key", "norm_rel_ebd", "position_buckets", "attention_head_size", "conv_kernel_size", "conv_act",
    "conv_groups", "embedding_size",
}  # fmt: skip
_PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npz"}
# Parts of keys through which a config has been made to run or fetch code, unless their value is a number (a size).
_UNSAFE = ("auto_map", "trust_remote_code", "implementation", "kernel", "quantization", "_name_or_path")


def resolve(name: str | Path) -> Path:
    """The folder of a bundled model, a path or a Hugging Face id.

    Raises:
        ModelError: When there is no such model, the hub cannot be reached, or the folder holds an adapter.
    """
    if str(name) in BUNDLED:
        folder = Path(str(files("salin"))) / "assets" / str(name)
        if not (folder / "config.json").exists():
            raise ModelError(f"{name}: this installation of salin lacks its bundled model. Install salin again")
        return folder
    path = Path(name)
    if path.is_dir():
        _check_complete(path)
        return path
    if path.exists():
        raise ModelError(f"{path}: a model is a folder, not a file")
    try:
        downloaded = Path(snapshot_download(str(name), allow_patterns=_DOWNLOADED))
    except HFValidationError:
        raise ModelError(f"{name}: no such folder, and no Hugging Face id. Bundled: {', '.join(BUNDLED)}") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise ModelError(
            f"{name}: no such folder, and the hub did not give it ({type(error).__name__}). Check the spelling, the "
            f"network, and HF_HUB_OFFLINE. Bundled: {', '.join(BUNDLED)}"
        ) from error
    _check_complete(downloaded)
    return downloaded


def check_folder(folder: Path) -> None:
    """Refuses folders that hold pickles, damaged safetensors, or an adapter for weights that lie elsewhere.

    Raises:
        ModelError: Naming the file.
    """
    _check_complete(folder)
    check_unpickled(folder)
    weights = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".index.json"):
            _check_shards(path)
        if path.suffix == ".safetensors":
            check_safetensors(path)
            weights.append(path)
    if not weights:
        raise ModelError(f"{folder}: no .safetensors file. salin loads no other kind of weights")


def check_unpickled(folder: Path) -> None:
    """Refuses folders that hold a pickle, whatever it is called.

    Raises:
        ModelError: Naming the file.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_pickle(path):
            raise ModelError(
                f"{path}: a pickle can run code when it is loaded, so salin does not open folders that hold one. "
                "Convert the weights to safetensors and delete it"
            )


def check_safetensors(path: Path) -> None:
    """Checks the header and that the file is as long as the header says.

    Raises:
        ModelError: When the file is missing, is no safetensors file, or is cut off.
    """
    if not path.is_file():
        raise ModelError(f"{path}: this file is missing. Get it again")
    size = path.stat().st_size
    with open(path, "rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        if size < 10 or header_size > min(_LARGEST_HEADER, size - 8):
            raise ModelError(f"{path}: no complete safetensors file (its header does not fit). Get it again")
        try:
            header = json.loads(file.read(header_size))
            end = max((entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise ModelError(f"{path}: no safetensors file (its header is damaged). Get it again") from error
    if not isinstance(end, int) or size != 8 + header_size + end:
        raise ModelError(f"{path}: cut off or damaged: {size} bytes, of which its header says that {end} are tensors")


def load_config(folder: Path) -> Config:
    """Reads `config.json`, keeping only keys that the architecture knows.

    Raises:
        ModelError: When it is missing or damaged, or transformers has no such architecture.
    """
    path = folder / "config.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: no config.json, so this is no model folder") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no JSON: {error}") from error
    if not is_object(raw):
        raise ModelError(f"{path}: not the JSON of a config")
    kind = raw.get("backbone_model_type" if raw.get("model_type") == CRF_TYPE else "model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise ModelError(f"{path}: transformers {transformers.__version__} has no architecture {kind!r}")
    try:
        allowed = set(CONFIG_MAPPING[kind]().to_dict()) | _SHARED_KEYS | _UNDECLARED_KEYS
        safe = {key: value for key, value in _without_unsafe_keys(raw).items() if key in allowed}
        return CONFIG_MAPPING[kind].from_dict({**safe, "model_type": kind})
    except Exception as error:  # what a config does with values that it did not expect is its own affair
        raise ModelError(f"{path}: {error}") from error


def load_classifier(folder: Path, config: Config) -> PreTrainedModel:
    """A trained token classifier in fp32.

    Raises:
        ModelError: When the weights are missing or damaged or do not fit the config, or there is an encoder alone.
    """
    model, info = _load(AutoModelForTokenClassification, folder, config)
    if info["missing_keys"]:
        raise ModelError(f"{folder}: its weights lack {', '.join(sorted(info['missing_keys']))}. Get them again")
    return model


def load_with_new_head(folder: Path, config: Config) -> PreTrainedModel:
    """A token classifier in fp32 whose output layer is drawn from torch's seed, also where the folder holds one.

    Raises:
        ModelError: When the weights are missing or damaged or do not fit the config.
    """
    model, info = _load(AutoModelForTokenClassification, folder, config, ignore_mismatched_sizes=True)
    encoder = f"{model.base_model_prefix}."
    outputs = {
        name: module
        for name, module in cast(Iterator[tuple[str, nn.Module]], model.named_modules())
        if isinstance(module, nn.Linear) and module.out_features == config.num_labels and not name.startswith(encoder)
    }
    head = {f"{name}.{part}" for name in outputs for part in ("weight", "bias")}
    mismatched = {entry if isinstance(entry, str) else entry[0] for entry in info["mismatched_keys"]} - head
    # Poolers and the like, which tagging does not use, are in no classifier; what is in one and was not loaded is lost.
    lost = {name for name in info["missing_keys"] if name.startswith(encoder)}
    if mismatched or lost:
        raise ModelError(f"{folder}: its weights do not fit its config: {', '.join(sorted(mismatched | lost))}")
    for name, module in outputs.items():
        if f"{name}.weight" not in info["missing_keys"]:
            nn.init.normal_(module.weight, std=getattr(config, "initializer_range", 0.02))
            if module.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]: torch says it always has one
                nn.init.zeros_(module.bias)
    return model


def load_encoder(folder: Path) -> PreTrainedModel:
    """The encoder alone, in fp32 and eval mode, as it was pretrained or trained.

    Raises:
        ModelError: When the weights are missing or damaged or do not fit the config.
    """
    return _load(AutoModel, folder, load_config(folder))[0].eval()


def load_masked_model(folder: Path) -> tuple[PreTrainedModel, bool]:
    """An encoder in fp32 with a head that guesses pieces, as it goes on to be pretrained.

    Returns:
        The model, and whether its head is new, drawn from torch's seed: taggers and bare encoders have none.

    Raises:
        ModelError: When the weights are missing or damaged or do not fit the config, or there is no such head for the
            architecture.
    """
    model, info = _load(AutoModelForMaskedLM, folder, load_config(folder))
    encoder = f"{model.base_model_prefix}."
    if lost := {name for name in info["missing_keys"] if name.startswith(encoder)}:
        raise ModelError(f"{folder}: its weights do not fit its config: {', '.join(sorted(lost))}")
    return model, bool(info["missing_keys"])


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a folder.

    Raises:
        ModelError: When there is none.
    """
    if not any(path for kind in _VOCABULARIES for path in folder.glob(kind)):
        # transformers would make one that knows no word.
        raise ModelError(f"{folder}: no tokenizer. Add its tokenizer.json")
    try:
        # Byte-level tokenizers take words only when each begins with a space; others ignore the wish.
        with quiet():
            tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
                folder, use_fast=True, trust_remote_code=False, local_files_only=True, add_prefix_space=True
            )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"{folder}: no tokenizer that can be loaded without running code ({error})") from error
    if not tokenizer.is_fast:
        raise ModelError(f"{folder}: no fast tokenizer; salin aligns words by one. Add its tokenizer.json")
    if tokenizer.pad_token is None:
        # Decoders often have none; what stands in padding is never looked at.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _load(kind: Any, folder: Path, config: Config, **options: bool) -> tuple[PreTrainedModel, dict[str, Any]]:
    """A model, and what transformers says of how its weights fit."""
    check_folder(folder)
    try:
        with quiet():
            return kind.from_pretrained(
                folder, config=config, dtype=torch.float32, use_safetensors=True, local_files_only=True,
                trust_remote_code=False, output_loading_info=True, **options,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: its weights do not load: {error}") from error


@contextmanager
def quiet() -> Generator[None]:
    """Keeps transformers from drawing bars for milliseconds of work and from reporting a new head as missing."""
    verbosity, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        if bars:
            transformers.logging.enable_progress_bar()


def _without_unsafe_keys(value: Any) -> Any:
    """A config, and configs inside it, without the keys through which code comes in."""
    if is_list(value):
        return [_without_unsafe_keys(item) for item in value]
    if not is_object(value):
        return value
    return {
        key: _without_unsafe_keys(item)
        for key, item in value.items()
        if not any(part in key for part in _UNSAFE) or (isinstance(item, int | float) and not isinstance(item, bool))
    }


def _check_complete(folder: Path) -> None:
    """Refuses an adapter: where peft is installed, transformers would fetch the model that the adapter names."""
    path = folder / "adapter_config.json"
    if path.exists():
        raise ModelError(
            f"{path}: this is an adapter (peft), which changes a model whose weights lie elsewhere, and salin opens "
            "whole models alone. Merge it into its base model and save that with its tokenizer "
            "(peft: `model.merge_and_unload().save_pretrained(FOLDER)`)"
        )


def _check_shards(path: Path) -> None:
    """Refuses an index of weights that leads out of its folder, or to other files than safetensors."""
    try:
        shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        wrong = [shard for shard in shards if Path(shard).name != shard or Path(shard).suffix != ".safetensors"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: no index of weights ({error}). Get it again") from error
    if wrong:
        raise ModelError(f"{path}: it names {wrong[0]!r}, which is no safetensors file of this folder")


def _is_pickle(path: Path) -> bool:
    """Whether a file is a pickle or a torch archive, by its name or by what it begins with."""
    if path.suffix.lower() in _PICKLED:
        return True  # the oldest protocol is plain text that begins like any other
    with open(path, "rb") as file:
        start = file.read(64)
    if path.suffix == ".safetensors" and start[8:9] == b"{":
        return False  # the size of its header may begin like a pickle; what follows is checked in full
    return start[:1] == b"\x80" and len(start) > 1 and start[1] <= 5
