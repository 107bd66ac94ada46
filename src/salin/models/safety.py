"""What is checked before a model folder is opened: no pickle, no code, whole weights, and a config that fits them.

A network is as large as its config says, and is built before its weights are read: what a config says is held against
what the weights hold first.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedConfig

from salin.errors import ModelError
from salin.values import is_list, is_object

_LARGEST_HEADER = 50_000_000
_PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npz"}
# Parts of keys through which a config has been made to run or fetch code, unless their value is a number (a size).
_UNSAFE = ("auto_map", "trust_remote_code", "implementation", "kernel", "quantization", "_name_or_path")
# Numbers of parts, of which configs make lists and names when they are read. No model has so many.
_COUNTS = re.compile("layer|num_labels|num_hidden_groups|inner_group_num")
_MOST = 10_000
# What architectures call the numbers of what they are built of, part by part.
_PARTS = (
    "num_hidden_layers", "num_layers", "encoder_layers", "decoder_layers", "num_decoder_layers", "num_hidden_groups",
    "inner_group_num", "byte_layers", "word_layers",
)  # fmt: skip
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
# A new head and what is stored but once and built twice. More than that is no model of these weights.
_MORE_NUMBERS = 2, 10_000_000

Shapes = Mapping[str, tuple[int, ...]]


def check_folder(folder: Path) -> Shapes:
    """Refuses folders that hold pickles, damaged safetensors, or an adapter for weights that lie elsewhere.

    Returns:
        The shape of each tensor that the folder holds.

    Raises:
        ModelError: Naming the file.
    """
    check_whole(folder)
    check_unpickled(folder)
    weights: list[Path] = []
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".index.json"):
            _check_shards(path)
        if path.suffix == ".safetensors":
            shapes |= check_safetensors(path)
            weights.append(path)
    if not weights:
        raise ModelError(f"{folder}: no .safetensors file. salin loads no other kind of weights")
    return shapes


def check_whole(folder: Path) -> None:
    """Refuses an adapter: where peft is installed, transformers would fetch the model that the adapter names.

    Raises:
        ModelError: Naming the file.
    """
    path = folder / "adapter_config.json"
    if path.exists():
        raise ModelError(
            f"{path}: this is an adapter (peft), which changes a model whose weights lie elsewhere, and salin opens "
            "whole models alone. Merge it into its base model and save that with its tokenizer "
            "(peft: `model.merge_and_unload().save_pretrained(FOLDER)`)"
        )


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


def check_safetensors(path: Path) -> Shapes:
    """Checks the header and that the file is as long as the header says.

    Returns:
        The shape of each tensor in it.

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
            tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
            end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
            shapes = {name: tuple(map(int, entry["shape"])) for name, entry in tensors.items()}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise ModelError(f"{path}: no safetensors file (its header is damaged). Get it again") from error
    if not isinstance(end, int) or size != 8 + header_size + end:
        raise ModelError(f"{path}: cut off or damaged: {size} bytes, of which its header says that {end} are tensors")
    return shapes


def without_unsafe_keys(value: Any) -> Any:
    """A config, and configs inside it, without the keys through which code comes in."""
    if is_list(value):
        return [without_unsafe_keys(item) for item in value]
    if not is_object(value):
        return value
    return {
        key: without_unsafe_keys(item)
        for key, item in value.items()
        if not any(part in key for part in _UNSAFE) or (isinstance(item, int | float) and not isinstance(item, bool))
    }


def check_counts(config: Mapping[str, Any], path: Path) -> None:
    """Refuses numbers of parts that no model has, before transformers makes lists of that length.

    Args:
        config: As it stands in the file.
        path: The file.

    Raises:
        ModelError: Naming the first.
    """
    for key, value in config.items():
        if is_object(value):
            check_counts(value, path)
        elif isinstance(value, int) and value > _MOST and _COUNTS.search(key):
            raise ModelError(f"{path}: {key} is {value}, and no model has so many. Get the file again")


def check_parts(config: PreTrainedConfig, shapes: Shapes, path: Path) -> None:
    """Refuses a config with more blocks than the weights hold: a network is built block by block.

    Args:
        config: What is to be built.
        shapes: What the weights hold.
        path: Where the config stands.

    Raises:
        ModelError: Naming the number.
    """
    for part in _PARTS:
        number = getattr(config, part, 0)
        if isinstance(number, int) and number > len(shapes):
            raise ModelError(f"{path}: {part} is {number}, but its weights are {len(shapes)} tensors in all")
    # Where blocks share their weights (ALBERT), what is stored says nothing of how many there are.
    blocks, stored = getattr(config, "num_hidden_layers", 0), _stored_blocks(shapes)
    if stored and isinstance(blocks, int) and blocks > stored and not hasattr(config, "num_hidden_groups"):
        raise ModelError(
            f"{path}: num_hidden_layers is {blocks}, but its weights hold {stored} blocks: they do not fit its config"
        )


def check_sizes(network: nn.Module, shapes: Shapes, path: Path) -> None:
    """Refuses a config whose vocabulary and vectors are others than those of the weights, or far more than they hold.

    Args:
        network: Built of the config on torch's device `meta`, where it takes no memory.
        shapes: What the weights hold.
        path: Where the config stands.

    Raises:
        ModelError: Saying what does not fit.
    """
    built = sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()))
    stored = sum(map(prod, shapes.values()))
    times, more = _MORE_NUMBERS
    if built > times * stored + more:
        raise ModelError(
            f"{path}: it describes a network of {built:,} numbers, but its weights do not hold more than {stored:,}"
        )
    embedding = next((module for module in network.modules() if isinstance(module, nn.Embedding)), None)
    if embedding is not None and tuple(embedding.weight.shape) not in shapes.values():
        rows, width = embedding.weight.shape
        raise ModelError(
            f"{path}: it has a vocabulary of {rows:,} and vectors of {width:,}, but its weights do not fit its config: "
            "they have no such embedding"
        )


def _stored_blocks(shapes: Shapes) -> int:
    """How many blocks the names of tensors number: the most of any one kind, as in `encoder.layer.3.output`."""
    numbered = {name[: numbers[-1].end()] for name in shapes if (numbers := list(_NUMBER.finditer(name)))}
    kinds = Counter(_NUMBER.sub("#", f"{block}.") for block in numbered)
    return max(kinds.values(), default=0)


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
    """Whether a file is a pickle or a torch archive, by its name or by what it begins with.

    A pickle of the oldest protocol is plain text like any other, and is known by its name alone; nothing opens one that
    is called otherwise.
    """
    if path.suffix.lower() in _PICKLED:
        return True
    with open(path, "rb") as file:
        start = file.read(64)
    if path.suffix == ".safetensors" and start[8:9] == b"{":
        return False  # the size of its header may begin like a pickle; what follows is checked in full
    if start.startswith(b"PK\x03\x04"):
        return _holds_pickle(path)
    return start[:1] == b"\x80" and len(start) > 1 and start[1] <= 5


def _holds_pickle(archive: Path) -> bool:
    try:
        with zipfile.ZipFile(archive) as packed:
            return any(Path(name).suffix.lower() in _PICKLED for name in packed.namelist())
    except zipfile.BadZipFile:
        return False  # torch does not open it either
