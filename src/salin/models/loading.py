"""Model folders, opened safely: safetensors and JSON alone, known architectures alone, no code from a folder, ever.

Names are, in this order, a bundled model, a folder, or a Hugging Face id, of which only JSON, tokenizer files and
safetensors are downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers import PreTrainedConfig as Config
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from salin.errors import ModelError
from salin.models.byte_config import NAMES, ByteConfig, named_config
from salin.models.own import OWN
from salin.models.parameters import output_layers
from salin.models.safety import check_counts, check_folder, check_parts, check_sizes, check_whole, without_unsafe_keys
from salin.values import is_object

BUNDLED = ("salin-tiny", "salin-tiny-encoder")
#: Under these types, of which transformers knows none, stand networks that are more than it would take them for.
CRF_TYPE, RIGHT_CONTEXT_TYPE = "salin-crf", "salin-right-context"
_DOWNLOADED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "model.onnx"]
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_SHARED_KEYS = {"model_type", "architectures", "id2label", "label2id", "dtype", "torch_dtype", "num_labels"}
# Keys that architectures read by attribute without declaring a default (DeBERTa-v2 and its multilingual weights).
_UNDECLARED_KEYS = {
    "share_att_key", "norm_rel_ebd", "position_buckets", "attention_head_size", "conv_kernel_size", "conv_act",
    "conv_groups", "embedding_size",
}  # fmt: skip
# Rotary positions as folders of before transformers 5 name them, and most decoders still do: no default names them, and
# without them a model computes other positions than it was trained with.
_ROTARY_KEYS = {
    "rope_theta", "rope_scaling", "rope_local_base_freq", "global_rope_theta", "local_rope_theta", "rotary_emb_base",
    "rotary_pct", "partial_rotary_factor", "original_max_position_embeddings", "sliding_window_pattern",
}  # fmt: skip


def resolve(name: str | Path) -> Path:
    """The folder of a bundled model, a path or a Hugging Face id.

    Raises:
        ModelError: When there is no such model, the hub cannot be reached, or the folder holds an adapter.
    """
    folder = _find(name, _DOWNLOADED)
    check_whole(folder)
    return folder


@lru_cache(maxsize=64)
def block_count(name: str) -> int:
    """How many blocks a model has, by its config: of one on the hub nothing else is downloaded.

    Args:
        name: As of [resolve][salin.models.loading.resolve], or that of a network that is made from scratch.

    Raises:
        ModelError: When there is no such model, or the hub cannot be reached.
    """
    config = named_config(name) or load_config(_find(name, ["config.json"]))
    return getattr(config, "num_hidden_layers", 0)


def is_decoder(model: str | Path | Config) -> bool:
    """Whether a model guesses next pieces, each from those before it, rather than pieces that are hidden.

    Most encoders could be made to, and transformers has the classes for that: where an architecture has a masked
    language model, the config has to say that it decodes.

    Args:
        model: A config, or a name as of [resolve][salin.models.loading.resolve]: of one on the hub nothing else is
            downloaded.

    Raises:
        ModelError: When there is no such model, or the hub cannot be reached.
    """
    config = model if isinstance(model, Config) else load_config(_find(model, ["config.json"]))
    masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and (
        not masked or getattr(config, "is_decoder", False)
    )


def _find(name: str | Path, files_of_it: list[str]) -> Path:
    """The folder of a model; of one on the hub it holds these files at least."""
    if str(name) in BUNDLED:
        folder = Path(str(files("salin"))) / "assets" / str(name)
        if not (folder / "config.json").exists():
            raise ModelError(f"{name}: this installation of salin lacks its bundled model. Install salin again")
        return folder
    path = Path(name)
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(f"{path}: a model is a folder, not a file")
    if str(name).partition(":")[0] in NAMES:
        raise ModelError(f"{name}: it is made from scratch, so train one first: salin train --encoder {name}")
    try:
        return Path(snapshot_download(str(name), allow_patterns=files_of_it))
    except HFValidationError:
        raise ModelError(f"{name}: no such folder, and no Hugging Face id. Bundled: {', '.join(BUNDLED)}") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise ModelError(
            f"{name}: no such folder, and the hub did not give it ({type(error).__name__}). Check the spelling, the "
            f"network, and HF_HUB_OFFLINE. Bundled: {', '.join(BUNDLED)}"
        ) from error


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
    check_counts(raw, path)
    own = raw.get("model_type") in (CRF_TYPE, RIGHT_CONTEXT_TYPE)
    kind = raw.get("backbone_model_type" if own else "model_type")
    known = _config_class(kind) if isinstance(kind, str) else None
    if known is None:
        raise ModelError(f"{path}: transformers {transformers.__version__} has no architecture {kind!r}")
    try:
        allowed = set(known().to_dict()) | _SHARED_KEYS | _UNDECLARED_KEYS | _ROTARY_KEYS
        safe = {key: value for key, value in without_unsafe_keys(raw).items() if key in allowed}
        config = known.from_dict({**safe, "model_type": kind})
        if isinstance(config, ByteConfig):
            config.check()
        return config
    except Exception as error:  # what a config does with values that it did not expect is its own affair
        raise ModelError(f"{path}: {error}") from error


def _config_class(kind: str) -> type[Config] | None:
    if kind in OWN:
        return OWN[kind][0]
    # Its `get` knows nothing: what it maps is looked up when it is asked for by index.
    return CONFIG_MAPPING[kind] if kind in CONFIG_MAPPING else None  # noqa: SIM401


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
    encoder, outputs = f"{model.base_model_prefix}.", output_layers(model)
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


def load_to_pretrain(folder: Path) -> tuple[PreTrainedModel, bool]:
    """A model in fp32 with its language-model head: an encoder's guesses hidden pieces, a decoder's the next ones.

    Returns:
        The model, and whether its head is new, drawn from torch's seed: taggers and bare encoders have none.

    Raises:
        ModelError: When the weights are missing or damaged or do not fit the config, or there is no such head for the
            architecture.
    """
    config = load_config(folder)
    kind = config.model_type
    if kind not in (*MODEL_FOR_MASKED_LM_MAPPING_NAMES, *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *OWN):
        raise ModelError(f"{folder}: {kind} is neither an encoder nor a decoder that transformers has text guessed by")
    model, info = _load(AutoModelForCausalLM if is_decoder(config) else AutoModelForMaskedLM, folder, config)
    encoder = f"{model.base_model_prefix}."
    if lost := {name for name in info["missing_keys"] if name.startswith(encoder)}:
        raise ModelError(f"{folder}: its weights do not fit its config: {', '.join(sorted(lost))}")
    return model, bool(info["missing_keys"])


def load_language_model(folder: Path) -> PreTrainedModel:
    """A decoder that writes text, in eval mode and in the precision of its file.

    Raises:
        ModelError: When the weights are missing or damaged or do not fit the config, or it is no such model.
    """
    config = load_config(folder)
    model, info = _load(AutoModelForCausalLM, folder, config, dtype="auto")
    if info["missing_keys"]:
        raise ModelError(f"{folder}: no model that writes text: it lacks {', '.join(sorted(info['missing_keys']))}")
    return model.eval()


def load_tokenizer(folder: Path, *, for_words: bool = True) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a folder.

    Args:
        folder: It.
        for_words: Whether it is given ready-made words, rather than running text.

    Raises:
        ModelError: When there is none.
    """
    if not any(path for kind in _VOCABULARIES for path in folder.glob(kind)):
        # transformers would make one that knows no word.
        raise ModelError(f"{folder}: no tokenizer. Add its tokenizer.json")
    try:
        # Byte-level tokenizers take words only when each begins with a space; others ignore the wish.
        spaced = {"add_prefix_space": True} if for_words else {}
        with quiet():
            tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
                folder, use_fast=True, trust_remote_code=False, local_files_only=True, **spaced
            )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"{folder}: no tokenizer that can be loaded without running code ({error})") from error
    if not tokenizer.is_fast:
        raise ModelError(f"{folder}: no fast tokenizer; salin aligns words by one. Add its tokenizer.json")
    if tokenizer.pad_token is None:
        # Decoders often have none; what stands in padding is never looked at.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _load(
    kind: Any, folder: Path, config: Config, *, dtype: torch.dtype | str = torch.float32, **options: bool
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """A model, and what transformers says of how its weights fit."""
    shapes = check_folder(folder)
    check_parts(config, shapes, folder / "config.json")
    if config.model_type in OWN:
        if kind is not AutoModelForTokenClassification:
            raise ModelError(f"{folder}: a byte-level tagger, which is no encoder of sentences for anything else")
        kind = OWN[config.model_type][1]
    try:
        with quiet():
            if (built := _on_meta(kind, config)) is not None:
                check_sizes(built, shapes, folder / "config.json")
            return kind.from_pretrained(
                folder, config=config, dtype=dtype, use_safetensors=True, local_files_only=True,
                trust_remote_code=False, output_loading_info=True, **options,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: its weights do not load: {error}") from error


def _on_meta(kind: Any, config: Config) -> nn.Module | None:
    """The network of a config, without memory for its weights; None where it cannot be built, which loading reports."""
    config = deepcopy(config)
    try:
        with torch.device("meta"):
            return kind(config) if config.model_type in OWN else kind.from_config(config, trust_remote_code=False)
    except Exception:  # what a network does with a config that does not fit it is its own affair
        return None


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
