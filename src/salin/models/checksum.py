"""Checksums of models, to tell whether something was made with the same one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import nn

_LOADED = (".json", ".safetensors", ".txt", ".model", ".onnx", ".jinja")


@torch.no_grad()
def weights_checksum(module: nn.Module) -> str:
    """SHA-256 of all parameters and persistent buffers with their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def folder_checksum(folder: Path) -> str:
    """SHA-256 of the files of a model folder that decide what it does, with their names; not of its card."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in _LOADED and path.is_file()):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
