"""The network of an exported tagger, run by onnxruntime.

An ONNX file can name other files to be read, and operators that a library beside it defines. Here neither is possible:
a file is opened only when all its weights stand in it and all its operators are those of the ONNX standard, what was
checked is what is run, and no library of operators is ever registered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from salin.errors import ModelError, SettingError
from salin.models.decoding import Chain

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "logits"
_STANDARD = ("", "ai.onnx")


class OnnxNetwork:
    """Pieces in, tag scores out, on CPU and with as many threads as torch had when it was opened.

    Args:
        session: An `onnxruntime.InferenceSession`.
        chain: The scores between tags that decoding uses.
    """

    device = torch.device("cpu")

    def __init__(self, session: Any, chain: Chain):
        self._session = session
        self.chain = chain

    @classmethod
    def open(cls, path: Path, tags: Sequence[str], chain: Chain) -> OnnxNetwork:
        """Opens an exported network.

        Args:
            path: The ONNX file.
            tags: Tag names, in the order of its logits.
            chain: The scores between tags that decoding uses.

        Raises:
            ModelError: When the file is damaged, unsafe, or not the network of a tagger with these tags.
            SettingError: When the extra `salin[onnx]` is not installed.
        """
        runtime = onnx_extra("onnxruntime")
        content = path.read_bytes()
        _check_safe(path, content)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors
        # Patterns are kept for every shape of a batch, so that memory would grow with the input.
        options.enable_mem_pattern = False
        try:
            # Without its fused kernel of addition and LayerNorm, onnxruntime 1.31 is the faster (int8: by a third).
            session = runtime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
            )
        except Exception as error:  # each of its exceptions is a class of its own, without a common one
            raise ModelError(f"{path}: onnxruntime does not open it: {error}. Export the tagger again") from error
        _check_fits(path, session, len(tags))
        return cls(session, chain)

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of each tag at each piece, `[rows, length, tags]`, for `[rows, length]` inputs."""
        given = dict(zip(INPUTS, (input_ids.numpy(), attention_mask.numpy()), strict=True))
        return torch.from_numpy(self._session.run([OUTPUT], given)[0])


def onnx_extra(name: str) -> Any:
    """A module of the extra `salin[onnx]`.

    Raises:
        SettingError: When it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise SettingError(f"ONNX needs {name}, which is not installed: pip install 'salin[onnx]'") from error


def _check_safe(path: Path, content: bytes) -> None:
    """Refuses a file that names other files, or operators that are not part of the ONNX standard."""
    try:
        model: ModelProto = onnx_extra("onnx").load_model_from_string(content)
    except onnx_extra("google.protobuf.message").DecodeError as error:
        raise ModelError(f"{path}: no ONNX file, or a damaged one ({error}). Export the tagger again") from error
    external = onnx_extra("onnx").TensorProto.EXTERNAL
    if model.functions:
        raise ModelError(f"{path}: it defines operators of its own ({model.functions[0].name}), which is refused")
    for graph in _graphs(model.graph):
        for node in graph.node:
            if node.domain not in _STANDARD:
                raise ModelError(
                    f"{path}: its operator {node.op_type} is one of {node.domain}; only those of the ONNX standard "
                    "are run. Export the tagger with `salin export`"
                )
        for tensor in _tensors(graph):
            if tensor.data_location == external or tensor.external_data:
                raise ModelError(
                    f"{path}: weights of it ({tensor.name}) lie in another file, which is refused: a file could name "
                    "any. Export the tagger with `salin export`"
                )


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph and the graphs inside it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer or inner.sparse_initializer:
                    yield from _graphs(inner)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """All tensors that stand in a graph itself."""
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def _check_fits(path: Path, session: Any, tags: int) -> None:
    """Refuses a network that is not one of a tagger with so many tags."""
    inputs = {value.name: (value.type, len(value.shape)) for value in session.get_inputs()}
    outputs = {value.name: (value.type, value.shape[-1:]) for value in session.get_outputs()}
    if inputs != dict.fromkeys(INPUTS, ("tensor(int64)", 2)) or outputs.get(OUTPUT, ("", []))[0] != "tensor(float)":
        raise ModelError(
            f"{path}: not the network of a tagger: it takes {_named(inputs)} and gives {_named(outputs)}. Export the "
            "tagger with `salin export`"
        )
    if outputs[OUTPUT][1] != [tags]:
        raise ModelError(f"{path}: it gives scores of {outputs[OUTPUT][1]} tags, salin.json has {tags}")
    fixed = [size for value in session.get_inputs() for size in value.shape if isinstance(size, int)]
    if fixed:
        raise ModelError(f"{path}: it takes batches of one size alone. Export the tagger with `salin export`")


def _named(values: dict[str, tuple[str, Any]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, (kind, _) in values.items()) or "nothing"
