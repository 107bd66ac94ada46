"""What a tagger's folder holds beside its weights: tokenizer, settings, config, and the transitions of a CRF."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from salin.encoding import Bytes
from salin.errors import ModelError
from salin.files import write_json
from salin.models.crf import ConditionalRandomField
from salin.models.loading import CRF_TYPE, RIGHT_CONTEXT_TYPE
from salin.models.safety import check_safetensors
from salin.models.settings import TaggerSettings

ONNX_FILE = "model.onnx"
_CRF_FILE = "crf.safetensors"


def save_parts(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast | Bytes,
    settings: TaggerSettings,
    crf: ConditionalRandomField | None,
) -> None:
    """Writes them into a folder in which `config.json` stands already, and says all there is to know of bytes.

    A CRF, and a decoder that sees both sides, are stored under architectures of their own, at which transformers stops
    instead of ignoring what it does not know.
    """
    if not isinstance(tokenizer, Bytes):
        tokenizer.save_pretrained(folder)
    settings.save(folder)
    if crf is not None:
        save_file({name: tensor.contiguous() for name, tensor in crf.state_dict().items()}, folder / _CRF_FILE)
        _rename(folder, CRF_TYPE, "SalinCrfForTokenClassification")
    elif settings.right_context:
        _rename(folder, RIGHT_CONTEXT_TYPE, "SalinRightContextForTokenClassification")


def load_transitions(crf: ConditionalRandomField, folder: Path) -> None:
    """Gives a CRF the transitions of a folder.

    Raises:
        ModelError: When they are missing, damaged, or of other tags.
    """
    path = folder / _CRF_FILE
    check_safetensors(path)
    try:
        crf.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise ModelError(f"{path}: no transitions for these tags: {error}") from error


def runs_onnx(folder: Path) -> bool:
    """Whether a tagger's folder holds a network as ONNX; where there are weights for torch as well, they count."""
    weights = [path for path in folder.glob("*.safetensors") if path.name != _CRF_FILE]
    return (folder / ONNX_FILE).is_file() and not weights


def _rename(folder: Path, kind: str, architecture: str) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    renamed = {"backbone_model_type": config["model_type"], "model_type": kind, "architectures": [architecture]}
    write_json(folder / "config.json", {**config, **renamed})
