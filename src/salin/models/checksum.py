"""A checksum of weights, to tell whether something was made with the same model."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


@torch.no_grad()
def weights_checksum(module: nn.Module) -> str:
    """SHA-256 of all parameters and persistent buffers with their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
