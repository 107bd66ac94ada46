"""Checkpoints without pickle: weights and optimiser state as safetensors, the rest as JSON, whole or absent.

The loop's batches, schedule and random numbers are functions of the seed and the step alone, so that no random state
has to be kept: the step number is enough to go on exactly.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from salin.errors import SettingError
from salin.files import atomic_directory, recover_directory, write_json

NAME = "checkpoint"


def save_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Writes `folder/checkpoint` in place of the one that stands there.

    Args:
        folder: The run's folder.
        model: Its trained parameters and its buffers are written; those that are frozen stay what they were.
        optimizer: Its state tensors are written.
        state: JSON values: the step, the settings, the best score so far.
    """
    with atomic_directory(folder / NAME, marker="state.json") as temporary:
        save_file(cloned_state(model), temporary / "model.safetensors")
        save_file(_optimizer_tensors(model, optimizer), temporary / "optimizer.safetensors")
        write_json(temporary / "state.json", state)


def has_checkpoint(folder: Path) -> bool:
    """Whether a run there got so far as to leave something that it can go on from."""
    recover_directory(folder / NAME)
    return (folder / NAME / "state.json").exists()


def clear_left_overs(folder: Path) -> None:
    """Puts right what a killed run was writing: a checkpoint, the best weights, the log."""
    recover_directory(folder / NAME)
    for left_over in folder.glob(".*.tmp"):
        shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict[str, Any],
    may_differ: Callable[[Mapping[str, Any], int], Collection[str]] = lambda then, step: (),
) -> dict[str, Any] | None:  # fmt: skip
    """Loads the newest checkpoint into the model and the optimiser.

    Args:
        folder: The run's folder.
        model: What the weights are loaded into.
        optimizer: What its state is loaded into.
        settings: Those of the run that is to go on.
        may_differ: Told the settings then and the step that was reached, says which of them may be others now.

    Returns:
        The state that was saved with it, or None where there is no checkpoint.

    Raises:
        SettingError: When it was made with other settings.
    """
    if not has_checkpoint(folder):
        return None
    state = json.loads((folder / NAME / "state.json").read_text(encoding="utf-8"))
    free = may_differ(state["settings"], state["step"])
    names = (settings.keys() | state["settings"].keys()) - set(free)
    differing = sorted(name for name in names if settings.get(name) != state["settings"].get(name))
    if differing:
        changes = ", ".join(f"{k}: {state['settings'].get(k)} then, {settings.get(k)} now" for k in differing)
        raise SettingError(f"{folder}: its checkpoint was made with other settings ({changes}). Name another folder")
    model.load_state_dict(load_file(folder / NAME / "model.safetensors"), strict=False)
    _restore_optimizer(model, optimizer, load_file(folder / NAME / "optimizer.safetensors"))
    return state


def training_cost(folder: Path) -> dict[str, float]:
    """`seconds` and `peak_megabytes` of the run in a folder, all processes that took part in it one after another."""
    state = json.loads((folder / NAME / "state.json").read_text(encoding="utf-8"))
    return state.get("cost", {})


def cloned_state(model: nn.Module) -> dict[str, Tensor]:
    """What training changes of a model, as contiguous CPU copies.

    Tied tensors are there once, since safetensors refuses shared memory. Frozen parameters are left out: a model with
    adapters may have a hundred times as many as it trains.
    """
    frozen = {name for name, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad}
    seen: set[int] = set()
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name in frozen or (tensor.data_ptr() in seen and tensor.numel()):
            continue
        seen.add(tensor.data_ptr())
        tensors[name] = tensor.detach().to("cpu", copy=True).contiguous()
    return tensors


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            tensor = value if isinstance(value, Tensor) else torch.tensor(value)
            tensors[f"{names[parameter]}|{key}"] = tensor.detach().to("cpu", copy=True).contiguous()
    return tensors


def _restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = dict(model.named_parameters())
    for key, tensor in tensors.items():
        name, _, field = key.rpartition("|")
        parameter = parameters[name]
        # The step counter stays where the optimiser keeps it, on the CPU.
        optimizer.state[parameter][field] = tensor if tensor.dim() == 0 else tensor.to(parameter.device)
