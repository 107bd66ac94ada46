"""Layers in int8: a scale for each row, so that no row changes what becomes of another."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

WIDTH, HIDDEN, TAGS, VOCABULARY = 16, 32, 5, 20


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(3)
    shapes = {"table": (VOCABULARY, WIDTH), "up": (WIDTH, HIDDEN), "down": (HIDDEN, WIDTH), "out": (WIDTH, TAGS)}
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def network(
    weights: dict[str, np.ndarray], require: Callable[[str, bool], None]
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A table, two layers and an output layer, the first three of them in int8."""
    require("onnxruntime (pip install 'salin[onnx]')", find_spec("onnxruntime") is not None)
    import onnx
    import onnx_ir
    import onnxruntime

    from salin.models.quantization import OPSET, quantize

    text = f"""<ir_version: 10, opset_import: ["" : {OPSET}]>
    net (int64[rows, length] ids, float[rows, length, {WIDTH}] more) => (float[rows, length, {TAGS}] y) {{
        looked = Gather(table, ids)
        x = Add(looked, more)
        h = MatMul(x, up)
        back = MatMul(h, down)
        y = MatMul(back, out)
    }}"""
    made = onnx.parser.parse_model(text)
    made.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    model = onnx_ir.from_proto(made)
    quantize(model)
    proto = onnx_ir.to_proto(model)
    kinds = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    assert {name for name, kind in kinds.items() if kind == onnx.TensorProto.INT8} == {
        "table_int8",
        "up_int8",
        "down_int8",
    }
    assert not {"table", "up", "down"} & kinds.keys()
    assert kinds["out"] == onnx.TensorProto.FLOAT, "the output layer stays"
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda ids, more: session.run(None, {"ids": ids, "more": more})[0]


def batch(rows: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(rows)
    more = draw.normal(size=(rows, length, WIDTH)).astype(np.float32)
    return draw.integers(0, VOCABULARY, (rows, length)), more


def test_it_is_nearly_the_same_layer(network: Callable, weights: dict[str, np.ndarray]) -> None:
    ids, more = batch(4, 6)
    exact = (weights["table"][ids] + more) @ weights["up"] @ weights["down"] @ weights["out"]
    assert np.abs(network(ids, more) - exact).max() < 0.03 * np.abs(exact).max()


def test_a_row_is_the_same_beside_any_others(network: Callable) -> None:
    ids, more = batch(4, 6)
    together = network(ids, more)
    for row in range(4):
        np.testing.assert_allclose(network(ids[row : row + 1], more[row : row + 1])[0], together[row], atol=1e-3)


def test_a_huge_row_does_not_blur_the_others(network: Callable) -> None:
    ids, more = batch(4, 6)
    before = network(ids, more)
    more[0] *= 1e4
    np.testing.assert_allclose(network(ids, more)[1:], before[1:], atol=1e-3)


def test_a_row_of_zeros_gives_zeros(network: Callable, weights: dict[str, np.ndarray]) -> None:
    ids = np.zeros((1, 2), dtype=np.int64)
    # What the table gives in int8 is taken away again, all but a rounding error.
    step = np.abs(weights["table"][0]).max() / 127
    table = (np.rint(weights["table"][0] / step) * step).astype(np.float32)
    out = network(ids, np.broadcast_to(-table, (1, 2, WIDTH)).astype(np.float32))
    assert np.isfinite(out).all() and np.abs(out).max() < 1e-3
